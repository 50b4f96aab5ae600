"""What an agent waits for: a time, a signal, a person. Pure.

A wait is a call that nobody makes: it is written as open and the attempt ends; no worker, message or connection is held
for it. Once it is answered the agent's code runs again from its top, with all former calls answered. Read next:
`calling.py`; who answers is the engine's (`orchestration/journal/`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel

from agents.domain.addresses import name_place, read_address
from agents.domain.call_texts import read_response
from agents.domain.calling import carry, carry_awaited, is_in_loop, outlive, stand_still
from agents.domain.calls import CallKind, Calls, CallWish, Until
from agents.domain.canonical import canonical_json, check_json
from agents.domain.json_schema import SchemaInvalid, compile_schema, describe_model
from agents.errors import (
    AskCycle,
    AskFailed,
    CallDiverged,
    CallRefused,
    MessageRefused,
    SignalTimedOut,
    Suspended,
    UnreadableOutput,
)

LONGEST_WAIT_SECONDS: Final = 10 * 366 * 86_400.0
LONGEST_QUESTION: Final = 4_000
DEEPEST_SCHEMA: Final = 24
"""It is kept and shown within other JSON, which may be nested a little deeper."""
MOST_ASKED_BYTES: Final = 65_536
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_TOO_FAR: Final = "task.sleep_until(time): {} is too far away; give a time up to {:%Y}"
TIMER: Final = "timer"
ASK: Final = "ask"
APPROVAL: Final = "approval"
VALUE: Final = "value"
"""Member of a wait's answer that holds what was sent; without it the time was over."""
FAILED: Final = "failed"
CODE: Final = "code"
"""Members of the answer of a wait that was failed: why, and the code of the error where it is no `AskFailed`."""
_TIMED_OUT: Final = canonical_json({"timed_out": True})


def write_value(value_json: str) -> str:
    """Return the answer of a wait that somebody answered, as canonical JSON."""
    return f'{{"{VALUE}":{value_json}}}'


def write_failed(reason: str, code: str | None = None) -> str:
    """Return the answer of a wait whose answerer failed, as canonical JSON.

    Args: code: of what its asker gets, where that is not `AskFailed`.
    """
    return canonical_json({FAILED: reason} if code is None else {FAILED: reason, CODE: code})


def write_timed_out(kind: CallKind) -> str:
    """Return the answer of a wait whose time is over."""
    return "null" if kind is CallKind.TIMER else _TIMED_OUT


def wait_for_time(calls: Calls, until: Until, key: str | None) -> Any:
    """Wait for a time; awaitable under a running loop."""
    return _wait(calls, CallKind.TIMER, TIMER, "null", until, key, lambda _path, _answer: None)


def wait_for_signal(
    calls: Calls, name: str, timeout_seconds: float | None, schema: object, key: str | None
) -> Any:
    """Wait for a signal, and return its value; awaitable under a running loop."""
    request = {"schema": _read_schema("task.wait_for: schema", schema)}
    until = Until(None if timeout_seconds is None else check_seconds("timeout_seconds", timeout_seconds))
    return _wait(calls, CallKind.SIGNAL, name, _write("wait_for", request), until, key, _read_value)


def wait_for_person(calls: Calls, question: str, form: object, key: str | None) -> Any:
    """Ask a person, and return the answer; awaitable under a running loop."""
    asked: object = question
    if not isinstance(asked, str) or not 0 < len(question.strip()) <= LONGEST_QUESTION:
        raise CallRefused(
            f"task.ask_person: question is {question!r:.80}; ask in words, of at most {LONGEST_QUESTION:,} characters"
        )
    request = {"question": question, "form": _read_schema("task.ask_person: form", form)}
    return _wait(calls, CallKind.ASK, ASK, _write("ask_person", request), Until(), key, _read_value)


def wait_for_reply(calls: Calls, to: str, body: Any, timeout_seconds: float, key: str | None) -> Any:
    """Ask an actor, and return what its turn answers; awaitable under a running loop."""
    address = read_address(to)
    request_json = _write("ask", {"to": str(address), "body": body})
    if len(request_json.encode()) > MOST_ASKED_BYTES:
        raise MessageRefused(
            f"task.ask: body is over {MOST_ASKED_BYTES:,} bytes; hand over a reference instead"
        )
    until = Until(check_seconds("task.ask: timeout_seconds", timeout_seconds))
    # Questions to several of one kind may be under way at once: the address tells them apart.
    place = name_place(address) if key is None else key
    return _wait(calls, CallKind.MESSAGE, address.name, request_json, until, place, _read_reply)


