# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of the swarm of an inventory: who controls it, who joins, what differs, and which problems prevent it."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import SWARM, Change, Section
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum, spec
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import compare_addresses
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.nodes import desired_labels

# Options of module swarm_init that are called otherwise as variables.
VARIABLES = {"labels": "cluster_swarm_labels"}
# Options that hold an address of the host itself.
ADDRESSES = ("advertise_addr", "listen_addr", "data_path_addr")
UNLOCK = "Unlock it with 'docker swarm unlock', or give cluster_unlock_key"
JOINABLE = ("inactive", "pending", "error")

# name -> roles (variables of the roles), look (of module host_info; None where the host did not answer) and addresses (of the inventory)
Hosts = Any
Membership = Any  # "swarm" of a look: what module swarm_info answers


def plan(hosts: Hosts, managers: list[str], can_unlock: bool = False) -> Section:
    """What makes one swarm of these hosts.

    :param hosts: all hosts of the inventory, in its order.
    :param managers: names of those that are to be managers.
    :param can_unlock: the unlock key is given: a run unlocks managers before it looks, and this is a plan alone.
    :returns: data: C(control) (a host, or None) is the manager to work through, C(in_control) it controls a swarm already; the rest
        says what is to be done there, and with what.
    """
    looks = {name: host["look"]["swarm"] for name, host in hosts.items() if host["look"]}
    order = managers_in_control(looks, managers)
    here = [name for name in managers if name in looks]
    control = next(iter(order or here), None)
    info = looks[control] if control else {}
    nodes = (info.get("nodes") or []) if order else []
    silent = silent_members(hosts, looks)
    former = former_nodes(nodes, hosts, looks)
    strangers = unmanaged_nodes([node for node in nodes if node["id"] not in former], looks, silent)
    unknown = [name for name, known in silent.items() if not any(is_called(node, known) for node in nodes)]
    locked = [name for name, swarm in looks.items() if swarm["state"] == "locked"]
    if order:
        problems = problems_in_swarm({name: swarm for name, swarm in looks.items() if not (can_unlock and name in locked)}, info)
    else:
        # What the others lack may be the managers that are unlocked first.
        problems = [] if can_unlock and locked else problems_without_control(looks, here, managers)
    roles = {name: wanted_role(name, hosts[name], managers) for name in looks}
    joining = [name for name, swarm in looks.items() if name != control and swarm["state"] in JOINABLE] if control else []
    data: dict[str, Any] = {
        "control": control,
        "in_control": bool(order),
        "roles": roles,
        "join": joining,
        "former": list(former),
        "unmanaged": strangers,
        "unknown": unknown,
        "locked": locked,
        "init": False,
        "configure": False,
        "label": False,
        "prune": False,
        "exclusive": False,
        "nodes": [],
        "labels": [],
    }
    entering = [*joining, *([] if order or control is None else [control])]
    problems += [problem for name in entering for problem in address_problems(name, hosts)]
    if problems or not control:
        return Section(problems, [], [], data)
    variables = hosts[control]["roles"]
    changes = [Change(name, "manager", "unlock", "its engine has restarted") for name in locked]
    if locked and not order:
        return Section([], ["All other changes are planned after managers are unlocked."], changes, {**data, "control": None})
    try:
        changes += swarm_changes(control, hosts[control]["look"], variables, bool(order))
    except SwarmError as error:
        problems.append(str(error))
    data["init"] = bool(changes)
    data["exclusive"] = bool(variables.get("cluster_labels_exclusive"))
    problems += former_problems(nodes, former)
    known = {node["id"]: node for node in nodes}
    changes += [Change(SWARM, "node", "remove", f"{named(known[key])}: host '{name}' joins again") for key, name in former.items()]
    for name in joining:
        state = "" if looks[name]["state"] == "inactive" else f" (its last join is '{looks[name]['state']}')"
        changes.append(Change(name, "node", "join", f"as {roles[name]}{state}"))
    for name, swarm in looks.items():
        try:
            change = node_changes(name, hosts[name]["roles"], roles[name], known.get(swarm["node_id"]), data["exclusive"])
        except SwarmError as error:
            problems.append(str(error))
            continue
        changes += change
        data["configure"] |= any(one.verb in ("promote", "demote", "drain", "pause", "activate") for one in change)
        data["label"] |= any(one.verb == "label" for one in change)
        if swarm["node_id"] in known:
            data["nodes"].append({"name": swarm["node_id"], "role": roles[name], "availability": availability(hosts[name]["roles"])})
            data["labels"].append({"name": swarm["node_id"], "labels": hosts[name]["roles"].get("cluster_labels") or {}})
    # A node that is on its way is waited for, whatever else there is to do.
    waiting = [name for name, swarm in looks.items() if swarm["node_id"] in known and known[swarm["node_id"]]["state"] != "ready"]
    data["configure"] |= bool(waiting)
    warnings = [f"Host '{name}' is left alone: {swarm['error']}" for name, swarm in looks.items() if is_silent(swarm)]
    warnings += [f"Node '{name}' is {known[looks[name]['node_id']]['state']}; the run waits until it is ready." for name in waiting]
    if strangers and variables.get("cluster_prune") and not unknown:
        data["prune"] = True
        changes += [Change(SWARM, "node", "remove", f"{named(node)}: it is not in the inventory") for node in strangers]
    else:
        warnings += [unmanaged_warning(node, unknown) for node in strangers]
    return Section(problems, warnings, changes, data)


