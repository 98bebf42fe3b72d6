# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New options for the engine of a host: what is wanted, what it needs, and the rollback if it does not start with them."""

from __future__ import annotations

import os
from typing import Any, Dict, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._core import client as docker_client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine import configuration
from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import TLS_FILES, problems, version_matters
from ansible_collections.apiary.swarm.plugins.module_utils._engine.redaction import redact, redact_text, without_secrets
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import LOOK_AT_THE_LOG, UNIT, Files, Host, Read

# options and drop_in (texts of files) and engine (in words): what is compared.
State = Dict[str, Any]
DATA_ROOT = "/var/lib/docker"
ABSENT, STOPPED, RUNS = "is not there", "is stopped", "runs with these options"
REPLACED = "runs a program that was replaced since"


class Wanted(NamedTuple):
    """What should be, and what follows from it."""

    options: dict[str, Any]
    drop_in: str | None
    action: str
    # The names of the options that the running engine has not read.
    unread: list[str]
    # What to go back to.
    previous: Files
    # What the running engine has read, where that is known.
    read: Read | None
    running: bool
    # New files that the engine's own validation could not check yet, because one of TLS that they name is not there.
    unchecked: Files | None
    # What daemon.json holds.
    present: dict[str, Any]

    def text(self, present: str | None) -> str | None:
        """The file's text; that which is there where it says the same."""
        try:
            if configuration.same(configuration.parse(present), self.options):
                return present
        except ValueError:
            pass
        return configuration.serialise(self.options)


def observe(host: Host, params: dict[str, Any]) -> tuple[State, Wanted]:
    """What is, and what should be; nothing is written.

    :param params: the options of daemon_config but C(path) and C(wait_timeout), which the host has.
    :raises SwarmError: the options are refused.
    """
    action = f"set the daemon options of '{host.name}'"
    if os.geteuid() != 0:
        raise could_not(action, "it requires root", "Run the task as root (become: true)")
    units = bool(host.unit_texts())
    if params["apply"] != "none" and units:
        host.settle()
    files = host.files()
    try:
        present = configuration.parse(files.options)
    except ValueError as error:
        if not params["exclusive"]:
            cause = f"the file '{host.path}' is not valid JSON: {error}"
            raise could_not(action, cause, "Correct the file, or set exclusive to replace it") from error
        present = {}
    options = configuration.merge(present, params["options"], params["exclusive"])
    changes = not configuration.same(present, options)
    version = host.version() if changes and version_matters(options) else None
    refused = problems(params["options"], options, params["allow_unknown"], host.name, version)
    if refused:
        raise SwarmError(" ".join(refused))
    drop_in = host.wanted_drop_in(options, files.drop_in)
    running = host.pid() is not None
    read = host.has_read(files) if running else None
    # What the engine runs with, or ran: somebody may have changed the file since.
    known = read if running else host.recorded()
    keep_identity(host, known.options if known else present, options)
    needed, unread = what_is_needed(host, options, drop_in, read, present, params["renewed"]) if running else (configuration.NOTHING, [])
    replaced = running and params["restart_replaced"] and host.program_replaced()
    if replaced or (not running and units and params["apply"] != "none"):
        needed = configuration.RESTART
    previous = previous_files(files, read if running else host.recorded())
    wanted = Wanted(options, drop_in, needed, unread, previous, read, running, None, present)
    new = Files(wanted.text(files.options), drop_in)
    if new != files:
        # In check mode the task that would make the files of TLS may not have run.
        if any(no_file(host, options.get(name)) for name in TLS_FILES):
            wanted = wanted._replace(unchecked=new)
        else:
            refuse(host, new, options, present)
    if not units and needed == configuration.RESTART and params["apply"] == "restart":
        raise could_not(f"restart the engine of '{host.name}'", f"there is no unit {UNIT}", "Restart it, and run the task again")
    engine = (
        (RUNS if needed == configuration.NOTHING else REPLACED if replaced else f"has not read {', '.join(unread)}")
        if running
        else (STOPPED if units else ABSENT)
    )
    return {"options": files.options, "drop_in": files.drop_in, "engine": engine}, wanted


def desired_state(current: State, wanted: Wanted, apply: str) -> State:
    """The files with what is wanted, and an engine that has read them, as far as the module may see to it."""
    if apply == "reload" and wanted.running and wanted.action == configuration.RESTART:
        return current
    engine = current["engine"]
    if apply != "none" and wanted.action != configuration.NOTHING:
        engine = RUNS
    return {"options": wanted.text(current["options"]), "drop_in": wanted.drop_in, "engine": engine}


def what_is_needed(
    host: Host, options: dict[str, Any], drop_in: str | None, read: Read | None, present: dict[str, Any], foretold: list[str]
) -> tuple[str, list[str]]:
    """What the running engine needs, and the options that it has not read."""
    if read is None:
        return configuration.RESTART, sorted({*options, *present})
    listeners = ["hosts"] if read.drop_in != drop_in else []
    # The engine reads these files when it starts, and only then.
    renewed = [*host.renewed(options, TLS_FILES), *(name for name in foretold if name in options)]
    unread = sorted({*configuration.differing(read.options, options), *listeners, *renewed})
    return configuration.RESTART if listeners or renewed else configuration.needed(read.options, options), unread


def previous_files(files: Files, last: Read | None) -> Files:
    """What to go back to: what an engine last ran with, or else what is there."""
    if last is None:
        return files
    try:
        if configuration.same(configuration.parse(files.options), last.options):
            return Files(files.options, last.drop_in)
    except ValueError:
        pass
    return Files(configuration.serialise(last.options), last.drop_in)