def _read_reply(path: str, response_json: str) -> Any:
    answer = read_response(path, response_json)
    if isinstance(answer, dict) and FAILED in answer:
        failure = AskCycle if answer.get(CODE) == AskCycle.code else AskFailed
        raise failure(f"{path}: {answer[FAILED]}")
    return _read_value(path, response_json)


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call that an agent wants to make and may not without a person.

    Attributes: call_id: names it among those that are wanted at once.  arguments: a JSON object.
        effects: what it does outside, in words.
    """

    call_id: str
    tool: str
    arguments: Mapping[str, Any]
    effects: tuple[str, ...] = ()
    reversible: bool = True


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """What a person decided of one wanted call: with which arguments it is made, or why it is not."""

    call_id: str
    approve: bool
    arguments: dict[str, Any]
    message: str


def wait_for_approval(calls: Calls, wanted: Sequence[WantedCall], version: int) -> Any:
    """Let a person decide of calls, all that are wanted at once; return a `DecidedCall` of each, in their order.

    What is asked is what is approved: with other calls, arguments or another version of the agent in its place, what
    was decided is void, and a person decides anew by the rule `journal_diverged`. Awaitable under a running loop.

    Args: version: of the agent's contract.
    """
    asked = [
        {
            "id": each.call_id,
            "tool": each.tool,
            "arguments": dict(each.arguments),
            "effects": list(each.effects),
            "reversible": each.reversible,
            "approve": True,
            "message": "",
        }
        for each in wanted
    ]
    request_json = _write("approval", {"calls": asked, "version": version})
    return _wait(calls, CallKind.APPROVAL, APPROVAL, request_json, Until(), None, _read_decided)


def _read_decided(path: str, response_json: str) -> list[DecidedCall]:
    try:
        decided = _read_value(path, response_json)["calls"]
        return [
            DecidedCall(each["id"], each["approve"], each["arguments"], each["message"]) for each in decided
        ]
    except (KeyError, TypeError) as error:
        raise CallDiverged(path, "its stored answer is none of an approval") from error


def check_seconds(name: str, seconds: object) -> float:
    """Return a time to wait in seconds.

    Raises: CallRefused: it is none.
    """
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    # Compared before it is made a float, which the largest integers are too large for; no NaN passes a comparison.
    if not is_number or not 0 <= seconds <= LONGEST_WAIT_SECONDS:  # type: ignore[operator]
        raise CallRefused(f"{name} is {seconds!r:.80}; give seconds from 0 to {LONGEST_WAIT_SECONDS:,.0f}")
    return float(seconds)  # type: ignore[arg-type]


def check_moment(moment: object) -> datetime:
    """Return the time to wait for, in UTC.

    Raises: CallRefused: it is no time, has no zone, or lies beyond all calendars.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise CallRefused(
            f"task.sleep_until(time): {moment!r:.80} is no time with a zone; write "
            "datetime.now(UTC) + timedelta(hours=1)"
        )
    try:
        at = moment.astimezone(UTC)
    except OverflowError as error:
        raise CallRefused(_TOO_FAR.format(moment.isoformat(), LATEST)) from error
    if at > LATEST:
        raise CallRefused(_TOO_FAR.format(moment.isoformat(), LATEST))
    return at


def _wait(
    calls: Calls,
    kind: CallKind,
    name: str,
    request_json: str,
    until: Until,
    key: str | None,
    read: Callable[[str, str], Any],
) -> Any:
    def ask(path: str) -> str:
        return calls.journal.wait(CallWish(path, kind, name, request_json), until).response_json

    async def wait_awaited() -> Any:
        with calls.take_path(name, key, kind) as path:
            return read(path, await _let_others_go_on(calls, path, lambda: ask(path)))

    if is_in_loop():
        return wait_awaited()
    with calls.take_path(name, key, kind) as path, calls.count_under_way():
        try:
            return read(path, carry(lambda: ask(path)))
        except Suspended:
            calls.is_cut = True
            raise


async def _let_others_go_on(calls: Calls, path: str, ask: Callable[[], str]) -> str:
    """Return what answers a wait; where it is open, tell so only when no other branch goes on any more.

    One that is cancelled before, as the loser of two that were waited for at once, is waited for no longer.
    """
    calls.parked.add(path)
    try:
        try:
            return await outlive(calls, _count_awaited(calls, carry_awaited(ask)))
        except Suspended as suspended:
            told = suspended
        await stand_still(calls)
        calls.is_cut = not calls.is_over
        # Where the agent has ended nobody is there any more who could be told.
        gone: BaseException = asyncio.CancelledError() if calls.is_over else told
        raise gone
    except asyncio.CancelledError:
        if not calls.is_cut:
            calls.journal.leave(path)
        raise
    finally:
        calls.parked.discard(path)


async def _count_awaited(calls: Calls, asked: Coroutine[Any, Any, str]) -> str:
    with calls.count_under_way():
        return await asked


def _read_value(path: str, response_json: str) -> Any:
    answer = read_response(path, response_json)
    if not isinstance(answer, dict):
        raise CallDiverged(path, "its stored answer is none of a wait")
    if VALUE not in answer:
        raise SignalTimedOut(path)
    return answer[VALUE]


def _read_schema(where: str, schema: object) -> dict[str, Any] | None:
    """Return a JSON Schema, or that of a pydantic model, as it is kept."""
    if schema is None:
        return None
    read: object = schema
    try:
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            read = describe_model(schema)
        if not isinstance(read, Mapping):
            raise CallRefused(
                f"{where} is {schema!r:.80}; give a JSON Schema (dict) or a pydantic model class"
            )
        compile_schema(read)
        check_json(read, max_depth=DEEPEST_SCHEMA)
    except SchemaInvalid as error:
        raise CallRefused(f"{where} is not a JSON Schema: {error}") from error
    except UnreadableOutput as error:
        raise CallRefused(
            f"{where} can't be kept: {error.path or '/'} is {error.reason}; refer to parts by $ref, or ask for less"
        ) from error
    return dict(read)


def _write(name: str, request: object) -> str:
    try:
        return canonical_json(request)
    except UnreadableOutput as error:
        raise CallRefused(f"task.{name}: {error.path or '/'} can't be kept ({error.reason})") from error
