# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment from its plan to its end: plan, apply what differs, wait, prune. What the modules call."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import CONFLICT_ATTEMPTS
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import cli, leftovers, order, parts, plan, remove, sources
from ansible_collections.apiary.swarm.plugins.module_utils._stack.converge import Waiting, wait_for_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.finish import Ending, failed, finish
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Memory, Recorder
from ansible_collections.apiary.swarm.plugins.module_utils._stack.rules import NOT_TOLD, Rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.validate import refusals


@dataclass(frozen=True)
class Wish:
    """What a task asks for.

    :ivar files: Compose files on this host.
    :ivar bundle: those that came with the task.
    :ivar keep_versions: how many versions of a config or secret stay.
    :ivar keep_releases: how many releases stay; 0: none is made.
    """

    stack: str
    rules: Rules
    files: list[str] = field(default_factory=list)
    definitions: list[dict[str, Any]] = field(default_factory=list)
    env: dict[str, Any] = field(default_factory=dict)
    bundle: dict[str, Any] = field(default_factory=dict)
    flags: cli.Flags = field(default_factory=cli.Flags)
    prune: bool = False
    keep_versions: int = 3
    mask_env: bool = True
    wait_for_dependencies: bool = False
    wait: bool = True
    wait_timeout: float = 300
    max_failures: int = 0
    rollback: bool = False
    keep_releases: int = 0

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """Full service name -> those that it depends on."""
        given = self.bundle.get("depends_on", {})
        return {f"{self.stack}_{name}": [f"{self.stack}_{other}" for other in others] for name, others in given.items()}

    @property
    def seconds(self) -> float:
        """How long one part of a wait may take; 0: there are no parts."""
        return self.bundle.get("report_every", 0)

    @property
    def kept(self) -> int:
        """How many versions stay; 0, which is all, when nobody waits until the new ones run."""
        return self.keep_versions if self.rules.rotate and self.wait else 0


def present(client: Client, check: bool, wish: Wish) -> dict[str, Any]:
    """The stack is there as its definition says and runs; in check mode, what that would take."""
    services = all_services(client, check, wish.stack)
    if services is None:
        return unknown_plan(wish.stack)
    command = cli.find(wish.stack)
    with sources.prepare(wish.stack, wish.files, wish.definitions, wish.env, wish.bundle) as laid_out:
        memory = Memory(services)
        rules = wish.rules if check else replace(wish.rules, assumed={})
        recorder, said = run(command, Recorder(client, False, memory, rules), wish, laid_out)
        operations = recorder.operations
        operations += leftovers.leftovers(operations, recorder.snapshot, wish.stack, wish.prune, wish.kept)
        outcome = {**result(operations, wish.mask_env), "warnings": warnings(said, operations), "services": {}}
        problems = plan.problems(operations) + unreachable(recorder, wish.rules) + stray_mounts(operations, laid_out)
        refuse(wish.stack, problems + circles(wish) + refusals(recorder), outcome)
        if check:
            return outcome
        ending = ending_of(wish, operations, outcome)
        if any(item.action in ("create", "update") for item in operations):
            part = with_outcome(outcome, lambda: written(command, client, memory, wish, laid_out, ending))
            if part:
                return {**outcome, **part}
        else:
            ending.waiting.listed = recorder.snapshot.of_stack("services", wish.stack)
    if not wish.wait:
        return outcome
    return {**outcome, **with_outcome(outcome, lambda: finish(client, ending, wish.seconds))}


def go_on(client: Client, bundle: dict[str, Any], rest: dict[str, Any], wish: Callable[[], Wish]) -> dict[str, Any]:
    """A later part of a deployment or removal.

    :param rest: what the part before has handed on.
    :param wish: what the task asks for; its definition comes again with the part that needs it.
    """
    if "removal" in rest:
        return {"changed": True, **remove.remove(client, remove.Removal.of(rest["removal"]), bundle["report_every"])}
    ending = Ending.of(rest["ending"])
    if "definitions" in bundle:
        return {"changed": True, **next_step(client, wish(), ending)}
    return {"changed": True, **finish(client, ending, bundle["report_every"])}


def next_step(client: Client, wish: Wish, ending: Ending) -> dict[str, Any]:
    """The next writes of a deployment, once the services that they wait for run, and its end.

    They are planned again: what was captured may hold passwords, so one process does not hand it on to the next.
    """
    part = finish(client, ending, wish.seconds)  # the wait is over, but the Engine may be away for a moment
    if "unwritten" not in part:
        return part
    ending.past_the_step()
    with ExitStack() as folder:
        try:
            command = cli.find(wish.stack)
            laid_out = folder.enter_context(sources.prepare(wish.stack, wish.files, wish.definitions, wish.env, wish.bundle))
            require_the_planned(wish.stack, laid_out, ending)
        except SwarmError as error:
            return failed(client, ending, error, wish.seconds)
        part = written(command, client, Memory(learned=ending.learned), wish, laid_out, ending)
    if part or not wish.wait:
        return part or {"services": {}}
    return finish(client, ending, wish.seconds)


