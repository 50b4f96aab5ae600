"""Masks secrets in texts that were not meant to be kept: messages of errors, tracebacks, log lines.

One redactor for all of them. What an agent returns is data, proven by its digest, and is never changed; of its calls
people are shown a masked copy. A secret that looks like any other word can't be told, but for those of the
installation's own settings, which it is taught.
Each pattern reads a text once, whatever it says: repetitions are bounded, and none holds another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

MASK: Final = "[redacted]"
SHORTEST_KNOWN: Final = 8
"""Shorter secrets of settings are left alone: masking `demo` everywhere would hide more than it protects."""

# A name that says what its value is, at most a few characters around the word: `OPENAI_API_KEY`, `db.password`.
_NAMED: Final = re.compile(
    r"""(?ix)
    ( (?: password | passwd | passphrase | secret | api[_-]?key | access[_-]?key | private[_-]?key
        | access[_-]?token | auth[_-]?token | refresh[_-]?token | session[_-]?token | client[_-]?secret )
      [\w-]{0,30} ["']? \s{0,3} (?: = | : | => ) \s{0,3} )
    (?: "([^"\n]{1,4096})" | '([^'\n]{1,4096})' | ([^\s"',;&)\]}]{4,4096}) )
    """
)
_SHAPED: Final = (
    # Of a provider, by its beginning.
    re.compile(
        r"\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|svcacct|or)?[-_]?[A-Za-z0-9_-]{16,4096}"
        r"|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}|\bglpat-[A-Za-z0-9_-]{16,255}"
        r"|\bxox[abeprs]-[A-Za-z0-9-]{10,255}|\bhf_[A-Za-z0-9]{20,255}|\bwhsec_[A-Za-z0-9+/=]{16,255}"
        r"|\bAKIA[0-9A-Z]{16}\b|\bASIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,255}"
    ),
    # Of an address at which whoever has it may send a signal.
    re.compile(r"(?<=/callbacks/)[A-Za-z0-9._:=-]{20,8192}"),
    # A signed token: three parts in base64.
    re.compile(r"\beyJ[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]{6,8192}\.[A-Za-z0-9_-]{6,4096}"),
)
_AUTHORIZATION: Final = re.compile(r"(?i)\b(bearer|basic)(\s{1,3})[A-Za-z0-9._~+/=-]{8,8192}")
_IN_URL: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,255}:)[^\s/@]{1,1024}@")
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
# As an unquoted value of a text.
_SHORTEST_NUMBER: Final = 4
_KEY_ENDS: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")


_taught: list[str] = []


def teach(secrets: Iterable[str]) -> None:
    """Let values be masked from now on whatever they look like; those under 8 characters are left alone."""
    new = {secret for secret in secrets if len(secret) >= SHORTEST_KNOWN}
    # The longest first: one may hold another.
    _taught[:] = sorted(new.union(_taught), key=len, reverse=True)


def list_taught() -> tuple[str, ...]:
    """Return the values that are masked whatever they look like."""
    return tuple(_taught)


def redact(text: str) -> str:
    """Return a text with every secret that can be told masked."""
    for secret in _taught:
        text = text.replace(secret, MASK)
    text = _redact_keys(text)
    text = _IN_URL.sub(rf"\g<1>{MASK}@", text)
    text = _AUTHORIZATION.sub(rf"\g<1>\g<2>{MASK}", text)
    text = _NAMED.sub(_mask_value, text)
    for pattern in _SHAPED:
        text = pattern.sub(MASK, text)
    return text


def redact_json(stored_json: str) -> str:
    """Return stored JSON with every secret that can be told masked, as JSON: its texts, and what a name calls secret.

    A text that is taken for JSON as a whole would not stay JSON, and what is JSON within a text has its quotes escaped.
    """
    return json.dumps(redact_value(json.loads(stored_json)), ensure_ascii=False, separators=(",", ":"))


def redact_value(value: Any, name: str = "") -> Any:
    """Return a JSON value masked, as `redact_json`. `name`: of the member that it is, or is an element of."""
    match value:
        case str():
            return MASK if value and _is_secret(name) else redact(value)
        case dict():
            return {redact(key): redact_value(member, key) for key, member in value.items()}
        case list():
            return [redact_value(element, name) for element in value]
        case bool() | None:
            return value
        case _:
            return MASK if len(str(value)) >= _SHORTEST_NUMBER and _is_secret(name) else value


def _is_secret(name: str) -> bool:
    """Return whether a member's name says that its value is a secret."""
    return bool(name and _NAMED.search(f'{name}="value"'))


def _mask_value(found: re.Match[str]) -> str:
    quote = '"' if found[2] is not None else "'" if found[3] is not None else ""
    return f"{found[1]}{quote}{MASK}{quote}"


def _redact_keys(text: str) -> str:
    """Mask private keys; one that was cut off before its end, to the end of the text."""
    parts: list[str] = []
    position = 0
    while (begin := _KEY_BEGINS.search(text, position)) is not None:
        parts += [text[position : begin.start()], MASK]
        end = _KEY_ENDS.search(text, begin.end())
        position = len(text) if end is None else end.end()
    return "".join((*parts, text[position:])) if parts else text
