#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: daemon_config
short_description: Configure the Docker Engine of this host
version_added: 0.2.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Ensures that C(daemon.json) contains these options and, if O(apply) allows it, that the engine runs with them.
  - Refuses options that are incompatible with Swarm, that would expose the host, or that the engine's own validation
    (C(dockerd --validate), since 23.0) rejects, before anything is written.
  - Determines whether the engine needs a reload or a restart. A reload does not affect tasks and containers; a restart stops those
    of this host. If the engine does not start with the new options, those that it last ran with are restored, and the task fails.
  - Compares with the options that the running engine has loaded, not only with the file. A run that was interrupted between writing
    and restarting is completed by the next one.
  - With the option C(hosts) it writes C(/etc/systemd/system/docker.service.d/zz-apiary-swarm.conf), which removes C(-H) from
    the unit's command; without it that file is removed. On a host without the unit no file is written; run the module again
    after the engine has been installed.
  - Records the options that the engine has loaded in C(/var/lib/apiary-swarm/daemon.json).
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
attributes:
  diff_mode:
    details:
      - Secrets and the credentials of URLs are not shown.
options:
  options:
    description:
      - Options of the Docker Engine, using C(daemon.json) key names.
      - A given option replaces the existing value as a whole. An option that is V(null) is removed.
      - V(127.0.0.0/8) and V(::1/128) are added to C(insecure-registries), as engines from 29.10 on trust them only if they are listed.
    type: dict
    default: {}
  exclusive:
    description:
      - Whether to remove options that are not in O(options) from the file.
    type: bool
    default: false
  apply:
    description:
      - How far the module may go to apply the options to a running engine.
      - V(none) only writes the files and returns the required RV(action).
      - V(reload) also reloads a running engine. If that is not sufficient, nothing is written, and RV(pending) is true.
        A stopped engine is started.
      - V(restart) reloads or restarts the engine as required, and starts a stopped one.
    type: str
    choices: [none, reload, restart]
    default: none
  allow_unknown:
    description:
      - Whether options that this collection does not know are accepted. The engine's own validation may still refuse them.
    type: bool
    default: false
  renewed:
    description:
      - Options whose files an earlier task of the play has replaced, such as C(tlscert). The engine reads those files when it starts.
      - Only needed in check mode, where the new files do not exist yet; otherwise files newer than the engine's start are detected.
    type: list
    elements: str
    default: []
  restart_replaced:
    description:
      - Whether an engine whose binary was replaced by its package since it started needs a restart. The packages of some
        distributions leave the restart to the operator.
    type: bool
    default: false
    version_added: 0.3.0
  path:
    description:
      - The engine's configuration file.
    type: path
    default: /etc/docker/daemon.json
  wait_timeout:
    description:
      - How long the engine may take to reload or to start, in seconds.
    type: int
    default: 120
notes:
  - Requires root.
  - The Docker SDK for Python is required only if the engine is reloaded or restarted.
"""

EXAMPLES = r"""
- name: Set options, and reload the engine if no restart is needed
  apiary.swarm.daemon_config:
    options:
      labels: [rack=a7]
      registry-mirrors: ["https://mirror.example.com"]
    apply: reload

- name: Rotate the logs of new containers, one host at a time
  apiary.swarm.daemon_config:
    options:
      log-driver: json-file
      log-opts: {max-size: 10m, max-file: "3"}
    apply: restart
  throttle: 1

- name: Remove an option
  apiary.swarm.daemon_config:
    options:
      debug: null
"""

RETURN = r"""
action:
  description:
    - What was done to apply the options, or is required if RV(pending) is true. A start counts as V(restart).
    - For a stopped engine it is V(nothing) with O(apply=none), as it reads the options when it starts.
  type: str
  returned: success
  sample: reload
pending:
  description: Whether RV(action) is required and was not done.
  type: bool
  returned: success
changed_options:
  description: The names of the options that the running engine had not loaded, sorted. All of them if that is unknown.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, connect
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute_on_host
from ansible_collections.apiary.swarm.plugins.module_utils._engine import configuration, redaction, rollout
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import Host

OPTIONS: dict[str, dict[str, Any]] = {
    # Not all of it is secret; but all of it would be written to the host's log, and main() narrows it down.
    "options": {"type": "dict", "default": {}, "no_log": True},
    "exclusive": {"type": "bool", "default": False},
    "apply": {"type": "str", "choices": ["none", "reload", "restart"], "default": "none"},
    "allow_unknown": {"type": "bool", "default": False},
    "renewed": {"type": "list", "elements": "str", "default": []},
    "restart_replaced": {"type": "bool", "default": False},
    "path": {"type": "path", "default": "/etc/docker/daemon.json"},
    "wait_timeout": {"type": "int", "default": 120},
}


def run(params: dict[str, Any], converge: Converge, host: Host | None = None) -> dict[str, Any]:
    """Check, compare, write, and let the engine read."""
    machine = host or Host(params["path"], params["wait_timeout"], lambda: connect(params))
    outcome = converge(
        lambda: rollout.observe(machine, params),
        lambda current, wanted: rollout.desired_state(current, wanted, params["apply"]),
        lambda _before, after, wanted: rollout.roll_out(machine, wanted, after, params["apply"]),
        lambda _after, wanted: rollout.check_rest(machine, wanted),
    )
    wanted = outcome.context
    return {
        "changed": outcome.changed,
        "diff": rollout.difference(outcome.before, outcome.after),
        "action": wanted.action,
        "pending": wanted.action != configuration.NOTHING and outcome.after["engine"] != rollout.RUNS,
        "changed_options": wanted.unread,
    }


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True)
    module.no_log_values = redaction.secrets(module.params["options"])
    execute_on_host(module, run)


if __name__ == "__main__":
    main()
