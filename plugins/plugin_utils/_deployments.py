# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of the registry, the images and the stacks, from what their modules' check mode has answered."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import SWARM, Change, Section

# What of an object's plan is a change.
CHANGES = ("create", "update", "remove")
# So many differences of one object are shown in its line; the diff has all.
SHOWN = 4

# The result of a task: that of module stack or registry_stack in check mode.
Answer = Any


def plan(registry: Answer | None, images: Answer | None, stacks: dict[str, Answer]) -> Section:
    """What deploying will do.

    :param registry: the answer of registry_stack; None where there is to be no registry.
    :param images: the answer of stack_images, with C(builds), what was predicted of its builds; None where nothing is built.
    :param stacks: stack name -> the answer of stack.
    :returns: data: C(registry) and C(images), whether there is anything to do, C(stacks), the names of those to deploy or to wait for.
    """
    problems, changes, warnings = [], [], []
    data: dict[str, Any] = {"registry": False, "images": False, "stacks": []}
    created = False
    # A registry that has no place yet gets one in this run, by a label or a node that is new; what is deployed from it has no name before.
    placed = registry is None or bool(registry.get("address")) or failed(registry)
    if not placed:
        warnings.append("The registry has no address yet; images and stacks are planned when it has one.")
    if registry is not None:
        found = stack_section(registry)
        problems += found.problems
        changes += found.changes
        created = any(change.verb == "create" for change in found.changes)
        data["registry"] = bool(found.changes) or not registry.get("converged")
        if data["registry"] and not found.changes and not found.problems:
            warnings.append("The registry is not healthy; the run waits for it.")
    if images is not None:
        silent = "msg" in images
        problems += [unbuildable(build) for build in images.get("builds") or [] if "msg" in build]
        if silent and not data["registry"]:
            problems.append(str(images["msg"]))
        missing = images.get("missing") or []
        # A registry that is only down has most of them: which it lacks is found out when it is up.
        if not silent or created:
            changes += [missing_image(image) for image in missing] + [tagged_image(image) for image in images.get("untagged") or []]
        data["images"] = bool(missing or images.get("untagged"))
    coming: list[str] = []
    # Their images get digests that nobody knows yet, also where the plan of the stack sees no difference.
    unbuilt = {image.get("project") for image in (images or {}).get("missing") or []}
    for name, answer in stacks.items():
        found = stack_section(answer, name)
        needs = [other for other in coming if found.problems and f"'{other}'" in answer["msg"].replace('"', "'")]
        if found.problems and not placed:
            pass  # what was wrong may be the name of an image alone, and is told when its turn comes
        elif needs:
            warnings.append(f"Stack '{name}' needs {', '.join(needs)}, which come with an earlier stack; it is planned later.")
        else:
            problems += found.problems
        changes += found.changes
        coming += [item["name"] for item in answer.get("plan") or [] if item["action"] == "create"]
        if found.changes or not answer.get("converged") or name in unbuilt or not placed:
            data["stacks"].append(name)
        if not found.changes and not found.problems and not answer.get("converged"):
            warnings.append(f"Stack '{name}' is not healthy; the run waits for it.")
    return Section(problems, warnings, changes, data)


def missing_image(image: dict[str, Any]) -> Change:
    """An image that the registry does not have."""
    return Change(SWARM, "image", "build" if image.get("project") else "push", f"{image['name']}: the registry does not have it")


def unbuildable(build: Answer) -> str:
    """Why an image cannot be built, from the prediction of its build."""
    reason = str(build["msg"]).strip()
    if not build.get("unreachable"):
        return reason
    name = (build.get("__images_item") or {}).get("name", "")
    cause = f"the build host does not answer ({reason.rstrip('.')})"
    return f"Could not build image '{name}': {cause}. Bring it up, or set images_builder."


def left_out(images: Answer) -> list[str]:
    """Why stacks cannot be deployed whose images are to be built, in a run that builds none."""
    return [
        f"Could not deploy stack '{image['project']}': the image of its service '{image['service']}' is to be built, and this run skips "
        "images. Run without --skip-tags images."
        for image in images.get("missing") or []
        if image.get("project")
    ]


def tagged_image(image: dict[str, Any]) -> Change:
    """An image that gets the name that its Compose file gives it, too."""
    return Change(SWARM, "image", "tag", f"{image['name']}: also {image['tag']}")


