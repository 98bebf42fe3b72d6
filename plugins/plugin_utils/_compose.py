# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller reads in Compose files; the docker CLI on the manager has the last word on all else."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from typing import Any

import yaml

# $$, $NAME and ${NAME...} with the operators of the Compose specification that have a value in the text.
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<op>:?[-?+])(?P<word>[^}]*))?\})")
DIGEST_LENGTH = 16


class ComposeError(Exception):
    """A sentence fit for a user."""


def interpolate(value: Any, env: dict[str, Any], where: str) -> Any:
    """C(value) with its variables filled in, all the way down.

    :raises ComposeError: a variable has neither value nor default.
    """
    if isinstance(value, dict):
        return {key: interpolate(item, env, where) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, env, where) for item in value]
    return VARIABLE.sub(lambda found: substitute(found, env, where), value) if isinstance(value, str) else value


def substitute(found: re.Match[str], env: dict[str, Any], where: str) -> str:
    """The text for one variable."""
    if found["escaped"]:
        return "$"
    name, operator, word = found["name"] or found["plain"], found["op"] or "", found["word"] or ""
    value = env.get(name)
    has = value is not None and (str(value) != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return word if has else ""
    if has:
        return str(value)
    if operator.endswith("-"):
        return word
    raise ComposeError(f"Could not read {where}: the variable {name} has no value. Give it one in env, or a default in the file.")


def load(path: str) -> dict[str, Any]:
    """One Compose file."""
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ComposeError(f"Could not read Compose file '{path}': {error}. Correct the file or its path.") from error
    if not isinstance(document, dict):
        raise ComposeError(f"Could not read Compose file '{path}': it is no mapping. Begin it with 'services:'.")
    return document


def builds_of(project: dict[str, Any]) -> list[dict[str, Any]]:
    """The images that a project builds: one a service with C(build), later files winning over earlier ones.

    :param project: name, files and env.
    """
    merged: dict[str, dict[str, Any]] = {}
    for path in project["files"]:
        for service, spec in (load(path).get("services") or {}).items():
            build = (spec or {}).get("build")
            if build is None:
                continue
            build = {"context": build} if isinstance(build, str) else dict(build)
            if "context" in build:
                build["context"] = os.path.join(os.path.dirname(os.path.abspath(path)), build["context"])
            if isinstance(build.get("args"), list):
                build["args"] = dict(arg.partition("=")[::2] for arg in build["args"])
            old = merged.setdefault(service, {})
            old.update(build, args={**old.get("args", {}), **(build.get("args") or {})})
    return [
        describe(project["name"], service, interpolate(build, project.get("env") or {}, f"the build of service '{service}'"))
        for service, build in merged.items()
    ]


def describe(project: str, service: str, build: dict[str, Any]) -> dict[str, Any]:
    """One image to build, with a tag from all that goes into it."""
    context = os.path.normpath(build.get("context") or "")
    if not os.path.isdir(context):
        raise ComposeError(
            f"Could not build service '{service}': there is no folder '{context}'. Correct build.context in its Compose file."
        )
    dockerfile, target = build.get("dockerfile") or "Dockerfile", build.get("target") or ""
    args = {key: "" if value is None else str(value) for key, value in build["args"].items()}
    digest = hashlib.sha256(repr((dockerfile, target, sorted(args.items()))).encode())
    for name, executable, content in context_files(context):
        digest.update(repr((name, executable, len(content))).encode() + content)
    repository, tag = f"{project}/{service}", digest.hexdigest()[:DIGEST_LENGTH]
    return {
        "project": project,
        "service": service,
        "name": f"{repository}:{tag}",
        "repository": repository,
        "context": context,
        "dockerfile": dockerfile,
        "args": args,
        "target": target,
    }


def context_files(context: str) -> list[tuple[str, bool, bytes]]:
    """(relative path, executable, content) of all files of a build context, less those that .dockerignore names.

    A .dockerignore with exceptions is passed over: then some files count that need not.
    """
    ignore_file = os.path.join(context, ".dockerignore")
    patterns: list[str] = []
    if os.path.isfile(ignore_file):
        with open(ignore_file, encoding="utf-8") as file:
            patterns = [line.strip().strip("/") for line in file if line.strip() and not line.startswith("#")]
        if any(pattern.startswith("!") for pattern in patterns):
            patterns = []
    found = []
    for folder, folders, files in os.walk(context):
        relative = os.path.relpath(folder, context)
        folders[:] = sorted(name for name in folders if not ignored(os.path.normpath(os.path.join(relative, name)), patterns))
        for name in sorted(files):
            path = os.path.normpath(os.path.join(relative, name))
            if not ignored(path, patterns):
                full = os.path.join(context, path)
                with open(full, "rb") as file:
                    found.append((path, os.access(full, os.X_OK), file.read()))
    return found


def ignored(path: str, patterns: list[str]) -> bool:
    """A pattern of .dockerignore names this relative path."""
    return any(fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, pattern.replace("**/", "")) for pattern in patterns)
