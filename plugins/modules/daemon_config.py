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
  - Makes sure that C(daemon.json) holds these options and, if it may, that the engine runs with them.
  - Refuses what is incompatible with Swarm, what would expose the host, and what the engine's own validation
    (C(dockerd --validate), since 23.0) refuses, before anything is written.
  - Determines whether the engine needs a reload or a restart. A reload leaves tasks and containers alone; a restart ends those
    of this host. When an engine does not start with new options, those that it last ran with are restored, and the task fails.
  - Compares with what the running engine has read and not only with the file. A run that was interrupted between writing
    and restarting is completed by the next one.
  - With the option C(hosts) it writes C(/etc/systemd/system/docker.service.d/zz-apiary-swarm.conf), which takes C(-H) out of
    the unit's command, and without it removes that file. On a host without the unit there is nothing to take out; run the module again
    when the engine has been installed.
  - Records the options that the engine has read in C(/var/lib/apiary-swarm/daemon.json).
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
      - An option that is given replaces that option whole. One that is V(null) is taken out.
      - C(insecure-registries) is completed with V(127.0.0.0/8) and V(::1/128), which engines from 29.10 on trust only if they are listed.
    type: dict
    default: {}
  exclusive:
    description:
      - Whether to remove all options from the file that are not in O(options).
    type: bool
    default: false
  apply:
    description:
      - The most that the module may do to apply the options to a running engine.
      - V(none) writes the files and returns what is needed.
      - V(reload) also lets a running engine read them again. Where that does not suffice nothing is written, and RV(pending) is true.
        An engine that does not run is started.
      - V(restart) reloads or restarts the engine, whatever is needed, and starts one that does not run.
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
      - Files that are newer than the engine are noticed without it; check mode needs to be told, because the files are not there yet.
    type: list
    elements: str
    default: []
  restart_replaced:
    description:
      - Whether an engine that runs a program that its package has replaced since counts as one that needs a restart. The packages of some
        distributions leave it to the operator to restart it.
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
      - How long the engine may take to read the options or to start, in seconds.
    type: int
    default: 120
notes:
  - Needs root.
  - The Docker SDK for Python is needed only where an engine is reloaded or restarted.
"""

EXAMPLES = r"""
- name: Set options, and let the engine read them if that does not disturb anybody
  apiary.swarm.daemon_config:
    options:
      labels: [rack=a7]
      registry-mirrors: ["https://mirror.example.com"]
    apply: reload

- name: Rotate the logs of new containers, on one host after the other
  apiary.swarm.daemon_config:
    options:
      log-driver: json-file
      log-opts: {max-size: 10m, max-file: "3"}
    apply: restart
  throttle: 1

- name: Take an option out
  apiary.swarm.daemon_config:
    options:
      debug: null
"""

RETURN = r"""
action:
  description:
    - What the engine needed so that it reads the options, or needs if RV(pending) is true. A start is a V(restart), too.
    - An engine that does not run needs V(nothing) with O(apply=none); it reads the options when it starts.
  type: str
  returned: success
  sample: reload
pending:
  description: RV(action) is needed and was not done.
  type: bool
  returned: success
changed_options:
  description: The names of the options that the running engine had not read, sorted. All of them where that is not known.
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
