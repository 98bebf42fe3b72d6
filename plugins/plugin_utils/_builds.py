# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that Compose files build: what goes into each, and a tag that tells it.

The classic builder of the Engine builds them, so what that one cannot do is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any, Callable, Iterator, NamedTuple

import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import as_value
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import (
    ComposeError,
    as_list,
    interpolate,
    mapping,
    names_registry,
)

# What has a meaning in a pattern of .dockerignore, as a regular expression (github.com/moby/patternmatcher).
WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^\]]+\]|\\.|.")
WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
DIGEST_LENGTH = 16
# The keys of a build section that are honoured, and those that change where its layers come from and not what they are.
HONOURED = {"context", "dockerfile", "args", "target", "network", "labels", "shm_size", "platforms"}
WITHOUT_EFFECT = {"cache_from", "cache_to", "no_cache", "pull", "provenance", "sbom"}
# What only BuildKit understands, in a Dockerfile.
BUILDKIT = re.compile(
    r"^\s*(?:RUN\s+--(?:mount|network|security)\b|(?:COPY|ADD)\s+(?:--\S+\s+)*--(?:link|parents|exclude)\b|(?:RUN|COPY|ADD)\s.*<<-?['\"]?[A-Z_])",
    re.MULTILINE | re.IGNORECASE,
)


def read_file(path: str) -> bytes:
    """A file as it is."""
    with open(path, "rb") as file:
        return file.read()


def load(path: str, read: Callable[[str], bytes]) -> dict[str, Any]:
    """One Compose file.

    :param read: gives what is in a file, decrypted where it is vaulted.
    """
    try:
        document = yaml.safe_load(read(path))
    except (OSError, ValueError, yaml.YAMLError) as error:
        cause = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ComposeError(f"Could not read Compose file '{path}': {cause}. Correct the file or its path.") from error
    return mapping(document, f"Compose file '{path}'")


def builds_of(project: dict[str, Any], read: Callable[[str], bytes] = read_file) -> list[dict[str, Any]]:
    """The images that a project builds: one a service with C(build), later files winning over earlier ones.

    :param project: name, files (paths in them are relative to the first one's folder) and env.
    """
    files, env = as_list(project["files"]), project.get("env") or {}
    merged: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for path in files:
        for service, spec in mapping(load(path, read).get("services"), f"the services of Compose file '{path}'").items():
            spec = mapping(spec, f"service '{service}' of Compose file '{path}'")
            where = f"the image of service '{service}' of Compose file '{path}'"
            if isinstance(spec.get("image"), str):
                tags[service] = declared_tag(interpolate(spec["image"], env, where))
            build = spec.get("build")
            if build is None:
                continue
            where = f"the build of service '{service}' of Compose file '{path}'"
            build = interpolate({"context": build} if isinstance(build, str) else mapping(build, where), env, where)
            old = merged.setdefault(service, {"args": {}, "labels": {}})
            labels = named(build.get("labels"), {}, f"labels in {where}")
            args = named(build.get("args"), env, f"args in {where}")
            old.update(build, args={**old["args"], **args}, labels={**old["labels"], **labels})
    base = os.path.dirname(os.path.abspath(files[0])) if files else ""
    return [{**describe(project["name"], service, base, build), "tag": tags.get(service, "")} for service, build in merged.items()]


def declared_tag(image: str) -> str:
    """The name that a Compose file gives a built image, without its registry; empty where it gives no tag."""
    name = image.partition("/")[2] if names_registry(image) else image
    tagged = ":" in name.rpartition("/")[2] and "@" not in name
    return name if tagged else ""


def named(given: Any, env: dict[str, Any], where: str) -> dict[str, str]:
    """Build arguments or labels, from a list or a mapping. One without a value has that of C(env), or is left to the Dockerfile."""
    if isinstance(given, list):
        given = {name: value if equals else None for name, equals, value in (str(one).partition("=") for one in given)}
    return {
        str(name): as_value(env.get(name) if value is None else value)
        for name, value in mapping(given, where).items()
        if value is not None or name in env
    }