def require_the_planned(stack: str, laid_out: sources.Sources, ending: Ending) -> None:
    """Files on the manager may have become others since they were planned and checked.

    :raises SwarmError: they have.
    """
    if laid_out.digest != ending.learned["definition"]:
        raise SwarmError(f"Could not deploy stack '{stack}': its files have changed since they were planned. Run again.")


def ending_of(wish: Wish, operations: list[Operation], outcome: dict[str, Any]) -> Ending:
    """What is left to do when all is written."""
    touched = {item.name: item.action for item in operations if item.kind == "services" and item.after}
    changed = wish.keep_releases and outcome["changed"]
    # The paths of the changes; their values may be passwords.
    entries = [
        {**entry, "changes": [change[:1] for change in entry["changes"]]} for entry in outcome["plan"] if entry["action"] in plan.WRITES
    ]
    return Ending(
        Waiting(wish.stack, touched, Time(wish.wait_timeout), wish.max_failures),
        removals=[[item.kind, item.name, item.object_id] for item in operations if item.action == "remove"],
        rollback=wish.rollback,
        release={"who": wish.bundle.get("who", ""), "entries": entries, "keep": wish.keep_releases} if changed else {},
        keep_replicas=wish.rules.keep_replicas,
    )


def written(command: str, client: Client, memory: Memory, wish: Wish, laid_out: sources.Sources, ending: Ending) -> dict[str, Any]:
    """Write; where that fails half way, go back if that is asked for.

    :returns: nothing when all is written; or C(progress) and C(unfinished), to go on with.
    """
    try:
        report = apply(command, client, memory, wish, laid_out, ending)
    except SwarmError as error:
        return failed(client, ending, error, wish.seconds)
    if not report:
        return {}
    ending.learned = {**memory.packed(), "definition": laid_out.digest}
    return {"services": {}, **parts.part(client, report, ending=asdict(ending))}


def with_outcome(outcome: dict[str, Any], work: Callable[[], Any]) -> Any:
    """Do some work; its failure tells what the run has planned, and in part done."""
    try:
        return work()
    except SwarmError as error:
        error.details = outcome
        raise


def absent(client: Client, check: bool, stack: str, timeout: float, seconds: float = 0) -> dict[str, Any]:
    """Nothing is left of the stack; in check mode, what would go."""
    operations: list[Operation] = []
    part: dict[str, Any] = {}
    if in_control(client, check, stack, "remove"):
        operations = remove.plan_removal(client, stack)
        lingering = bool(remove.tasks_left(client, stack))
        if (operations or lingering) and not check:
            objects = [[item.kind, item.name, item.object_id] for item in operations]
            removal = remove.Removal(stack, objects, Time(timeout))
            part = with_outcome(result(operations), lambda: remove.remove(client, removal, seconds))
    return {**result(operations), "warnings": [], "services": {}, **part}


def manages(client: Client) -> bool:
    """Whether this host can be asked to deploy."""
    return bool(client.info()["Swarm"].get("ControlAvailable"))


def in_control(client: Client, check: bool, stack: str, verb: str) -> dict[str, Any]:
    """What the Engine says of itself, if the stacks can be asked for; nothing in check mode before there is a swarm.

    :raises SwarmError: only a manager knows the stacks.
    """
    info = client.info()
    if info["Swarm"].get("ControlAvailable"):
        return info
    if check and info["Swarm"]["LocalNodeState"] == "inactive":
        return {}
    raise SwarmError(f"Could not {verb} stack '{stack}': this host does not manage a swarm. Run the task on a manager that is in control.")


def all_services(client: Client, check: bool, stack: str) -> list[dict[str, Any]] | None:
    """All services; nothing in check mode before there is a swarm. Only where they cannot be listed the Engine is asked what it is.

    :raises SwarmError: only a manager knows the stacks.
    """
    try:
        return client.services()
    except EngineError as error:
        if error.status == 503 and not in_control(client, check, stack, "deploy"):
            return None
        raise


def unknown_plan(stack: str) -> dict[str, Any]:
    """Check mode before there is a swarm: all that can be said is that the stack would be created."""
    whole = Operation("stacks", stack, "create")
    return {
        "changed": True,
        "plan": [whole.entry()],
        "diff": [{"before": "", "after": f"stack {stack}: all of it would be created, once this host manages a swarm\n"}],
        "warnings": [],
        "services": {},
    }