def before_there_is_a_swarm(
    registry: str | None, images: list[dict[str, Any]], stacks: list[dict[str, Any]], elsewhere: bool = False
) -> Section:
    """What deploying will do on hosts that are no cluster yet: all of it.

    :param registry: name of the registry's stack.
    :param images: those that are to be in the registry, with C(name) and, where they are built, C(project).
    :param stacks: projects with C(name) and C(state).
    :param elsewhere: somebody else's registry takes the images.
    """
    changes = [Change(SWARM, "registry", "deploy", f"stack {registry}")] if registry else []
    if registry or elsewhere:
        changes += [Change(SWARM, "image", "build" if image.get("project") else "push", str(image["name"])) for image in images]
        changes += [tagged_image(image) for image in images if image.get("tag")]
    names = [project["name"] for project in stacks if project.get("state", "present") == "present"]
    problems = twice(stacks)
    if not (registry or elsewhere):
        built = [image for image in images if image.get("project") in names]
        problems += [
            f"Could not deploy stack '{image['project']}': the image of its service '{image['service']}' is to be built, and there is no "
            "registry for it. Set registry_enabled, or name an image instead."
            for image in built
        ]
    changes += [Change(SWARM, "stack", "deploy", name) for name in names]
    warnings = [
        f"Service '{image['service']}' of project '{image['project']}' needs BuildKit: its Dockerfile uses what the legacy builder "
        "does not support. Install docker-buildx on the build host."
        for image in images
        if image.get("buildkit")
    ]
    data = {"registry": bool(registry), "images": bool(images), "stacks": [project["name"] for project in stacks]}
    return Section(problems, warnings, changes, data)


def twice(stacks: list[dict[str, Any]]) -> list[str]:
    """The stacks that are there more than once: only the first one would be deployed."""
    names = [str(project["name"]) for project in stacks]
    return [
        f"Could not plan stack '{name}': stacks_projects has it {names.count(name)} times. Use a different name for each."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def failed(answer: Answer) -> bool:
    """The task did not succeed: it says why, and nothing of what a success says. (C(failed_when) has hidden C(failed).)"""
    return "msg" in answer and "converged" not in answer


def stack_section(answer: Answer, name: str = "") -> Section:
    """The objects of one stack that change, or why that cannot be."""
    problems = [str(answer["msg"])] if failed(answer) else []
    changes = []
    for item in answer.get("plan") or []:
        if item["action"] in CHANGES:
            verb = {"create": "create", "update": "update", "remove": "remove"}[item["action"]]
            before = {path: old for path, old, _new in item["changes"]} or None
            after = {path: new for path, _old, new in item["changes"]} or None
            changes.append(Change(SWARM, item["kind"], verb, object_text(item), before, after))
    if answer.get("release") and not problems:
        changes.append(Change(SWARM, "release", "record", release_text(name, answer)))
    if answer.get("changed") and not changes and not problems:
        changes.append(Change(SWARM, "stack", "deploy", str(answer.get("item") or answer.get("name") or "")))
    return Section(problems, [], changes, {})


def release_text(name: str, answer: Answer) -> str:
    """The release that a stack's deployment records, in a line; what goes for it."""
    removed = ", ".join(map(str, answer.get("releases_removed") or []))
    return f"{name} {answer['release']}" + (f", removes {removed}" if removed else "")


def object_text(item: dict[str, Any]) -> str:
    """One object of a stack in a line."""
    told = [f"{path} {short(old)} → {short(new)}" for path, old, new in item["changes"][:SHOWN]]
    if len(item["changes"]) > SHOWN:
        told.append(f"and {len(item['changes']) - SHOWN} more")
    replaced = {"all": "replaces all tasks", "some": "replaces some tasks"}.get(str(item.get("replaces_tasks")), "")
    text = item["name"] + (f": {', '.join(told)}" if told else "")
    return f"{text}; {replaced}" if replaced else text


def short(value: Any) -> str:
    """A value in a line: digests and long texts are cut."""
    text = "(none)" if value is None else str(value)
    head, at, digest = text.partition("@sha256:")
    text = f"{head}@{digest[:8]}" if at else text
    return text if len(text) <= 60 else f"{text[:57]}..."