def keep_identity(host: Host, present: dict[str, Any], options: dict[str, Any]) -> None:
    """Refuse an engine that would come up with another data-root: as nobody in its swarm, or empty because nobody has named the old one."""
    old, new = (str(some.get("data-root") or DATA_ROOT) for some in (present, options))
    before, after = (str(some.get("userns-remap") or "") for some in (present, options))
    if before != after and host.is_member(old):
        cause = "this host is a node of a swarm, and with other user namespaces the engine begins in another folder, as nobody"
        advice = "Have the host leave the swarm first"
        raise could_not(f"set daemon option 'userns-remap' of host '{host.name}' to '{after}'", cause, advice)
    if old != new and host.is_member(old) and not host.is_member(new):
        cause = f"this host is a node of a swarm, and its identity would stay behind in '{old}'"
        advice = f"Keep '{old}', or have the host leave the swarm first, or move the directory while its engine is stopped"
        raise could_not(f"set daemon option 'data-root' of host '{host.name}' to '{new}'", cause, advice)
    if old != new and not options.get("data-root") and host.changed_at(old) is not None:
        cause = f"the options do not set it, and the engine would leave all its images and volumes behind in '{old}'"
        advice = f"Set data-root to '{old}', or to '{new}' if that is intended"
        raise could_not(f"take daemon option 'data-root' of host '{host.name}' out", cause, advice)


def no_file(host: Host, path: Any) -> bool:
    """An option names a file that is not there."""
    return isinstance(path, str) and host.changed_at(path) is None


def refuse(host: Host, files: Files, options: dict[str, Any], present: dict[str, Any]) -> None:
    """Refuse what the engine's own validation refuses."""
    words = host.refusal(files)
    if words:
        names = ", ".join(configuration.differing(present, options)) or "hosts"
        cause = f"dockerd refuses them: {without_secrets(words, options, present)}"
        advice = "Nothing was changed; correct them and run the task again"
        raise could_not(f"apply the daemon options of '{host.name}' ({names})", cause, advice)


def check_rest(host: Host, wanted: Wanted) -> None:
    """Refuse, outside check mode, what could not be checked when it was observed."""
    if wanted.unchecked is not None:
        refuse(host, wanted.unchecked, wanted.options, wanted.present)


def roll_out(host: Host, wanted: Wanted, after: State, apply: str) -> None:
    """Write the files, and let the engine read them if that is asked for."""
    check_rest(host, wanted)
    new = Files(after["options"], after["drop_in"])
    todo = wanted.action if apply != "none" else configuration.NOTHING
    if todo != configuration.NOTHING and not docker_client.HAS_SDK:
        host.connect()  # it says what is missing, before anything is written
    client = host.connect() if todo == configuration.RELOAD else None
    if wanted.read is not None and not host.noted():
        host.record(wanted.read)  # once the files are newer than the engine nobody could tell any more
    if todo == configuration.NOTHING:
        host.write(new)
    elif client is not None:
        reload_with(host, wanted, new, client)
    else:
        restart_with(host, wanted, new)


def reload_with(host: Host, wanted: Wanted, new: Files, client: docker_client.Client) -> None:
    """Write and reload, or go back."""
    host.write(new)
    words = host.reload(client)
    if words is None:
        host.record(Read(wanted.options, wanted.drop_in))
        return
    host.write(wanted.previous)
    host.reload(client)
    names = ", ".join(wanted.unread)
    cause = f"the engine rejected them: {without_secrets(words, wanted.options)}"
    advice = f"The old options were restored; correct {names} and run the task again"
    raise could_not(f"apply the daemon options of '{host.name}' ({names})", cause, advice)


def restart_with(host: Host, wanted: Wanted, new: Files) -> None:
    """Write and restart, or go back."""
    old = wanted.previous
    try:
        old_options = configuration.parse(old.options)
    except ValueError:
        old_options = {}
    changed = sorted({*wanted.unread, *configuration.differing(old_options, wanted.options)})
    anew = "hosts" in changed or old.drop_in != new.drop_in
    host.write(new)
    words = host.restart(anew)
    if words is None:
        host.record(Read(wanted.options, wanted.drop_in))
        return
    words = without_secrets(words, wanted.options, old_options)
    if old == new:
        advice = f"There are no earlier options to restore. {LOOK_AT_THE_LOG}, fix it and run the task again"
        raise could_not(f"start the engine of '{host.name}'", words, advice)
    host.write(old)
    again = host.restart(anew)
    names = ", ".join(changed) or "hosts"
    back = "The old options were restored" if old.options is not None else "There was no earlier file, so the new one was removed"
    if again is None:
        host.record(Read(old_options, old.drop_in))
        advice = f"{back} and the engine runs with {'them' if old.options is not None else 'none'}; correct {names} and run the task again"
    else:
        again = without_secrets(again, wanted.options, old_options)
        advice = (
            f"{back}, but the engine does not start with {'them' if old.options is not None else 'none'} either: {again}. {LOOK_AT_THE_LOG}"
        )
    raise could_not(f"apply the daemon options of '{host.name}' ({names})", f"the engine did not start: {words}", advice)


def difference(before: State, after: State) -> dict[str, Any]:
    """The diff using daemon.json's key names; what is no option stands in parentheses."""
    return {"before": described(before, before, after), "after": described(after, before, after)}


def described(state: State, before: State, after: State) -> dict[str, Any]:
    """One side of the diff."""
    try:
        shown = redact("", configuration.parse(state["options"]))
    except ValueError:
        shown = {"(file)": redact_text(state["options"])}
    if before["drop_in"] or after["drop_in"]:
        shown["(drop-in)"] = (state["drop_in"] or "").splitlines()
    if before["engine"] != after["engine"]:
        shown["(engine)"] = state["engine"]
    return {name: shown[name] for name in sorted(shown)}
