# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin takes Compose files, and what they name, to the manager."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.connection import ssh
from ansible.plugins.connection.ssh import _ssh_retry
from ansible_collections.apiary.swarm.plugins.action.stack import ActionModule, as_list, with_dict_replaced, with_paths_replaced
from ansible_collections.apiary.swarm.plugins.module_utils._stack import request
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import packed

COMPOSE = """\
# a comment stays
x-base: &base
  env_file: [./a.env, "b.env"]   # as does this one
services:
  web: {<<: *base, image: web}
  db:
    <<: *base
    env_file: c.env
    ports: [22:22]
configs:
  conf:
    file: ./conf.txt
secrets:
  pw: {file: '../pw'}
  outside: {external: true}
"""


def test_only_paths_are_replaced_and_each_once() -> None:
    seen: list[str] = []

    def attach(path: str) -> str:
        seen.append(path)
        return f"new-{len(seen)}"

    text = with_paths_replaced(COMPOSE, attach)
    assert sorted(seen) == ["../pw", "./a.env", "./conf.txt", "b.env", "c.env"]
    for path in seen:
        text = text.replace(f'"new-{seen.index(path) + 1}"', path)
    assert text == COMPOSE.replace('"b.env"', "b.env").replace("'../pw'", "../pw")


def test_anchors_and_tags_before_a_path_are_kept() -> None:
    text = "configs: {a: {file: &f ./x}, b: {file: *f}, c: {file: !!str &g 'y z'}, d: {file: *g}}"
    new = with_paths_replaced(text, lambda path: f"new {path}")
    assert new == 'configs: {a: {file: &f "new ./x"}, b: {file: *f}, c: {file: !!str &g "new y z"}, d: {file: *g}}'


@pytest.mark.parametrize("text", ["", "a: [", "just text", "services: null", "services: [a]", "services: {a: {env_file: {x: y}}}"])
def test_what_is_no_compose_file_goes_through_untouched(text: str) -> None:
    assert with_paths_replaced(text, lambda path: "no") == text


def test_a_path_may_be_a_block() -> None:
    text = "configs:\n  c:\n    file: >-\n      ./c.conf\n\nsecrets:\n  s: {external: true}\n"
    new = yaml.safe_load(with_paths_replaced(text, lambda path: f"new {path}"))
    assert new == {"configs": {"c": {"file": "new ./c.conf"}}, "secrets": {"s": {"external": True}}}


def test_what_is_no_path_is_left_to_the_docker_command() -> None:
    definition = {"services": {"a": {"env_file": [{"path": "a.env", "required": False}, "b.env"]}}, "configs": {"c": {"file": 5}}}
    assert with_dict_replaced(definition, lambda path: f"new {path}") == {
        "services": {"a": {"env_file": [{"path": "a.env", "required": False}, "new b.env"]}},
        "configs": {"c": {"file": 5}},
    }


def test_an_inline_definition_is_replaced_in_a_copy() -> None:
    definition: dict[str, Any] = {"services": {"a": {"env_file": ["x", "y"]}, "b": None}, "configs": {"c": {"file": "z"}}, "secrets": None}
    new = with_dict_replaced(definition, lambda path: path.upper())
    assert new == {"services": {"a": {"env_file": ["X", "Y"]}, "b": None}, "configs": {"c": {"file": "Z"}}, "secrets": None}
    assert definition["configs"]["c"]["file"] == "z"


def test_lists_may_be_given_as_one_item() -> None:
    assert as_list("a.yml, b.yml") == ["a.yml", "b.yml"]
    assert as_list({"a": 1}) == [{"a": 1}]
    assert as_list(None) == []
    assert as_list(("a",)) == ["a"]


class Connection:
    """A connection that shows its answers as that of ssh does."""

    host = "there"

    def __init__(self) -> None:
        self._play_context = PlayContext()

    def get_option(self, name: str) -> Any:
        """A value for each option."""
        return {"reconnection_retries": 0, "password": "", "password_mechanism": "disable"}[name]

    @_ssh_retry
    def exec_command(self, cmd: list[bytes], answer: str) -> tuple[int, bytes, bytes]:
        """A module's answer."""
        return 0, answer.encode(), b""


