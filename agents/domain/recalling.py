"""How an agent looks up what was remembered: as of the step's first look, and the same for each attempt. Pure.

A look is a call of the journal: its request is the question, its response names what was found by id and digest. What a
memory says stays where it is, so that it can be forgotten. A question names itself: the same one once more is answered
from the first, and two at once can't be confused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from agents.domain.calling import carry, carry_awaited, is_in_loop, outlive
from agents.domain.calls import CallKind, Calls, CallWish, Kept, refuse_unwinding
from agents.domain.canonical import canonical_json
from agents.domain.memories import read_key, read_question, read_scope, write_question
from agents.domain.notebook import Found, Hit, Question
from agents.errors import CallDiverged, MemoryRefused

T = TypeVar("T")
PIN: Final = f"{CallKind.MEMORY}:pin#1"
_PATH: Final = "{kind}:{name}[{digest}]#1"


def recall(calls: Calls, scope: object, like: object, limit: object) -> Any:
    """Return the memories that are like a text, the best first; awaitable under a running loop."""
    return _look(calls, "task.recall", read_question(scope, like, limit), lambda hits: hits)


def find_memory(calls: Calls, scope: object, key: object) -> Any:
    """Return one memory, or None; awaitable under a running loop."""
    return _look(
        calls,
        "task.memory",
        Question(read_scope("task.memory", scope), read_key("task.memory", key)),
        lambda hits: hits[0] if hits else None,
    )


def find_value(calls: Calls, scope: object, key: object, default: object) -> Any:
    """Return what one memory says, or something else where there is none; awaitable under a running loop."""
    return _look(
        calls,
        "task.remembered",
        Question(read_scope("task.remembered", scope), read_key("task.remembered", key)),
        lambda hits: hits[0].value if hits else default,
    )


def _look(calls: Calls, where: str, question: Question, read: Callable[[list[Hit]], T]) -> Any:
    why = calls.notebook.shelf.refuse(question.scope)
    if why:
        raise MemoryRefused(f"{where}: scope: {why}")
    refuse_unwinding(where)

    def act() -> T:
        return read(calls.notebook.shelf.open(_find(calls, question)))

    if is_in_loop():
        return outlive(calls, _count_awaited(calls, carry_awaited(act)))
    with calls.count_under_way():
        return carry(act)


async def _count_awaited(calls: Calls, asked: Coroutine[Any, Any, T]) -> T:
    with calls.count_under_way():
        return await asked


def _find(calls: Calls, question: Question) -> list[Found]:
    """Return what answers a question, from the journal if it was asked before."""
    book = calls.notebook
    request_json = write_question(question)
    name = "recall" if question.is_recall else "read"
    digest = hashlib.sha256(request_json.encode()).hexdigest()[:16]
    path = _PATH.format(kind=CallKind.MEMORY, name=name, digest=digest)
    with book.lock:
        known = book.seen.get(path)
        if known is None:
            wish = CallWish(path, CallKind.MEMORY, name, request_json)
            text = _ask(calls, wish, lambda: _write(book.shelf.find(question, _pin(calls))))
            known = book.seen[path] = _read(path, text)
        return known


def _pin(calls: Calls) -> str:
    """Return as of when this step looks things up: as of its first look in this journal."""
    book = calls.notebook
    if book.pin_json is None:
        book.pin_json = _ask(calls, CallWish(PIN, CallKind.MEMORY, "pin", "null"), book.shelf.take_pin)
    return book.pin_json


def _ask(calls: Calls, wish: CallWish, look: Callable[[], str]) -> str:
    """Return the answer of a call that only looks; one that failed is made again by the next attempt."""
    begun = calls.journal.begin(wish)
    if isinstance(begun, Kept):
        return begun.response_json
    try:
        text = look()
    except Exception as error:
        calls.journal.fail(wish, begun, error)
        raise
    calls.journal.end(wish, begun, text)
    return text


def _write(found: list[Found]) -> str:
    return canonical_json([[one.id, one.digest, one.score] for one in found])


def _read(path: str, response_json: str) -> list[Found]:
    try:
        return [
            Found(int(number), str(digest), float(score))
            for number, digest, score in json.loads(response_json)
        ]
    except (ValueError, TypeError) as error:
        raise CallDiverged(path, "its stored answer is none of a look at memories") from error