def run(command: str, recorder: Recorder, wish: Wish, laid_out: sources.Sources) -> tuple[Recorder, list[str]]:
    """One run of the CLI.

    :raises SwarmError: with the CLI's own words.
    """
    code, said = cli.deploy(command, recorder, wish.stack, laid_out, wish.flags, max(cli.SHORTEST_LIMIT, wish.wait_timeout))
    if code or recorder.refused:
        cause = "; ".join(said).replace(":; * ", ": ").rstrip(".") or f"docker stack deploy ended with code {code}"
        raise SwarmError(f"Could not deploy stack '{wish.stack}': {cause}. Correct the stack's definition, or what it relies on.")
    return recorder, said


def apply(command: str, client: Client, memory: Memory, wish: Wish, laid_out: sources.Sources, ending: Ending) -> list[str]:
    """Send what differs. Where somebody wrote meanwhile, compare and send again.

    :returns: what the services do that the next ones wait for, when a part is over before all is sent.
    """
    for attempt in range(CONFLICT_ATTEMPTS):
        recorder = Recorder(client, True, memory, replace(wish.rules, assumed={}))
        try:
            run(command, recorder, wish, laid_out)
            return send_in_order(client, recorder, wish, ending)
        except SwarmError:
            if not recorder.conflict or attempt + 1 == CONFLICT_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def send_in_order(client: Client, recorder: Recorder, wish: Wish, ending: Ending) -> list[str]:
    """Write the services, each after those that it depends on; wait for those first where that is asked for.

    However often a run compares, it sends what was planned and nothing else, and that once.
    """
    planned = {name for name, action in ending.waiting.touched.items() if action != "unchanged"} - set(ending.written)
    steps = order.steps([operation.name for operation, _target, _headers in recorder.held if operation.name in planned], wish.depends_on)
    for number, names in enumerate(steps):
        for name in names:
            ending.written[name] = ending.waiting.touched[name] = recorder.send(name)
        if wish.wait_for_dependencies and number + 1 < len(steps):
            services, report = wait_for_stack(client, ending.wait_for(names), wish.seconds)
            if services is None:
                return report
            ending.past_the_step()
    return []


def stray_mounts(operations: list[Operation], laid_out: sources.Sources) -> list[str]:
    """A relative bind mount of a carried file has no place on the nodes: it would point into our folder."""
    found = []
    for operation in operations:
        if operation.kind == "services" and laid_out.folder:
            container = operation.spec.get("TaskTemplate", {}).get("ContainerSpec", {})
            for mount in container.get("Mounts") or []:
                if (mount.get("Source") or "").startswith(laid_out.folder):
                    found.append(
                        f"service '{operation.name}' mounts a path relative to its Compose file at '{mount['Target']}', "
                        "and that file is on the controller (give the path on the nodes, beginning with a slash)"
                    )
    return found


def circles(wish: Wish) -> list[str]:
    """Services that wait for each other."""
    found = order.circle(wish.depends_on)
    return [f"depends_on leads from service '{found[0]}' back to it by way of {', '.join(found[1:]) or 'itself'}"] if found else []


def unreachable(recorder: Recorder, rules: Rules) -> list[str]:
    """The images whose registries did not tell their digest, where that is not accepted."""
    if rules.registry_unreachable == "keep":
        return []
    return [f"the registry did not tell the digest of image '{image}' ({cause})" for image, cause in sorted(recorder.unresolved.items())]


def warnings(said: list[str], operations: list[Operation]) -> list[str]:
    """What the CLI said and what there is to say beside it; of an image that is kept, the CLI does not know that."""
    remarks = plan.remarks(operations)
    kept = [remark.split("'")[1] for remark in remarks if remark.startswith(NOT_TOLD)]
    return [line for line in said if not any(line.startswith(f"image {image} could not be accessed") for image in kept)] + remarks


def refuse(stack: str, problems: list[str], outcome: dict[str, Any]) -> None:
    """All reasons at once, with the plan that cannot be carried out."""
    if problems:
        text = f"Could not deploy stack '{stack}': {'; '.join(problems)}. Nothing was changed."
        raise SwarmError(text, {**outcome, "changed": False})


def result(operations: list[Operation], mask_env: bool = True) -> dict[str, Any]:
    """The part of a result that tells the plan."""
    return {
        "changed": bool(plan.writes(operations)),
        "plan": plan.entries(operations, mask_env),
        "diff": plan.diff(operations, mask_env),
    }