def describe(project: str, service: str, base: str, build: dict[str, Any]) -> dict[str, Any]:
    """One image to build, with a tag from all that goes into it.

    :raises ComposeError: something is not there, or cannot be built.
    """
    context = os.path.normpath(os.path.join(base, build.get("context") or "."))
    dockerfile, target, args = build.get("dockerfile") or "Dockerfile", build.get("target") or "", build["args"]
    platforms = as_list(build.get("platforms"))
    refuse(service, build, dockerfile, platforms)
    for option, what, path, there in (
        ("context", "folder", context, os.path.isdir),
        ("dockerfile", "file", os.path.join(context, dockerfile), os.path.isfile),
    ):
        if not there(path):
            raise ComposeError(
                f"Could not build service '{service}': there is no {what} '{path}'. Correct build.{option} in its Compose file."
            )
    others = {
        "network": str(build.get("network") or ""),
        "labels": build["labels"],
        "shm_size": str(build.get("shm_size") or ""),
        "platform": str(platforms[0]) if platforms else "",
    }
    digest = hashlib.sha256(repr((dockerfile, target, sorted(args.items()))).encode())
    told = sorted((name, sorted(value.items()) if isinstance(value, dict) else value) for name, value in others.items() if value)
    digest.update(repr(told).encode() if told else b"")
    try:
        for name in context_files(context, os.path.normpath(dockerfile)):
            executable, content = read(os.path.join(context, name))
            digest.update(repr((name, executable, len(content))).encode() + content)
            if name == os.path.normpath(dockerfile) and BUILDKIT.search(content.decode("utf-8", "replace")):
                cause = f"its Dockerfile '{dockerfile}' uses what only BuildKit understands, and the Engine's own builder builds"
                advice = "Write it without, or build the image elsewhere and name it with image"
                raise ComposeError(f"Could not build service '{service}': {cause}. {advice}.")
    except OSError as error:
        raise ComposeError(
            f"Could not build service '{service}': '{error.filename}' in its context cannot be read ({error.strerror}). "
            "Make it readable, or name it in .dockerignore."
        ) from error
    # Registries know no capital letters.
    repository, tag = f"{project}/{service}".lower(), digest.hexdigest()[:DIGEST_LENGTH]
    return {
        "project": project,
        "service": service,
        "name": f"{repository}:{tag}",
        "repository": repository,
        "context": context,
        "dockerfile": dockerfile,
        "args": args,
        "target": target,
        **others,
    }


def refuse(service: str, build: dict[str, Any], dockerfile: str, platforms: list[Any]) -> None:
    """Refuse what would be passed over, or be something else than it says."""
    unknown = sorted(str(key) for key in build if key not in HONOURED | WITHOUT_EFFECT and build[key])
    if unknown:
        cause = f"{', '.join(f'build.{key}' for key in unknown)} is not supported" if len(unknown) == 1 else ""
        cause = cause or f"{', '.join(f'build.{key}' for key in unknown)} are not supported"
        advice = "Take it out, or build the image elsewhere and name it with image"
        raise ComposeError(f"Could not build service '{service}': {cause}. {advice}.")
    if len(platforms) > 1:
        cause = f"build.platforms has {len(platforms)} platforms, and the Engine's own builder builds one"
        raise ComposeError(f"Could not build service '{service}': {cause}. Leave one, or build the image elsewhere and name it with image.")
    if os.path.normpath(dockerfile).startswith("..") or os.path.isabs(dockerfile):
        cause = f"its Dockerfile '{dockerfile}' is outside of its context"
        raise ComposeError(f"Could not build service '{service}': {cause}. Put it into the context, or widen build.context.")


# -- the context
class Rule(NamedTuple):
    """A line of .dockerignore.

    :ivar keeps: it begins with C(!), and takes back what earlier ones name.
    """

    pattern: re.Pattern[str]
    keeps: bool


def context_files(context: str, dockerfile: str) -> list[str]:
    """Relative paths of the files and links of a build context, less those that .dockerignore names; the Dockerfile always counts."""
    rules = ignore_rules(context)
    keeps = any(rule.keeps for rule in rules)
    found = []
    for folder, folders, files in os.walk(context):
        relative = os.path.relpath(folder, context)
        paths = {name: os.path.normpath(os.path.join(relative, name)) for name in folders + files}
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        # In a folder that is ignored there may be something that a later line takes back.
        folders[:] = sorted(name for name in folders if name not in links and (keeps or not ignored(paths[name], rules)))
        for name in sorted(files + links):
            full = os.path.join(folder, name)
            if (os.path.isfile(full) or os.path.islink(full)) and not ignored(paths[name], rules):
                found.append(paths[name])
    return found if dockerfile in found else [dockerfile, *found]


def ignored(path: str, rules: list[Rule]) -> bool:
    """Whether the last line that names a path, or a folder that it is in, ignores it."""
    verdict = False
    for rule in rules:
        if rule.keeps == verdict and any(rule.pattern.fullmatch(one) for one in with_parents(path)):
            verdict = not rule.keeps
    return verdict


def with_parents(path: str) -> Iterator[str]:
    """A relative path and the folders that it is in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def ignore_rules(context: str) -> list[Rule]:
    """The lines of .dockerignore; C(*) stays within one folder, C(**) does not."""
    path = os.path.join(context, ".dockerignore")
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        patterns = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    rules = []
    for pattern in patterns:
        keeps = pattern.startswith("!")
        normal = os.path.normpath(pattern.lstrip("!").strip().strip("/"))
        rules.append(Rule(re.compile("".join(map(expression, WILDCARD.findall(normal)))), keeps))
    return rules


def expression(part: str) -> str:
    """A part of a pattern as a regular expression."""
    if part in WILDCARDS:
        return WILDCARDS[part]
    if part[0] == "[" and len(part) > 1:
        return part
    return re.escape(part[1:] if part[0] == "\\" and len(part) > 1 else part)


def read(path: str) -> tuple[bool, bytes]:
    """(executable, content) of a file; a link counts by what it says, as it is sent."""
    if os.path.islink(path):
        return False, os.fsencode(os.readlink(path))
    with open(path, "rb") as file:
        return bool(os.fstat(file.fileno()).st_mode & 0o100), file.read()
