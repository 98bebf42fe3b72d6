# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run as one piece: which rooms are asked, which groups act, and how a person reads it."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change, Section

# Each part of the plan, in the order in which it is done, with the tags that ask for it. Its plays in site.yml run always, and have the
# part's own name for a tag, by which it is left out.
PARTS: dict[str, tuple[str, ...]] = {
    "preflight": ("preflight", "engine", "cluster", "registry", "images", "stacks"),
    "tls": ("tls", "engine", "registry"),
    "engine": ("engine",),
    "cluster": ("cluster", "registry", "images", "stacks"),
    "archives": ("archives", "registry", "images", "stacks"),
    "registry": ("registry", "images", "stacks"),
    "images": ("images", "stacks"),
    "stacks": ("stacks",),
}
HEAD = "Plan: {changes} on {hosts}"
NOTHING = "Plan: nothing to do"


def parts_of(run_tags: list[str], skip_tags: list[str], parts: list[str]) -> list[str]:
    """The parts that this run is about.

    :param run_tags: as C(--tags) gives them; C(all) where it is not given.
    """
    everything = {"all", "tagged"} & set(run_tags)
    return [
        part
        for part, tags in PARTS.items()
        if part in parts and (everything or set(tags) & set(run_tags)) and not {part, "all", "tagged"} & set(skip_tags)
    ]


def in_groups(groups: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The groups that plays act on, a host each, as add_host takes them."""
    hosts: dict[str, list[str]] = {}
    for group, members in groups.items():
        for host in members:
            hosts.setdefault(host, []).append(group)
    return [{"host": host, "groups": names} for host, names in hosts.items()]


def as_data(section: Section) -> dict[str, Any]:
    """A section as plain data."""
    return {**section._asdict(), "changes": [change._asdict() for change in section.changes]}


def from_data(data: dict[str, Any]) -> Section:
    """A section from plain data."""
    return Section(data["problems"], data["warnings"], [Change(**change) for change in data["changes"]], data["data"])


def table(section: Section, right: str, paint: Callable[[str, str], str] = lambda text, kind: text) -> list[str]:
    """The plan as a person reads it, a line an element.

    :param right: what is said of all that is as it should be.
    :param paint: colours a text by its kind: head, verb or warning.
    """
    rows = [(change.host, change.subject, change.verb, change.text) for change in section.changes]
    if rows:
        hosts = {row[0] for row in rows}
        head = HEAD.format(
            changes=counted(len(rows), "change"), hosts=", ".join(sorted(hosts)) if len(hosts) < 4 else f"{len(hosts)} hosts"
        )
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [paint(head, "head")]
        for host, subject, verb, text in rows:
            lines.append(f"  {host:<{widths[0]}}  {subject:<{widths[1]}}  {paint(f'{verb:<{widths[2]}}', 'verb')}  {text}".rstrip())
    else:
        lines = [paint(NOTHING, "head")]
    lines += [paint(f"  ! {warning}", "warning") for warning in section.warnings]
    if right:
        lines.append(f"  = {right}")
    return lines


def counted(number: int, word: str) -> str:
    """A number with its word."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def unchanged(section: Section, hosts: list[str]) -> str:
    """One line for the hosts that nothing is done to."""
    busy = {change.host for change in section.changes}
    calm = [host for host in hosts if host not in busy]
    if not calm:
        return ""
    return f"up to date: {', '.join(calm) if len(calm) < 8 else f'{len(calm)} of {len(hosts)} hosts'}"


def diff(section: Section) -> list[dict[str, Any]]:
    """The plan as Ansible shows a diff: an element a host and subject, before and after as data or, where there is none, as the line."""
    answer: dict[tuple[str, str], dict[str, Any]] = {}
    for change in section.changes:
        entry = answer.setdefault(
            (change.host, change.subject),
            {
                "before_header": f"{change.host} {change.subject}",
                "after_header": f"{change.host} {change.subject}",
                "before": {},
                "after": {},
            },
        )
        if isinstance(change.before, dict) or isinstance(change.after, dict):
            entry["before"].update(change.before or {})
            entry["after"].update(change.after or {})
        else:
            entry["after"][f"{change.verb} {change.text}"] = True
    return list(answer.values())
