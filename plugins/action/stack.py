# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a stack's Compose files, and every file that they name, from the controller to the module.

Here is also where YAML can be read: what the docker command does not say of a file is found out here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from typing import Any, Callable, Iterable, Iterator

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import IMAGE_OPTIONS, SENT_ALONG
from ansible_collections.apiary.swarm.plugins.plugin_utils import _compose
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError, as_list, interpolate
from ansible_collections.apiary.swarm.plugins.plugin_utils._connection import nothing_shown
from ansible_collections.apiary.swarm.plugins.plugin_utils._owner import user
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import ActionWithProgress

LOGIN = set(IMAGE_OPTIONS["registry_logins"]["options"])
# An anchor and a tag, which YAML allows before a value.
# The keys of a build section that docker's command knows, which does not build. With others it would refuse the whole file.
BUILD_KEYS = {"context", "dockerfile", "args", "labels", "cache_from", "network", "target", "shm_size"}
PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


class ActionModule(ActionWithProgress):
    """The action of M(apiary.swarm.stack)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pack what is on the controller into one argument, and run the module."""
        result = super().run(tmp, task_vars)
        arguments, data = dict(self._task.args), {}
        if well_formed(arguments):
            try:
                data = self._controller_data(arguments, task_vars)
            except (AnsibleError, ComposeError) as error:
                return {**result, "failed": True, "msg": str(error)}
        # Otherwise the module itself says what is wrong with its options.
        return {**result, **self._in_parts("apiary.swarm.stack", f"stack {arguments.get('name')}", arguments, data, task_vars)}

    def _controller_data(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Take out of the arguments what goes beside them, and find out what only the controller can: fields of the module's request."""
        data: dict[str, Any] = {name: arguments.pop(name, None) for name in SENT_ALONG}
        data.update({name: as_list(data[name]) for name in ("definitions", "registry_logins")}, env=data["env"] or {})
        stack = arguments.get("name", "")
        data["who"] = f"{user()}@{socket.gethostname()}"
        if arguments.get("state", "present") != "present":
            arguments.pop("files", None)
            return data
        given = paths = as_list(arguments.get("files"))
        remote = boolean(arguments.get("remote_src", False), strict=False)
        if remote:
            texts = self._remote_texts(given, task_vars)
        else:
            arguments.pop("files", None)
            paths = [self._find(path, stack) for path in given]
            texts = [(path, decoded(self._read(found))) for path, found in zip(given, paths)]
        projects = [(path, _compose.document(text)) for path, text in texts]
        projects += [(f"definitions[{number}]", item) for number, item in enumerate(data["definitions"])]
        require_values(stack, projects, data["env"], self._env_files(paths, stack, remote, task_vars))
        data["dependencies"] = _compose.dependencies([project for _path, project in projects])
        if "files" not in arguments:
            data.update(self._pack(stack, paths, texts, data))
        return data

    def _remote_texts(self, files: list[str], task_vars: dict[str, Any] | None) -> list[tuple[str, str]]:
        """Files on the manager; of one that cannot be read the module will tell."""
        found = []
        for path in files:
            with nothing_shown(self._connection):
                answer = self._execute_module(module_name="ansible.legacy.slurp", module_args={"src": path}, task_vars=task_vars)
            if "content" in answer:
                found.append((path, decoded(answer["content"])))
        return found

    def _env_files(self, paths: list[str], stack: str, remote: bool, task_vars: dict[str, Any] | None) -> Callable[[str], str]:
        """Reads what Compose files name as C(env_file), from the folder of the first one."""

        def content_of(path: str) -> str:
            if remote:
                found = self._remote_texts([os.path.join(os.path.dirname(paths[0]), path) if paths else path], task_vars)
                return "".join(text for _path, text in found)
            here = self._here(path, paths, stack)
            return decoded(self._read(here)) if os.path.isfile(here) else ""

        return content_of

    def _here(self, path: str, paths: list[str], stack: str) -> str:
        """Where on the controller a file is that a Compose file names."""
        return os.path.join(os.path.dirname(paths[0]), os.path.expanduser(path)) if paths else self._find(path, stack)

    def _find(self, path: str, stack: str) -> str:
        """A file on the controller, as templates and files are found."""
        try:
            return self._find_needle("files", path)
        except AnsibleError:
            raise missing(path, stack) from None

    def _pack(self, stack: str, paths: list[str], texts: list[tuple[str, str]], data: dict[str, Any]) -> dict[str, Any]:
        """The Compose files and what they name; their texts then name the packed files."""
        attached: list[list[str]] = []

        def attach(path: str) -> str:
            """Read one file that a Compose file names; the name it is packed under."""
            path = interpolate(path, data["env"], f"the definition of stack '{stack}'")
            here = self._here(path, paths, stack)
            if not os.path.isfile(here):
                raise missing(here, stack)
            name = f"attached-{len(attached)}-{re.sub('[^A-Za-z0-9._-]', '_', os.path.basename(path))}"
            attached.append([here, name, self._read(here)])
            return name

        packed = []
        for number, (path, text) in enumerate(texts):
            text = with_paths_replaced(text, attach)
            packed.append([path, f"{number}-{os.path.basename(path)}", base64.b64encode(text.encode()).decode()])
        definitions = [with_dict_replaced(definition, attach) for definition in data["definitions"]]
        return {"packed": packed, "attached": attached, "definitions": definitions}

    def _read(self, path: str) -> str:
        """A file's content in base64, decrypted if it is vaulted."""
        real = self._loader.get_real_file(path, decrypt=True)
        try:
            with open(real, "rb") as stream:
                return base64.b64encode(stream.read()).decode()
        finally:
            self._loader.cleanup_tmp_file(real)


def well_formed(arguments: dict[str, Any]) -> bool:
    """Whether the options that go beside the arguments are such that they can."""
    logins = as_list(arguments.get("registry_logins"))
    return (
        all(isinstance(item, dict) for item in as_list(arguments.get("definitions")))
        and isinstance(arguments.get("env") or {}, dict)
        and all(isinstance(item, dict) and set(item) == LOGIN and None not in item.values() for item in logins)
    )


def missing(path: str, stack: str) -> AnsibleActionFail:
    """A file that is not on the controller."""
    return AnsibleActionFail(
        f"Could not deploy stack '{stack}': there is no file '{path}' on the controller. "
        "Correct the path, or set remote_src if it is on the manager."
    )


def decoded(content: str) -> str:
    """Base64 as text."""
    return base64.b64decode(content).decode("utf-8", "replace")


def require_values(stack: str, projects: list[tuple[str, dict[str, Any]]], env: dict[str, Any], content_of: Callable[[str], str]) -> None:
    """Fail with all variables that have no value, or else all addresses that are none, or all images that nobody has built."""
    lacking = _compose.valueless(projects, env, content_of)
    found = [text for path, project in projects for text in [*_compose.without_value(project, env, path), *lacking.pop(path, [])]]
    if found:
        verb = "has" if len(found) == 1 else "have"
        raise ComposeError(
            f"Could not deploy stack '{stack}': {', '.join(found)} {verb} no value. Give it one in env, or a default in the file."
        )
    wrong = [text for path, project in projects for text in _compose.bad_addresses(project, env, path)]
    if wrong:
        raise ComposeError(f"Could not deploy stack '{stack}': {'; '.join(wrong)}. Correct the definition.")
    unbuilt = _compose.unbuilt(projects, env)
    if unbuilt:
        advice = "Have it built into a registry by the role apiary.swarm.images, or name the registry that has it, such as docker.io/"
        raise ComposeError(f"Could not deploy stack '{stack}': {'; '.join(unbuilt)}. {advice}.")


def with_paths_replaced(text: str, attach: Callable[[str], str]) -> str:
    """A Compose file with the paths of the packed files, without builds that docker's command would refuse, and otherwise as it was."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text  # the docker command will say what is wrong
    replaced: dict[int, tuple[int, str]] = {}
    for node in path_nodes(root):
        start, end = node.start_mark.index, len(text[: node.end_mark.index].rstrip())  # a block ends where the next one begins
        if start not in replaced:
            replaced[start] = end, json.dumps(attach(node.value))
    for build in build_nodes(root):
        start, end = build.start_mark.index, build.end_mark.index
        replaced[start] = len(text[:end].rstrip()), '"."'
    for start, (end, value) in sorted(replaced.items(), reverse=True):
        properties = PROPERTIES.match(text, start, end)  # a node begins with its anchor and tag
        text = text[: properties.end() if properties else start] + value + text[end:]
    return text


def path_nodes(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The scalars that name a file on the controller."""
    for section in ("configs", "secrets"):
        for _name, item in pairs(get(root, section)):
            yield from scalars(get(item, "file"))
    for _name, item in pairs(get(root, "services")):
        yield from scalars(get(item, "env_file"))


def build_nodes(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """The build sections with keys that docker's command does not know."""
    for _name, item in pairs(get(root, "services")):
        build = get(item, "build")
        if isinstance(build, yaml.MappingNode) and unknown_to_docker(key for key, _value in pairs(build)):
            yield build


def pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """The keys and values of a mapping, those merged into it with C(<<) last."""
    merged = []
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if key.value == "<<":
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            yield key.value, value
    for item in merged:
        yield from pairs(item)


def get(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of one key."""
    return next((value for key, value in pairs(node) if key == name), None)


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """A scalar, or those of a list."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item)
    elif isinstance(node, yaml.ScalarNode) and node.value:
        yield node


def with_dict_replaced(definition: Any, attach: Callable[[str], str]) -> Any:
    """The same for an inline definition."""
    if not isinstance(definition, dict):
        return definition
    new = dict(definition)
    for section, option in (("configs", "file"), ("secrets", "file"), ("services", "env_file")):
        if isinstance(new.get(section), dict):
            new[section] = {name: with_path(item, option, attach) for name, item in new[section].items()}
    if isinstance(new.get("services"), dict):
        new["services"] = {name: without_unknown_keys(item) for name, item in new["services"].items()}
    return new


def without_unknown_keys(service: Any) -> Any:
    """A service, without the build section that docker's command refuses."""
    build = service.get("build") if isinstance(service, dict) else None
    return {**service, "build": "."} if isinstance(build, dict) and unknown_to_docker(build) else service


def unknown_to_docker(keys: Iterable[str]) -> set[str]:
    """Those keys of a build section that docker's command does not know."""
    return set(keys) - BUILD_KEYS


def with_path(item: Any, option: str, attach: Callable[[str], str]) -> Any:
    """One config, secret or service with its paths replaced."""
    value = item.get(option) if isinstance(item, dict) else None
    if not value:
        return item
    # The docker command says what is wrong with what is no path.
    if isinstance(value, (list, tuple)):
        return {**item, option: [attach(path) if isinstance(path, str) else path for path in value]}
    return {**item, option: attach(value)} if isinstance(value, str) else item
