# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that Compose files build: the settings of each, and a tag that tells what goes into it.

What neither BuildKit nor the Engine's own builder can do in one go with a context that is sent to them is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any, BinaryIO, Callable

import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import as_value
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import (
    ComposeError,
    as_list,
    interpolate,
    mapping,
    names_registry,
)
from ansible_collections.apiary.swarm.plugins.plugin_utils._context import Context, digest, pack

DIGEST_LENGTH = 16
# The keys of a build section that are honoured, what builders get of them, and those that change where its layers come from and not
# what they are.
HONOURED = {"context", "dockerfile", "dockerfile_inline", "args", "target", "network", "labels", "shm_size", "platforms"}
SETTINGS = ("args", "target", "network", "labels", "shm_size", "platform")
WITHOUT_EFFECT = {"cache_from", "cache_to", "no_cache", "pull", "provenance", "sbom"}
# What only BuildKit understands, in a Dockerfile whose continued lines have been joined; a here document has a line that ends it.
BUILDKIT = re.compile(
    r"^\s*(?:ONBUILD\s+)?(?:"
    r"RUN\s+(?:--\S+\s+)*--(?:mount|network|security|device)\b"
    r"|(?:COPY|ADD)\s+(?:--\S+\s+)*--(?:link|parents|exclude)\b"
    r"|(?:RUN|COPY|ADD)\s.*(?<!<)<<-?(?P<quote>['\"]?)(?P<end>[A-Z_]\w*)(?P=quote)(?=[\s\S]*^\t*(?P=end)[ \t]*$)"
    r")",
    re.MULTILINE | re.IGNORECASE,
)
CONTINUED = re.compile(r"\\[ \t]*\n")
SIZE = re.compile(r"\d+(?:\.\d+)?\s*[bkmgt]?b?\Z", re.IGNORECASE)


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
    context = context_of(base, build)
    platforms = as_list(build.get("platforms"))
    refuse(service, build, platforms)
    for option, what, path, there in (
        ("context", "folder", context.folder, os.path.isdir),
        ("dockerfile", "file", context.dockerfile, os.path.isfile),
    ):
        if not there(path) and not (option == "dockerfile" and context.inline):
            raise ComposeError(
                f"Could not build service '{service}': there is no {what} '{path}'. Correct build.{option} in its Compose file."
            )
    settings = {
        "args": build["args"],
        "target": build.get("target") or "",
        "network": str(build.get("network") or ""),
        "labels": build["labels"],
        "shm_size": str(build.get("shm_size") or ""),
        "platform": str(platforms[0]) if platforms else "",
    }
    # Registries know no capital letters.
    repository = f"{project}/{service}".lower()
    try:
        tag = digest(context, disguised(settings))[:DIGEST_LENGTH]
        buildkit = bool(BUILDKIT.search(CONTINUED.sub(" ", context.dockerfile_content().decode("utf-8", "replace"))))
    except OSError as error:
        raise unreadable(service, error) from error
    return {
        "project": project,
        "service": service,
        "name": f"{repository}:{tag}",
        "repository": repository,
        "context": context.folder,
        "dockerfile": "" if context.inline else os.path.relpath(context.dockerfile, context.folder),
        "dockerfile_inline": context.inline,
        "buildkit": buildkit,
        **settings,
    }


def context_of(base: str, build: dict[str, Any]) -> Context:
    """Where the files of a build section are, in which paths are relative to a folder."""
    folder = os.path.normpath(os.path.join(base, build.get("context") or "."))
    return Context(folder, os.path.join(folder, build.get("dockerfile") or "Dockerfile"), str(build.get("dockerfile_inline") or ""))


def pack_image(image: dict[str, Any], file: BinaryIO) -> str:
    """Write the archive that is sent for an image; the name in it of the Dockerfile.

    :raises ComposeError: a file cannot be read, or is not the one any more that the image's tag tells of.
    """
    context = context_of(image["context"], {**image, "context": "."})
    settings = {name: image[name] for name in SETTINGS}
    try:
        tag = pack(context, disguised(settings), file)[:DIGEST_LENGTH]
    except OSError as error:
        raise unreadable(image["service"], error) from error
    if image["name"] != f"{image['repository']}:{tag}":
        cause = f"the files in '{image['context']}' are being changed"
        raise ComposeError(f"Could not build service '{image['service']}': {cause}. Run again when they no longer change.")
    return context.inside


def disguised(settings: dict[str, Any]) -> Any:
    """Settings for the digest that everybody sees as a tag: what the arguments are cannot be tried out quickly.

    Those of an image are in its history, too, so that a password is in the wrong place there; but this is no reason to publish them.
    """
    args = repr(sorted(settings["args"].items())).encode()
    hidden = hashlib.scrypt(args, salt=b"apiary.swarm", n=2**14, r=8, p=1).hex() if settings["args"] else ""
    return [
        (name, hidden if name == "args" else sorted(value.items()) if isinstance(value, dict) else value)
        for name, value in sorted(settings.items())
    ]


def unreadable(service: str, error: OSError) -> ComposeError:
    """A file of a context cannot be read."""
    return ComposeError(
        f"Could not build service '{service}': '{error.filename}' in its context cannot be read ({error.strerror}). "
        "Make it readable, or exclude it in .dockerignore."
    )


def refuse(service: str, build: dict[str, Any], platforms: list[Any]) -> None:
    """Refuse what would be passed over, or be something else than it says."""
    unknown = sorted(str(key) for key in build if key not in HONOURED | WITHOUT_EFFECT and build[key])
    if unknown:
        cause = f"{', '.join(f'build.{key}' for key in unknown)} is not supported" if len(unknown) == 1 else ""
        cause = cause or f"{', '.join(f'build.{key}' for key in unknown)} are not supported"
        advice = "Remove it, or build the image elsewhere and name it with image"
        raise ComposeError(f"Could not build service '{service}': {cause}. {advice}.")
    size = str(build.get("shm_size") or "0")
    if not SIZE.match(size):
        raise ComposeError(f"Could not build service '{service}': build.shm_size '{size}' is not a valid size. Write it as 64m or 1gb.")
    if len(platforms) > 1:
        cause = f"build.platforms has {len(platforms)} platforms, and an engine's store takes the image of one"
        raise ComposeError(f"Could not build service '{service}': {cause}. Keep one, or build the image elsewhere and name it with image.")
