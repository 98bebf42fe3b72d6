#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_hold
short_description: Hold a lock on a Swarm, so that only one run at a time can put its quorum at risk
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Two runs that each see three managers and each restart one would leave only one. Only the run that holds the swarm may take a node
    offline; other runs wait until the hold is released.
  - The hold is the config C(apiary.swarm.hold) of the swarm, with its owner and expiry in labels. The managers ensure that only one
    run creates it, or takes it over.
  - A hold that has expired may be taken over, and so may one of a run on the same controller whose process has ended.
  - For the current owner the hold is renewed once half of its time has passed. Run the module again before each step that requires the
    hold. If another run has taken over a hold that was not renewed in time, the task fails.
  - O(state=absent) releases the hold, and does not affect the hold of another owner.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
attributes:
  action:
    support: full
    description: Has an action plugin on the controller, which waits.
options:
  owner:
    description:
      - The owner of the hold. By default the user, controller and process that run the playbook.
    type: str
  state:
    description:
      - Whether the owner holds the swarm or not.
    type: str
    choices: [present, absent]
    default: present
  expires:
    description:
      - After how many seconds others may take over a hold that was neither renewed nor released. Use a value longer than any step, and
        shorter than O(wait_timeout), so that the hold of a killed run does not fail the next one.
    type: int
    default: 900
  from_owner:
    description:
      - Take the hold over from this owner, which is known to be gone.
    type: str
  wait_timeout:
    description:
      - How long to wait until another run releases its hold, in seconds.
    type: int
    default: 1200
notes:
  - Run it on a manager in control of the swarm.
seealso:
  - module: apiary.swarm.swarm_health
"""

EXAMPLES = r"""
- name: Take a manager offline and bring it back while holding the swarm
  block:
    - name: Hold the swarm
      apiary.swarm.swarm_hold:

    - name: Check that the swarm can spare this host
      apiary.swarm.swarm_health:
        spare: "{{ node_id }}"
  always:
    - name: Release the swarm
      apiary.swarm.swarm_hold:
        state: absent
"""

RETURN = r"""
held:
  description: Whether O(state) is reached; V(false) if another run holds the swarm. In check mode that is not a failure.
  type: bool
  returned: always
holder:
  description: The owner of the current hold; V(null) if there is none.
  type: str
  returned: success
seconds_left:
  description: After how many seconds that hold may be taken over.
  type: int
  returned: success
waited:
  description: Whether another run held the swarm first, so that the state of the swarm may have changed.
  type: bool
  returned: success
"""

import base64
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmConflict, could_not

OPTIONS: dict[str, dict[str, Any]] = {
    "owner": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "expires": {"type": "int", "default": 900},
    "from_owner": {"type": "str"},
    "wait_timeout": {"type": "int", "default": 1200},
}
NAME = "apiary.swarm.hold"
OWNER = "apiary.swarm.owner"
UNTIL = "apiary.swarm.until"
# Configs cannot be empty.
CONTENT = base64.b64encode(b"One run at a time. The labels say whose.\n").decode()


class Hold(NamedTuple):
    """Whose the swarm is.

    :ivar fresh: it need not be renewed yet.
    """

    holder: str | None
    fresh: bool = True


def observe(client: Client, params: dict[str, Any]) -> tuple[Hold, dict[str, Any]]:
    """(whose the swarm is, the config that says so)."""
    listed = client.call("read the hold of the swarm", "GET", "/configs", {"filters": {"name": {NAME: True}}}) or []
    found: dict[str, Any] = next((one for one in listed if one["Spec"]["Name"] == NAME), {})
    if not found:
        return Hold(None), found
    return Hold(labels(found).get(OWNER, "somebody"), seconds_left(found) > params["expires"] / 2), found


def labels(config: dict[str, Any]) -> dict[str, str]:
    """What a hold says of itself."""
    return (config.get("Spec") or {}).get("Labels") or {}


def seconds_left(config: dict[str, Any]) -> int:
    """After how many seconds a hold may be taken over."""
    try:
        return max(0, int(float(labels(config)[UNTIL]) - wait.now()))
    except (KeyError, ValueError):
        return 0


def desired(hold: Hold, config: dict[str, Any], params: dict[str, Any]) -> Hold:
    """Whose it is then."""
    mine = hold.holder == params["owner"]
    if params["state"] == "absent":
        return Hold(None) if mine else hold
    free = hold.holder in (None, params["from_owner"]) or not seconds_left(config)
    return Hold(params["owner"]) if free or mine else hold


def write(client: Client, config: dict[str, Any], params: dict[str, Any]) -> None:
    """Create, renew, take over or let go.

    :raises SwarmConflict: another run was quicker, or another host of this one.
    """
    try:
        if params["state"] == "absent":
            client.call("release the swarm", "DELETE", f"/configs/{config['ID']}")
            return
        # Of a config that is there the labels alone can be changed.
        data = (config.get("Spec") or {}).get("Data") or CONTENT
        spec = {"Name": NAME, "Labels": {OWNER: params["owner"], UNTIL: f"{wait.now() + params['expires']:.0f}"}, "Data": data}
        if config:
            client.call("hold the swarm", "POST", f"/configs/{config['ID']}/update", {"version": config["Version"]["Index"]}, spec)
        else:
            client.call("hold the swarm", "POST", "/configs/create", None, spec)
    except EngineError as error:
        if error.status in (404, 409):
            raise SwarmConflict("hold the swarm", error.status, error.message) from error
        raise


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """One attempt."""
    if not params["owner"]:
        raise could_not("hold the swarm", "no owner is given", "Give owner")
    outcome = converge(
        lambda: observe(client, params),
        lambda hold, config: desired(hold, config, params),
        lambda _before, _after, config: write(client, config, params),
    )
    holder = outcome.after.holder
    return {
        "changed": outcome.changed,
        "diff": {"before": {"holder": outcome.before.holder}, "after": {"holder": holder}},
        "held": (holder == params["owner"]) is (params["state"] == "present"),
        "holder": holder,
        "seconds_left": params["expires"] if outcome.changed and holder else seconds_left(outcome.context),
        "waited": False,
    }


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