class Action(ActionModule):
    """The plugin without Ansible around it: it finds files in one folder, and a manager has one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._connection = Connection()

    def _find_needle(self, dirname: str, needle: str) -> str:
        if not (self.folder / needle).exists():
            raise AnsibleError("not found")
        return str(self.folder / needle)

    def _read(self, path: str) -> str:
        return base64.b64encode(Path(path).read_bytes()).decode()

    def _execute_module(self, module_name: str, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        assert module_name == "ansible.legacy.slurp"
        texts = {"/there.yml": b"services: {far: {image: '${FAR}', env_file: [far.env, no.env]}}", "/far.env": b"TZ\nA=1\n"}
        text = texts.get(module_args["src"])
        there = base64.b64encode(text or b"").decode()
        self._connection.exec_command([b"ssh"], there)
        return {"content": there} if text else {"failed": True}

    def data(self, **arguments: Any) -> dict[str, Any]:
        """The controller's data, unpacked."""
        return request.unpack(packed(self._controller_data({"name": "app", **arguments}, {})))


@pytest.fixture
def action(tmp_path: Path) -> Action:
    """A controller with one Compose file and what it names."""
    (tmp_path / "compose.yml").write_text(
        "services: {web: {image: 'web:${TAG}', env_file: './${ENVFILE:-a.env}', command: 'echo $$HOME ${A:-x}'}}\n"
        "networks: {back: {driver: '${DRIVER:?say which}'}}\n"
        "x-unused: ${NOBODY}\n"
    )
    (tmp_path / "a.env").write_text("A=1\n")
    return Action(tmp_path)


def test_variables_without_value_are_told_at_once_with_those_who_ask_for_them(action: Action) -> None:
    with pytest.raises(ComposeError) as error:
        action.data(files=["compose.yml"], definitions=[{"services": {"db": {"environment": ["PW=$PASSWORD", 5, None]}}}])
    assert str(error.value) == (
        "Could not deploy stack 'app': variable TAG of service 'web' in 'compose.yml', variable DRIVER of network 'back' in 'compose.yml' "
        "(say which), variable PASSWORD of service 'db' in 'definitions[0]' have no value. Give it one in env, or a default in the file."
    )


def test_with_their_values_all_is_packed_and_this_hosts_environment_does_not_count(action: Action) -> None:
    data = action.data(files="compose.yml", env={"TAG": 1, "DRIVER": "overlay"})
    assert [(shown, name) for shown, name, _content in data["packed"]] == [("compose.yml", "0-compose.yml")]
    assert [name for _shown, name, _content in data["attached"]] == ["attached-0-a.env"]
    assert data["dependencies"] == {}
    assert data["env"] == {"TAG": 1, "DRIVER": "overlay"}


def test_files_on_the_manager_are_looked_into_as_well(action: Action) -> None:
    with pytest.raises(ComposeError, match=r"variable FAR of service 'far' in '/there\.yml', environment variable TZ"):
        action.data(files=["/there.yml", "/nowhere.yml"], remote_src=True)
    assert "packed" not in action.data(files=["/there.yml"], remote_src=True, env={"FAR": "", "TZ": "UTC"})


def test_lines_of_env_files_that_have_no_value_are_told_with_the_rest(action: Action) -> None:
    (action.folder / "a.env").write_text("TZ\nA=1\n")
    with pytest.raises(ComposeError) as error:
        action.data(files="compose.yml", env={"TAG": 1})
    assert str(error.value) == (
        "Could not deploy stack 'app': variable DRIVER of network 'back' in 'compose.yml' (say which), environment variable TZ of service "
        "'web' in './a.env' have no value. Give it one in env, or a default in the file."
    )
    with pytest.raises(ComposeError, match=r"^Could not deploy stack 'app': environment variable TZ of service 'far' in 'far\.env' has no"):
        action.data(files=["/there.yml"], remote_src=True, env={"FAR": "x"})


def test_the_text_of_a_file_on_the_manager_is_shown_nowhere(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(ssh.display, "vvv", lambda text, **_more: told.append(text))
    action.data(files=["/there.yml"], remote_src=True, env={"FAR": "", "TZ": "UTC"})
    assert set(told) == {"rc=0, stdout and stderr censored due to no log"}
    assert action._connection._play_context.no_log is not True, "what others do is shown as before"


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 4711"), OSError("No username set in the environment")])
def test_somebody_without_a_name_is_a_number(action: Action, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert action.data(state="absent")["who"].startswith("uid=4711@")


def test_a_missing_file_is_a_sentence(action: Action) -> None:
    with pytest.raises(AnsibleError, match="there is no file 'nope.yml' on the controller. Correct the path"):
        action.data(files=["nope.yml"])
    with pytest.raises(AnsibleError, match="there is no file 'x.env' on the controller"):
        action.data(definitions=[{"services": {"a": {"env_file": "x.env"}}}])
