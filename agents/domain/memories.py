"""What agents may remember beyond their step, and ask: each field is checked before anything is noted or read. Pure.

`task.remember` only notes something down; the engine keeps the notes with the end of the attempt, or not at all. Read
next: `recalling.py`, for what a task looks up; who keeps all of it is the engine's (`orchestration/memory/`).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from agents.domain.canonical import canonical_json
from agents.domain.notebook import MemoryScope, Note, Question
from agents.errors import MemoryRefused, UnreadableOutput

MOST_KEY: Final = 200
MOST_VALUE_BYTES: Final = 65_536
MOST_SEARCH: Final = 8_000
MOST_LIKE: Final = 4_000
MOST_HITS: Final = 50
MOST_SUBJECTS: Final = 20
LONGEST_SECONDS: Final = 100 * 366 * 86_400
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def read_note(
    scope: object,
    key: object,
    value: object,
    search: object,
    expires_in_seconds: object,
    expected_version: object,
    about: object = (),
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
        read_subjects(where, about),
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
    read = _read_name(key)
    if read is not None:
        return read
    raise MemoryRefused(
        f"{where}: key: not {_show(key)}; give text of 1 to {MOST_KEY} visible characters, such as customer/7"
    )


def read_subjects(where: str, about: object) -> tuple[str, ...]:
    """Return whom something is about, each once: one text or several.

    Raises: MemoryRefused: one of them can't be kept, or there are too many.
    """
    given = (about,) if isinstance(about, str) else about
    is_several = isinstance(given, Iterable) and not isinstance(given, Mapping | bytes)
    texts: list[Any] = list(islice(given, MOST_SUBJECTS + 1)) if is_several else [about]  # type: ignore[call-overload]
    if len(texts) > MOST_SUBJECTS:
        raise MemoryRefused(f"{where}: about: give at most {MOST_SUBJECTS} names")
    for text in texts:
        if _read_name(text) is None:
            raise MemoryRefused(
                f"{where}: about: not {_show(text)}; name whom it is about in 1 to {MOST_KEY} visible characters, such "
                "as customer/7, or give a list of such names"
            )
    return tuple(dict.fromkeys(normalise(text) for text in texts))


def _read_name(text: object) -> str | None:
    """Return a key or a name as it is kept; None: it is none, or has characters that nobody sees."""
    if not isinstance(text, str) or len(text) > MOST_KEY or not text.strip():
        return None
    read = normalise(text)
    return read if read.isprintable() and len(read) <= MOST_KEY else None


def normalise(text: str) -> str:
    """Return a name in the one form of its characters: that they may be composed in several ways makes no other key."""
    return unicodedata.normalize("NFC", text)


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
        return write_search(value_json)
    if isinstance(search, str) and len(search) <= MOST_SEARCH and not _UNSTORABLE.search(search):
        return search
    raise MemoryRefused(
        f"{where}: search: not {_show(search)}; give a text of at most {MOST_SEARCH:,} characters that can be stored"
    )


def write_search(value_json: str) -> str:
    """Return the text by which a recall finds a value, where nobody gave one: its words."""
    return " ".join(_list_words(json.loads(value_json)))[:MOST_SEARCH]


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