def managers_in_control(looks: dict[str, Membership], managers: list[str]) -> list[str]:
    """Hosts that control a swarm: those that the inventory calls managers first, in its order."""
    control = [name for name, swarm in looks.items() if swarm["control_available"] and swarm["quorum"]["healthy"]]
    return [name for name in managers if name in control] + [name for name in control if name not in managers]


def wanted_role(name: str, host: Any, managers: list[str]) -> str:
    """Manager or worker, by the inventory's groups, or else by the variable."""
    if managers:
        return "manager" if name in managers else "worker"
    return str(host["roles"].get("cluster_role") or "worker")


def availability(variables: dict[str, Any]) -> str:
    """The availability that the inventory gives a node."""
    return str(variables.get("cluster_availability") or "active")


def address_problems(name: str, hosts: Hosts) -> list[str]:
    """What is wrong with the addresses of a host that enters a swarm: engines take an IP address or a network interface, and no name.

    Hosts behind one C(ansible_host), each with a forwarded port, must not all be known to the others by that.
    """
    host = hosts[name]
    interfaces = {one["interface"]: one["address"] for one in reversed((host["look"].get("network") or {}).get("addresses") or [])}
    problems = []
    for option in ADDRESSES:
        variable = f"cluster_{option}"
        text = str(host["roles"].get(variable) or "")
        try:
            address = values.split_address(variable, text)[0] if text else ""
        except SwarmError as error:
            problems.append(str(error))
            continue
        cause = ""
        if values.is_ip(address):
            twins = [other for other in hosts if other != name and str(hosts[other]["roles"].get(variable) or "") == text]
            cause = f"the others would reach {', '.join(twins)} there, too" if twins and option == "advertise_addr" else ""
        elif address and address not in interfaces:
            cause = "it is neither an IP address nor a network interface of the host"
        if cause:
            own = ", ".join(f"{ip} ({interface})" for interface, ip in interfaces.items() if not values.is_nowhere(ip)) or "none"
            advice = f"Set {variable} to one of its addresses or interfaces, which are: {own}"
            problems.append(str(could_not(f"use the address '{text}' of host '{name}' in the swarm", cause, advice)))
    return problems


