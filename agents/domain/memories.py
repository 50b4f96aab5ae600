"""What agents may remember beyond their step, and ask: each field is checked before anything is noted or read. Pure.

`task.remember` only notes something down; the engine keeps the notes with the end of the attempt, or not at all. Read
next: `recalling.py`, for what a task looks up; who keeps all of it is the engine's (`orchestration/memory/`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agents.domain.canonical import canonical_json
from agents.domain.notebook import MemoryScope, Note, Question
from agents.errors import MemoryRefused, UnreadableOutput

MOST_KEY: Final = 200
MOST_VALUE_BYTES: Final = 65_536
MOST_SEARCH: Final = 8_000
MOST_LIKE: Final = 4_000
MOST_HITS: Final = 50
LONGEST_SECONDS: Final = 100 * 366 * 86_400
_KEY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def read_note(
    scope: object,
    key: object,
    value: object,
    search: object,
    expires_in_seconds: object,
    expected_version: object,
    where: str = "task.remember",
) -> Note:
    """Return a note of what somebody wants to be remembered.

    Raises: MemoryRefused: names the field that can't be kept.
    """
    value_json = _write_value(where, value)
    return Note(
        read_scope(where, scope),
        read_key(where, key),
        value_json,
        _read_search(where, value_json, search),
        _read_expiry(where, expires_in_seconds),
        _read_version(where, expected_version),
    )


def read_scope(where: str, scope: object) -> MemoryScope:
    """Return a scope by its name.

    Raises: MemoryRefused: it is none.
    """
    if isinstance(scope, str) and scope in set(MemoryScope):
        return MemoryScope(scope)
    raise MemoryRefused(f"{where}: scope: not {_show(scope)}; give one of {', '.join(MemoryScope)}")


def read_key(where: str, key: object) -> str:
    """Return a key.

    Raises: MemoryRefused: it is none.
    """
    if isinstance(key, str) and key.strip() and _KEY.fullmatch(key):
        return key
    raise MemoryRefused(
        f"{where}: key: not {_show(key)}; give text of 1 to {MOST_KEY} visible characters, such as customer/7"
    )


def read_question(scope: object, like: object, limit: object, where: str = "task.recall") -> Question:
    """Return the question for memories that are like a text.

    Raises: MemoryRefused: names the field that is none.
    """
    if not isinstance(like, str) or not like.strip() or len(like) > MOST_LIKE or _UNSTORABLE.search(like):
        raise MemoryRefused(
            f"{where}: like: not {_show(like)}; give a text of 1 to {MOST_LIKE:,} characters that can be stored"
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_HITS:
        raise MemoryRefused(f"{where}: limit: not {_show(limit)}; give a whole number from 1 to {MOST_HITS}")
    return Question(read_scope(where, scope), like=like, limit=limit)


def write_question(question: Question) -> str:
    """Return what is asked as canonical JSON."""
    said: dict[str, Any] = {"scope": str(question.scope)}
    said |= {"like": question.like, "limit": question.limit} if question.is_recall else {"key": question.key}
    return canonical_json(said)


def _write_value(where: str, value: object) -> str:
    try:
        return canonical_json(value, max_bytes=MOST_VALUE_BYTES)
    except UnreadableOutput as error:
        raise MemoryRefused(f"{where}: value{error.path}: {error.reason}") from error


def _read_search(where: str, value_json: str, search: object) -> str:
    if search is None:
        return " ".join(_list_words(json.loads(value_json)))[:MOST_SEARCH]
    if isinstance(search, str) and len(search) <= MOST_SEARCH and not _UNSTORABLE.search(search):
        return search
    raise MemoryRefused(
        f"{where}: search: not {_show(search)}; give a text of at most {MOST_SEARCH:,} characters that can be stored"
    )


def _list_words(value: object) -> Iterator[str]:
    """Yield what a value says in words or numbers, in its order."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _list_words(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_words(part)
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield str(value)


def _read_expiry(where: str, seconds: object) -> float | None:
    if seconds is None:
        return None
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and 0 < seconds <= LONGEST_SECONDS and not math.isnan(seconds):  # type: ignore[arg-type,operator]
        return float(seconds)  # type: ignore[arg-type]
    raise MemoryRefused(
        f"{where}: expires_in_seconds: not {_show(seconds)}; give seconds above 0, at most {LONGEST_SECONDS:,}, or None"
    )


def _read_version(where: str, version: object) -> int | None:
    if version is None:
        return None
    if isinstance(version, int) and not isinstance(version, bool) and 0 <= version < 2**31 - 1:
        return version
    raise MemoryRefused(
        f"{where}: expected_version: not {_show(version)}; give the version that you have read, 0 if there was none"
    )


def _show(value: object) -> str:
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - anybody's object
        return f"a {type(value).__name__}"
