#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Gather information about a Swarm host
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Gathers in one call all that this collection's plan needs. System, kernel, packages, the engine and its options, files and
    certificates, disk, clock, network, and the swarm membership. On a manager also the swarm's nodes, options and services.
  - Nothing is ever written and no secret is returned.
  - Works on every host. Without an engine, the Docker SDK for Python, systemd or root privileges it returns less.
    Unknown values are V(null).
  - A stopped engine is not queried, because a request would start it.
  - Sends two requests to the Engine on a worker and four on a manager.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes.reads
attributes:
  action:
    support: full
    description: Has an action plugin on the controller.
requirements:
  - Python 3.8 or later on the managed host
  - "L(Docker SDK for Python, https://docker-py.readthedocs.io/) 5.0.3 or later on the managed host, unless O(docker_host) is local"
options:
  packages:
    description:
      - Packages to look for. By default those that may provide the engine.
    type: list
    elements: str
  others:
    description:
      - Whether to find out what else needs C(containerd) and C(runc), before the engine is uninstalled.
    type: bool
    default: false
  files:
    description:
      - Files and directories to describe.
    type: list
    elements: path
    default: []
  sysctl:
    description:
      - Kernel parameters to read.
    type: list
    elements: str
    default: []
  kernel_modules:
    description:
      - Kernel modules to look for.
    type: list
    elements: str
    default: [overlay, br_netfilter, ip_vs]
  images:
    description:
      - Images to look for in the engine's image store, as C(repository:tag).
    type: list
    elements: str
    default: []
  daemon:
    description:
      - Options of M(apiary.swarm.daemon_config), to return what that module would do here with C(apply=reload).
    type: dict
    suboptions:
      options:
        description: Options of the Docker Engine, using C(daemon.json) key names.
        type: dict
        default: {}
      exclusive:
        description: Whether to remove options that are not given from the file.
        type: bool
        default: false
      allow_unknown:
        description: Whether options that this collection does not know are accepted.
        type: bool
        default: false
      path:
        description: The engine's configuration file.
        type: path
        default: /etc/docker/daemon.json
  roles:
    description:
      - Roles of this collection, by their short names. All that their plan needs is gathered, and their variables are returned
        with their values for this host.
      - The inventory, the play and C(-e) override the defaults of the roles.
    type: list
    elements: str
    choices: [preflight, engine, tls, cluster, registry, images, stacks]
notes:
  - Requires root to gather everything.
seealso:
  - module: apiary.swarm.swarm_info
  - module: apiary.swarm.daemon_config
"""

EXAMPLES = r"""
- name: Gather information about the hosts
  apiary.swarm.host_info:
  register: look

- name: Report hosts that are low on disk space
  ansible.builtin.debug:
    msg: "{{ look.disk.path }} has {{ look.disk.free | human_readable }} left"
  when: look.disk.free is not none and look.disk.free < 10 * 1024 * 1024 * 1024

- name: Check whether other options would need a restart
  apiary.swarm.host_info:
    daemon:
      options: {log-driver: journald}
  register: look

- name: Gather all that the role engine needs for its plan
  apiary.swarm.host_info:
    roles: [engine]
  register: look
"""

RETURN = r"""
system:
  description: The operating system.
  type: dict
  returned: success
  contains:
    hostname: {description: The hostname., type: str}
    fqdn: {description: The name with its domain; V(null) if the host has none., type: str}
    family: {description: "The OS family, such as V(Debian) or V(RedHat).", type: str}
    distribution: {description: "The distribution, such as V(Debian), V(Ubuntu) or V(Rocky).", type: str}
    version: {description: Its version; V(null) if it has none., type: str}
    codename: {description: Its codename; V(null) if it has none., type: str}
    architecture: {description: "The machine architecture, such as V(x86_64).", type: str}
    service_manager: {description: "V(systemd), or the name of the first process.", type: str}
    boot_id: {description: Changes with every boot., type: str}
python:
  description: The Python interpreter that modules run with.
  type: dict
  returned: success
  contains:
    version: {description: Its version., type: str}
    docker: {description: Whether it can import the Docker SDK for Python., type: bool}
    cryptography: {description: Whether it can import the library cryptography., type: bool}
kernel:
  description: The running kernel.
  type: dict
  returned: success
  contains:
    release: {description: Its release., type: str}
    has_modules: {description: Whether the host has modules for it. A container does not., type: bool}
    features: {description: "For each of O(kernel_modules) whether the kernel has it, or can load it.", type: dict}
    sysctl: {description: The values of O(sysctl); V(null) if there is no such parameter., type: dict}
packages:
  description: The versions of those of O(packages) that are installed.
  type: dict
  returned: success
  sample: {docker.io: 26.1.5+dfsg1-9+b9, python3-docker: 7.1.0-2}