def problems_without_control(looks: dict[str, Membership], here: list[str], managers: list[str]) -> list[str]:
    """Why a new swarm must not be initialised although no manager is in control."""
    if not here:
        return [
            "Could not work on the swarm: none of its managers answers in this run. "
            "Start one of them, or include one in the limit of this run."
        ]
    problems = []
    for host, swarm in looks.items():
        if swarm["state"] == "locked":
            problems.append(f"Could not use the swarm of '{host}': it is locked. {UNLOCK}.")
        elif is_member(swarm):
            problems.append(
                f"Could not use the swarm of '{host}': none of the managers asked is in control of it "
                f"({swarm['error'] or 'no manager answers'}). Bring its managers back until a majority runs, "
                "or remove this host from that swarm."
            )
    silent = [name for name in managers if name not in here]
    if silent and not problems:
        problems.append(
            f"Could not initialise the swarm: {', '.join(silent)} did not answer and may be in one. "
            "Bring every manager up for the first run, or remove it from the inventory."
        )
    return problems


def problems_in_swarm(looks: dict[str, Membership], info: Membership) -> list[str]:
    """Hosts that cannot be brought into the swarm without a decision of the operator's."""
    problems = []
    for host, swarm in looks.items():
        if swarm["state"] == "locked":
            problems.append(f"Could not use host '{host}': its engine is locked. {UNLOCK}.")
        elif swarm["cluster_id"] and swarm["cluster_id"] != info["cluster_id"]:
            problems.append(
                f"Could not use host '{host}': it is in another swarm ({swarm['cluster_id']}). "
                "Remove it from that one first, with apiary.swarm.swarm_leave."
            )
    return problems


def silent_members(hosts: Hosts, looks: dict[str, Membership]) -> dict[str, set[str]]:
    """Hosts of the inventory that do not answer, or whose engine does not, with all they may be known by."""
    answering = {name for name, swarm in looks.items() if not is_silent(swarm)}
    return {name: known_by(name, hosts) for name in hosts if name not in answering}


def known_by(name: str, hosts: Hosts) -> set[str]:
    """What a node of this host may be called: the host's name, and its addresses that no other host has."""
    others = {known for other, host in hosts.items() if other != name for known in (other, *host["addresses"])}
    return {name} | set(hosts[name]["addresses"]) - others - {""}


def is_called(node: dict[str, Any], names: set[str]) -> bool:
    """One of these is the node's hostname or address."""
    return node["hostname"] in names or node["address"] in names


