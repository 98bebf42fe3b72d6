# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the engine without what nobody should read: pure functions."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "********"
SECRET_NAME = re.compile(
    r"token|passw(or)?d|passphrase|secret|credential|(api|access|private|auth|signing|encryption|account)[-_.]?key", re.I
)
# Up to the last @, because passwords are written with one, and with slashes, too; and without a scheme if there is a colon before it.
USER_INFO = re.compile(r"//[^\s\"']+@|(?<![^\s\"',=])[^/\s\"'@:]+:(?!//)[^\s\"']*@")


def redact(name: str, value: Any) -> Any:
    """A value as it may be shown: without what looks like a secret, and without the credentials of URLs."""
    if isinstance(value, dict):
        return {key: redact(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(name, item) for item in value]
    if SECRET_NAME.search(name) and value not in (None, "", True, False):
        return REDACTED
    if not isinstance(value, str):
        return value
    if name.endswith("-proxy"):
        value = re.sub(r"^(?![a-z]+://)[^\s]+@", f"{REDACTED}@", value)
    key, equals, rest = value.partition("=")
    if equals and SECRET_NAME.search(key) and rest:
        return f"{key}={REDACTED}"
    return USER_INFO.sub(f"//{REDACTED}@", value)


def redact_text(content: str) -> str:
    """A file that is not JSON, as it may be shown."""
    hidden = re.sub(rf'("[^"]*(?:{SECRET_NAME.pattern})[^"]*"\s*:\s*)("[^"]*"?|[^\s,}}]+)', rf'\g<1>"{REDACTED}"', content, flags=re.I)
    return USER_INFO.sub(f"//{REDACTED}@", hidden)


def secrets(value: Any, name: str = "") -> set[str]:
    """The strings in options that may not be shown."""
    if isinstance(value, dict):
        return {one for key, item in value.items() for one in secrets(item, str(key))}
    if isinstance(value, list):
        return {one for item in value for one in secrets(item, name)}
    found = {str(value)} if redact(name, value) != value else set()
    for content in list(found):
        found |= {one.strip("/@") for one in USER_INFO.findall(content)} | {content.partition("=")[2]}
    # A shorter one would be found in many a word.
    return {one for one in found if len(one) > 3}


def without_secrets(words: str, *options: dict[str, Any]) -> str:
    """Words of the engine, in which it may have repeated an option."""
    for one in sorted({secret for some in options for secret in secrets(some)}, key=len, reverse=True):
        words = words.replace(one, REDACTED)
    return USER_INFO.sub(f"//{REDACTED}@", words)