others:
  description: What else needs C(containerd), C(containerd.io) and C(runc), as phrases by package; V(null) without O(others).
  type: dict
  returned: success
  sample: {containerd: ["containers in its namespace 'k8s.io'"], runc: [the package containerd]}
holds:
  description: The lines of the file in which role engine holds the engine's version.
  type: list
  elements: str
  returned: success
unit:
  description: The engine's systemd unit.
  type: dict
  returned: success
  contains:
    installed: {description: Whether there is one., type: bool}
    state: {description: "Systemd's C(SubState), such as V(running) or V(dead); V(null) without systemd.", type: str}
    active: {description: Whether the engine runs., type: bool}
    enabled: {description: Whether it starts at boot., type: bool}
    starts_blocked:
      description: Whether an interrupted installation left a F(/usr/sbin/policy-rc.d) that keeps packages from starting services.
      type: bool
engine:
  description: The Docker Engine.
  type: dict
  returned: success
  contains:
    answers: {description: Whether it answers., type: bool}
    error: {description: "Why it does not answer, as a sentence; V(null) if it does.", type: str}
    version: {description: Its version., type: str}
    api: {description: The newest version of its API., type: str}
    data_root: {description: Its data root., type: str}
    replaced: {description: Whether its package has replaced its binary since it started., type: bool}
    options: {description: "The options that it has loaded, without secrets; V(null) if it does not run, or if unknown.", type: dict}
    file_options: {description: "The options in its file, without secrets; V(null) if the file cannot be read.", type: dict}
daemon:
  description: What M(apiary.swarm.daemon_config) would do; V(null) without O(daemon).
  type: dict
  returned: success
  contains:
    action: {description: "What the engine needs, V(nothing), V(reload) or V(restart); V(null) if there are problems.", type: str}
    pending: {description: "A restart is needed, and C(apply=reload) would leave the file as it is.", type: bool}
    changed: {description: Whether C(apply=reload) would change something., type: bool}
    changed_options:
      description: The options that the running engine has not loaded.
      type: list
      elements: str
    before: {description: "The options in the file, without secrets. Keys in parentheses are not options.", type: dict}
    after: {description: "The same after all changes, a pending restart included.", type: dict}
    problems:
      description: Why the options are refused, as sentences.
      type: list
      elements: str