def unmanaged_nodes(nodes: list[dict[str, Any]], looks: dict[str, Membership], silent: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Nodes of the swarm that no host of the inventory is. One that answers says its own NodeID, others are known by name."""
    own = {swarm["node_id"] for swarm in looks.values()}
    excused = set().union(*silent.values())
    return [
        {"id": node["id"], "hostname": node["hostname"], "address": node["address"], "state": node["state"]}
        for node in nodes
        if node["id"] not in own and not is_called(node, excused)
    ]


def former_nodes(nodes: list[dict[str, Any]], hosts: Hosts, looks: dict[str, Membership]) -> dict[str, str]:
    """NodeID -> host, of the nodes that hosts were before they were installed anew: Down, with the name or an address of one that joins.

    A manager that stays there as Down is a member that raft waits for, beside the one that joins.
    """
    bare = {name: known_by(name, hosts) for name, swarm in looks.items() if swarm["state"] == "inactive" and not swarm["error"]}
    own = {swarm["node_id"] for swarm in looks.values()}
    down = [node for node in nodes if node["state"] == "down" and node["id"] not in own]
    return {node["id"]: name for node in down for name, names in bare.items() if is_called(node, names)}


def former_problems(nodes: list[dict[str, Any]], former: dict[str, str]) -> list[str]:
    """The former managers that cannot be taken out of raft without its majority."""
    members = quorum.described_members({"reachability": None, "leader": False, **node} for node in nodes)
    _order, refused = quorum.demotion_order(members, [one.id for one in members if one.id in former])
    if not refused:
        return []
    node_id, reason = refused
    advice = "Bring the other managers back, or promote another node first"
    return [f"Could not remove the node that host '{former[node_id]}' was before ({node_id}): {reason}. {advice}."]


def unmanaged_warning(node: dict[str, Any], unknown: list[str]) -> str:
    """What a person should know of a node that the inventory does not name."""
    advice = (
        f"It is left alone: {', '.join(unknown)} did not answer in this run, and it may be one of them."
        if unknown
        else "Set cluster_prune to true to have it drained and removed."
    )
    return f"Node {named(node)} is in the swarm but not in the inventory. {advice}"


def named(node: dict[str, Any]) -> str:
    """A node in a sentence."""
    return f"'{node['hostname']}' ({node['id']}, {node['address']}, {node['state']})"


def is_member(swarm: Membership) -> bool:
    """This host belongs to a swarm, also where it has not reached that swarm yet. A half joined host has no cluster_id."""
    return swarm["state"] == "active" or bool(swarm["cluster_id"]) or is_silent(swarm)


def is_silent(swarm: Membership) -> bool:
    """This host belongs to a swarm, or may belong to one, but its engine does not answer."""
    return swarm["state"] in (None, "inactive") and bool(swarm["error"])


def init_params(variables: dict[str, Any]) -> dict[str, Any]:
    """The options of module swarm_init that the variables of role cluster stand for; None where one is not given."""
    names = [*spec.INIT_ONLY, *spec.cluster_options({})]
    params = {name: variables.get(VARIABLES.get(name, f"cluster_{name}")) for name in names}
    for one in params["external_ca"] or []:
        one.setdefault("protocol", "cfssl")
        one.setdefault("options", {})
    return {**params, "availability": None}


def swarm_changes(control: str, look: dict[str, Any], variables: dict[str, Any], in_control: bool) -> list[Change]:
    """The swarm that is to be initialised, or its options that differ.

    :raises SwarmError: an option cannot be, or not any more.
    """
    params = init_params(variables)
    wanted, at_init = spec.wanted_options(params), spec.wanted_at_init(params)
    if not in_control:
        options = {**at_init, **wanted}
        return [Change(control, "swarm", "init", f"a swarm at {options.get('advertise_addr', control)}", {}, options)]
    info, action = look["swarm"], f"change the swarm on host '{control}'"
    spec.refuse_init_change(info.get("init_options") or {}, params, at_init, action)
    if info.get("addresses"):
        addresses = {one["interface"]: one["address"] for one in reversed(look["network"]["addresses"])}
        compare_addresses(params, info["addresses"], addresses.get, action, spec.CANNOT_CHANGE)
    current = info.get("options") or {}
    return [
        Change(SWARM, "swarm", "set", f"{name} {shown(current.get(name))} → {shown(value)}", {name: current.get(name)}, {name: value})
        for name, value in wanted.items()
        if current.get(name) != value
    ]


def node_changes(name: str, variables: dict[str, Any], role: str, node: dict[str, Any] | None, exclusive: bool) -> list[Change]:
    """What differs in a node's role, availability and labels; of one that has yet to join what it will have.

    :raises SwarmError: a label cannot be.
    """
    labels = values.label_values(f"label node '{name}'", variables.get("cluster_labels") or {})
    wanted = availability(variables)
    changes = []
    if node is not None and node["role"] != role:
        changes.append(Change(name, "node", "promote" if role == "manager" else "demote", f"{node['role']} → {role}"))
    # A host that joins comes with its availability.
    if node is not None and node["availability"] != wanted:
        verb = "activate" if wanted == "active" else wanted
        changes.append(Change(name, "node", verb, f"availability {node['availability']} → {wanted}"))
    before = node["labels"] if node else {}
    after = desired_labels(before, labels, "present", exclusive)
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            text = f"{key} {shown(before.get(key))} → {shown(after.get(key))}"
            changes.append(Change(name, "node", "label", text, {key: before.get(key)}, {key: after.get(key)}))
    return changes


def shown(value: Any) -> str:
    """A value in a line of the plan."""
    if value is None:
        return "(none)"
    return "''" if value == "" else str(value).lower() if isinstance(value, bool) else str(value)
