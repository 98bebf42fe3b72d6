# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contracts of the collection: what is written down twice agrees.

Each role's defaults, argument_specs and README; modules, roles and playbooks on disk and in the README; the modules that talk to an Engine
and the action group; the stories on disk and in molecule/stories.yml; attributes of
modules come from one fragment.
"""

from __future__ import annotations

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(path: pathlib.Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.exists() else {}


def role_problems(role: pathlib.Path) -> list[str]:
    """Where defaults/main.yml and meta/argument_specs.yml of one role differ."""
    defaults = load(role / "defaults" / "main.yml")
    specs: dict = {}
    for entry in load(role / "meta" / "argument_specs.yml").get("argument_specs", {}).values():
        for name, option in (entry.get("options") or {}).items():
            if name in specs and specs[name].get("default") != option.get("default"):
                return [f"{role.name}: {name} has two defaults in its entry points"]
            specs[name] = option
    problems = [f"{role.name}: {name} has a default and is not in argument_specs" for name in sorted(set(defaults) - set(specs))]
    for name, option in sorted(specs.items()):
        if option.get("default") != defaults.get(name):
            problems.append(f"{role.name}: {name} is {defaults.get(name)!r} in defaults and {option.get('default')!r} in argument_specs")
        if not name.startswith(f"{role.name}_"):
            problems.append(f"{role.name}: {name} does not begin with the role's name")
    return problems


def variable_problems() -> list[str]:
    """Variables in the README of a role, or in the collection's, that no role has."""
    roles = [path.name for path in (ROOT / "roles").iterdir()]
    known = set()
    for name in roles:
        for entry in load(ROOT / "roles" / name / "meta" / "argument_specs.yml")["argument_specs"].values():
            known |= set(entry.get("options") or {})
        # What a role hands on to those that follow.
        for path in (ROOT / "roles" / name / "tasks").glob("*.yml"):
            known |= set(re.findall(rf"^ +({name}_\w+):", path.read_text(encoding="utf-8"), re.MULTILINE))
    problems = []
    for path in [ROOT / "README.md", *(ROOT / "roles").glob("*/README.md")]:
        named = set(re.findall(rf"(?<![\w./])(?:{'|'.join(roles)})_[a-z_]*[a-z]\b(?![./(])", path.read_text(encoding="utf-8")))
        modules = {module.stem for module in (ROOT / "plugins" / "modules").glob("*.py")}
        problems += [f"{path.relative_to(ROOT)}: no role has {name}" for name in sorted(named - known - modules)]
    return problems


def group_problems() -> list[str]:
    """Modules that take docker_host and are not in the action group, so that module_defaults would not reach them, and the reverse."""
    group = set(load(ROOT / "meta" / "runtime.yml")["action_groups"]["swarm"])
    modules = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "modules").glob("*.py")}
    connected = {name for name, text in modules.items() if re.search(r"^  - apiary\.swarm\.connection$", text, re.MULTILINE)}
    problems = [f"meta/runtime.yml: {name} is missing in the action group" for name in sorted(connected - group)]
    return problems + [f"meta/runtime.yml: {name} in the action group takes no docker_host" for name in sorted(group - connected)]


def attribute_problems() -> list[str]:
    """Modules that say themselves what the fragment of attributes says for all."""
    problems = []
    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        text = path.read_text(encoding="utf-8").partition('DOCUMENTATION = r"""')[2].partition('"""')[0]
        document = yaml.safe_load(text)
        if any(name.startswith("action_common_attributes") for name in document.get("extends_documentation_fragment", [])):
            continue
        for name in ("check_mode", "diff_mode", "idempotent"):
            if document.get("attributes", {}).get(name, {}).get("support") == "full":
                problems.append(f"{path.relative_to(ROOT)}: {name} is in the fragment apiary.swarm.attributes")
    return problems


def story_problems() -> list[str]:
    """Stories on disk or in molecule/stories.yml, but not in both. Those of the engines are tests/engines' own."""
    listed = {f"molecule/{story['shape']}/tests/test_{story['name']}.py" for story in load(ROOT / "molecule" / "stories.yml")["stories"]}
    on_disk = {str(path.relative_to(ROOT)) for path in (ROOT / "molecule").glob("*/tests/test_*.py") if path.parts[-3] != "engines"}
    problems = [f"molecule/stories.yml: {path} is missing" for path in sorted(on_disk - listed)]
    return problems + [f"molecule/stories.yml: {path} is not on disk" for path in sorted(listed - on_disk)]


def readme_problems() -> list[str]:
    """Modules, roles and playbooks that are on disk or in the README, but not in both."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    problems = []
    for what, paths in {
        "Modules": (ROOT / "plugins" / "modules").glob("*.py"),
        "Roles": (path for path in (ROOT / "roles").iterdir() if path.is_dir()),
        "Playbooks": (ROOT / "playbooks").glob("*.yml"),
    }.items():
        section = re.search(rf"^#+ {what}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        named = set(re.findall(r"^\| `([\w.]+)`", section[1], re.MULTILINE)) if section else set()
        on_disk = {path.stem for path in paths}
        problems += [f"README, {what}: {name} is missing" for name in sorted(on_disk - named)]
        problems += [f"README, {what}: {name} is not on disk" for name in sorted(named - on_disk)]
    return problems


def main() -> int:
    problems = [problem for role in sorted((ROOT / "roles").iterdir()) for problem in role_problems(role)]
    problems += variable_problems() + readme_problems() + group_problems() + story_problems() + attribute_problems()
    for problem in problems:
        print(problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
