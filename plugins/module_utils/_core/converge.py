# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is to what should be: the one place that knows check mode, diff mode and the end of a module."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, connect, no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, SwarmConflict, SwarmError

# A write that came too late is read again, computed again and sent again this often.
CONFLICT_ATTEMPTS = 3

State = Any  # what is compared and shown as the diff: plain data in the user's own option words
Context = Any  # what writing and the module's result need beside it: versions, whole specs, warnings


class Outcome(NamedTuple):
    """What a module's result is made of.

    :ivar changed: something was written, or would be in check mode.
    :ivar context: as it was observed last, or as C(apply) has left it; in check mode as it was observed.
    """

    changed: bool
    before: State
    after: State
    context: Context

    @property
    def diff(self) -> dict[str, Any]:
        """In Ansible's form."""
        return {"before": self.before, "after": self.after}


class Converge:
    """Brings one object to its desired state, or predicts it.

    :ivar check: only predict.
    """

    def __init__(self, check: bool) -> None:
        self.check = check

    def __call__(
        self,
        observe: Callable[[], tuple[State, Context]],
        desire: Callable[[State, Context], State],
        apply: Callable[[State, State, Context], Context],
        verify: Callable[[State, Context], Context] | None = None,
        observed: tuple[State, Context] | None = None,
    ) -> Outcome:
        """Observe, compute, and write only what differs.

        :param observe: returns (state, context).
        :param desire: the pure function from the state that is to the one that should be; raises SwarmError on bad input.
        :param apply: writes the difference and waits for what it has written; returns the context as it is then, or None where it
            is still that which was observed. Raises SwarmConflict when somebody else wrote meanwhile.
        :param verify: waits for what is there already; called instead of C(apply) where nothing differs, and like it not in check mode.
        :param observed: what was observed just now; it is read again only after a conflict.
        :raises SwarmError: the last of the conflicts, too.
        """
        for attempt in range(CONFLICT_ATTEMPTS):
            before, context = observed if observed is not None and attempt == 0 else observe()
            after = desire(before, context)
            if not self.check:
                try:
                    seen = apply(before, after, context) if before != after else verify(after, context) if verify else None
                except SwarmConflict as conflict:
                    if attempt + 1 < CONFLICT_ATTEMPTS:
                        continue
                    # Not a conflict any more for one who converges several such objects.
                    raise SwarmError(str(conflict), conflict.details) from conflict
                context = context if seen is None else seen
            return Outcome(before != after, before, after, context)
        raise AssertionError("unreachable")

    def await_later(self, observe: Callable[[], State], wait: Callable[[], State]) -> State:
        """What is after waiting for it; in check mode what is now, because nothing was done that would end the wait."""
        return observe() if self.check else wait()


def execute(
    module: AnsibleModule,
    run: Callable[[dict[str, Any], Client, Converge], dict[str, Any]],
    without_engine: bool = False,
    connect: Callable[[dict[str, Any]], Client] = connect,
) -> None:
    """Connect, run, and end the module with its result or with one sentence.

    :param run: gets the options, the client and the converger; returns the result.
    :param without_engine: a host without an engine is not an error (in check mode it never is: an earlier
        task of the same play may be the one that would install it).
    :param connect: makes the client from the options.
    """

    def connected(params: dict[str, Any], converge: Converge) -> dict[str, Any]:
        try:
            client = connect(params)
        except EngineMissing as missing:
            if not (converge.check or without_engine):
                raise
            client = no_engine(missing.sdk)
        return run(params, client, converge)

    execute_on_host(module, connected)


def execute_on_host(module: AnsibleModule, run: Callable[[dict[str, Any], Converge], dict[str, Any]]) -> None:
    """Run, and end the module with its result or with one sentence; for a module that needs no engine.

    :param run: gets the options and the converger; returns the result.
    """
    try:
        result = run(module.params, Converge(module.check_mode))
    except SwarmError as error:
        module.fail_json(msg=str(error), **presentable(module, error.details))
    module.exit_json(**presentable(module, result))


def presentable(module: AnsibleModule, result: dict[str, Any]) -> dict[str, Any]:
    """A result as it leaves the module: warnings given, and the diff only where it was asked for.

    Ansible prints a diff at -vvv also when nobody has asked for one, and a service's environment may hold a password.
    """
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    return result