files:
  description: Each of O(files), by its path. Symbolic links are followed.
  type: dict
  returned: success
  contains:
    type: {description: "V(file), V(directory), V(other) or V(absent); V(null) if this user has no permission.", type: str}
    mode: {description: "The permissions, such as V(0644).", type: str}
    uid: {description: The owner., type: int}
    gid: {description: The group., type: int}
    size: {description: The size in bytes., type: int}
    sha256: {description: The digest of a file's content. Not returned for private keys., type: str}
    certificates:
      description: The certificates in a file, in PEM; V(null) if it cannot be read.
      type: list
      elements: str
    public_key:
      description:
        - The public part of a private key in PEM; V(null) if there is no usable key.
        - V(unknown) if the host has no C(openssl).
      type: str
disk:
  description: The file system of the engine's data root, existing or planned.
  type: dict
  returned: success
  contains:
    path: {description: The data root., type: str}
    total: {description: The size in bytes., type: int}
    free: {description: "The free space in bytes.", type: int}
clock:
  description: The clock.
  type: dict
  returned: success
  contains:
    epoch: {description: Seconds since 1970., type: float}
    synchronized: {description: Whether it is synchronized (NTP); V(null) if unknown., type: bool}
network:
  description: The network.
  type: dict
  returned: success
  contains:
    addresses:
      description: Addresses with C(interface), C(address) and C(prefix_length), without link-local ones.
      type: list
      elements: dict
    default_address: {description: The IPv4 source address of the default route; V(null) without one., type: str}
    routes:
      description: The destination networks of IPv4 routes, without the default route.
      type: list
      elements: str
    listeners:
      description: Listening sockets on TCP and UDP ports 2376, 2377, 7946 and 4789, with C(protocol), C(address) and C(port).
      type: list
      elements: dict
images:
  description: Whether the engine has each of the O(images); V(null) if it does not answer.
  type: dict
  returned: success
swarm:
  description:
    - The return values of M(apiary.swarm.swarm_info) with C(services=true), and the following.
    - If there is an engine that cannot be queried, RV(swarm.error) says why and all else is V(null), also RV(swarm.state).
  type: dict
  returned: success
  contains:
    state: {description: "V(inactive), V(pending), V(active), V(error) or V(locked).", type: str}
    error: {description: What is wrong with the membership., type: str}
    options:
      description: The swarm's options, named as in M(apiary.swarm.swarm_init); V(null) on a host that does not control its swarm.
      type: dict
    init_options:
      description: The options that can only be set when initialising; V(null) on a host that does not control its swarm.
      type: dict
    addresses:
      description: The address options that this host was started with; V(null) on a host that does not control its swarm.
      type: dict
    identity:
      description:
        - C(node_id), C(cluster_id) and C(role) from the node's certificate, also while the engine is stopped.
        - V(null) if there is no certificate, or it cannot be read.
      type: dict
roles:
  description: The variables of the roles, without those that may contain secrets.
  type: dict
  returned: O(roles)
roles_problems:
  description: Problems with the variables of the roles, as sentences.
  type: list
  elements: str
  returned: O(roles)
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client, connect_for_reading
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute_on_host
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine import observe as observe_engine
from ansible_collections.apiary.swarm.plugins.module_utils._engine import redaction
from ansible_collections.apiary.swarm.plugins.module_utils._engine.packages import known_packages
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import Host
from ansible_collections.apiary.swarm.plugins.module_utils._host import files, network, system
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import observe as observe_swarm
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import local_addresses
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.spec import cluster_options, init_options

DAEMON_CONFIG = "/etc/docker/daemon.json"
ROLES = ["preflight", "engine", "tls", "cluster", "registry", "images", "stacks"]

OPTIONS: dict[str, dict[str, Any]] = {
    "packages": {"type": "list", "elements": "str"},
    "others": {"type": "bool", "default": False},
    "files": {"type": "list", "elements": "path", "default": []},
    "sysctl": {"type": "list", "elements": "str", "default": []},
    "kernel_modules": {"type": "list", "elements": "str", "default": ["overlay", "br_netfilter", "ip_vs"]},
    "images": {"type": "list", "elements": "str", "default": []},
    # Not all of it is secret; but all of it would be written to the host's log, and main() narrows it down.
    "daemon": {
        "type": "dict",
        "no_log": True,
        "options": {
            "options": {"type": "dict", "default": {}, "no_log": True},
            "exclusive": {"type": "bool", "default": False},
            "allow_unknown": {"type": "bool", "default": False},
            "path": {"type": "path", "default": DAEMON_CONFIG},
        },
    },
    # For the action, which does not hand it on.
    "roles": {"type": "list", "elements": "str", "choices": ROLES},
}


def membership(client: Client | None, info: dict[str, Any] | None, error: str | None) -> dict[str, Any]:
    """What swarm_info tells, the swarm's options, what cannot be changed on a member, and who this host is by its certificate."""
    extras = ["services"]
    more: dict[str, Any] = {"options": None, "init_options": None, "addresses": None, "identity": observe_swarm.identity(info or {})}
    if client is None or info is None:
        return {**observe_swarm.unknown(error or "", extras), **more}
    try:
        told = observe_swarm.observe(client, info, extras)
    except SwarmError as refusal:
        return {**observe_swarm.unknown(str(refusal), extras), **more}
    if told["control_available"]:
        cluster = info["Swarm"]["Cluster"]
        more.update(options=cluster_options(cluster["Spec"]), init_options=init_options(cluster), addresses=local_addresses(info))
    return {**told, **more}


def run(params: dict[str, Any], _converge: Converge, host: Host | None = None) -> dict[str, Any]:
    """Look at everything once."""
    wanted = params["daemon"]
    host = host or Host(wanted["path"] if wanted else DAEMON_CONFIG, params["timeout"], lambda: connect_for_reading(params))
    about = system.system(host)
    names = known_packages(about) if params["packages"] is None else params["packages"]
    unit = observe_engine.unit(host)
    client, info, error = observe_engine.reach(host, params, unit)
    engine = observe_engine.engine(host, client, info, error)
    data_root = (wanted or {}).get("options", {}).get("data-root") if not engine["answers"] else None
    return {
        "changed": False,
        "system": about,
        "python": system.python(),
        "kernel": system.kernel(host, params["kernel_modules"], params["sysctl"]),
        "packages": observe_engine.packages(host, about["family"], names),
        "others": observe_engine.others(host, about["family"], names) if params["others"] else None,
        "holds": observe_engine.holds(host, about["family"]),
        "unit": unit,
        "engine": engine,
        "daemon": observe_engine.daemon(host, wanted) if wanted else None,
        "files": {path: files.describe(host, path) for path in params["files"]},
        "disk": system.disk(host, str(data_root or engine["data_root"])),
        "clock": system.clock(host),
        "network": network.network(host),
        "images": observe_engine.images(client if engine["answers"] else None, params["images"]),
        "swarm": membership(client, info, error),
    }


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True)
    module.no_log_values = redaction.secrets((module.params["daemon"] or {}).get("options", {}))
    execute_on_host(module, run)


if __name__ == "__main__":
    main()
