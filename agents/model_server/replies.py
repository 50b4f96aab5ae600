"""What the server answers, as values, and how a script writes them in JSON. Pure.

A reply is an answer of the model or a fault of its server. A script is a list of them; the first one that fits what was
asked, and has not been given often enough, is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from agents.domain.reading import read_json
from agents.errors import ScriptRefused, UnreadableJson

_PLACE: Final = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")


class Fault(StrEnum):
    """What goes wrong instead of an answer, or in the midst of it."""

    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    BAD_REQUEST = "bad_request"
    BAD_KEY = "bad_key"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    CUT_OFF = "cut_off"
    EMPTY = "empty"
    STREAM_ERROR = "stream_error"
    BROKEN_OFF = "broken_off"
    NO_JSON = "no_json"


@dataclass(frozen=True, slots=True)
class When:
    """What must have been asked. An empty condition fits everything.

    Attributes:
        says: a regular expression that is found in what the user said last; its named groups fill texts and arguments.
        after: the tool whose result came last; with `says` and without this, nothing came after the user's words.
        result: a regular expression that is found in that result.
        model: that was asked for.
    """

    says: str = ""
    after: str = ""
    result: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to be called. Texts in the arguments may have places, such as `{order}`.

    An argument that is a part of a result and nothing else, `{result.euro}`, stays what it is there: a number, say.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a script.

    Attributes:
        text: what the model says; `{order}` is the group `order` of `when.says`, `{result}` what the tool returned,
            `{result.status}` a part of it.
        calls: the tools it wants called; two of them at once are parallel.
        fault: what goes wrong.
        retry_after_seconds: what a `rate_limit`, `overloaded` or `unavailable` asks for.
        reasoning: what it thought, as servers of open models tell it.
        input_tokens, output_tokens: as billed; None: a quarter of the characters.
        times: after so many times it does not fit any more; 0: no limit.
        seconds: before the first byte.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    fault: Fault | None = None
    retry_after_seconds: float | None = None
    reasoning: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    times: int = 1
    seconds: float = 0.0
    when: When = When()


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, as far as scripts look at it.

    Attributes: says: the user's last words.  after: the tool whose result came last, with that result.
    """

    model: str
    says: str
    after: str
    result: str
    characters: int


def read_question(body: Mapping[str, Any]) -> Question:
    """Return what a chat completion's request asks."""
    messages = [message for message in body.get("messages", ()) if isinstance(message, Mapping)]
    users = [message for message in messages if message.get("role") == "user"]
    last = messages[-1] if messages else {}
    is_result = last.get("role") == "tool"
    return Question(
        model=str(body.get("model", "")),
        says=_read_content(users[-1]) if users else "",
        after=_find_tool(messages, str(last.get("tool_call_id", ""))) if is_result else "",
        result=_read_content(last) if is_result else "",
        characters=len(json.dumps(body.get("messages", []), ensure_ascii=False)),
    )


def _read_content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content or "")


def _find_tool(messages: list[Mapping[str, Any]], call_id: str) -> str:
    calls = (call for message in reversed(messages) for call in message.get("tool_calls") or ())
    return next((str(call["function"]["name"]) for call in calls if call.get("id") == call_id), "")


def fits(when: When, question: Question) -> bool:
    """Return whether a reply is for this question."""
    return (
        (not when.says or re.search(when.says, question.says) is not None)
        and (when.after == question.after if when.after else not (when.says and question.after))
        and (not when.result or re.search(when.result, question.result) is not None)
        and (not when.model or when.model == question.model)
    )


def fill_text(text: str, when: When, question: Question) -> str:
    """Return a text with its places filled; a place that nothing fills stays."""
    return _Filling(when, question).fill_text(text)


def fill_arguments(arguments: Mapping[str, Any], when: When, question: Question) -> dict[str, Any]:
    """Return a tool's arguments with the places of all their texts filled."""
    filled: dict[str, Any] = _Filling(when, question).fill(arguments)
    return filled


class _Filling:
    """What the places of one reply stand for."""

    def __init__(self, when: When, question: Question) -> None:
        found = re.search(when.says, question.says) if when.says else None
        self._groups = {name: said or "" for name, said in (found.groupdict() if found else {}).items()}
        self._result = question.result

    def fill_text(self, text: str) -> str:
        return _PLACE.sub(lambda place: _write(self._find(place)), text)

    def fill(self, value: Any) -> Any:
        if isinstance(value, str):
            whole = _PLACE.fullmatch(value)
            return self.fill_text(value) if whole is None else self._find(whole)
        if isinstance(value, Mapping):
            return {key: self.fill(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(element) for element in value]
        return value

    def _find(self, place: re.Match[str]) -> Any:
        name, *parts = place[1].split(".")
        if name in self._groups and not parts:
            return self._groups[name]
        if name != "result":
            return place[0]
        if not parts:
            return self._result
        try:
            found = read_json(self._result)
        except UnreadableJson:
            return place[0]
        for part in parts:
            found = found.get(part, place[0]) if isinstance(found, Mapping) else place[0]
        return found


def _write(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def read_script(said: object) -> list[Reply]:
    """Return the replies that a JSON value lists.

    Raises: ScriptRefused: a line for the first reply that can't be followed.
    """
    replies = said.get("replies") if isinstance(said, Mapping) else said
    if not isinstance(replies, list):
        raise ScriptRefused("write a list of replies, or an object with the list as 'replies'")
    return [_read_reply(index, reply) for index, reply in enumerate(replies, 1)]


def _read_reply(number: int, said: object) -> Reply:
    at = f"reply {number}"
    given = _read_fields(at, Reply, said)
    if "when" in given:
        given["when"] = When(**_read_fields(f"{at}, 'when'", When, given["when"]))
        _check_pattern(at, "says", given["when"].says)
        _check_pattern(at, "result", given["when"].result)
    if "calls" in given:
        given["calls"] = tuple(_read_calls(at, given["calls"]))
    if "fault" in given:
        given["fault"] = _read_fault(at, given["fault"])
    for name in ("retry_after_seconds", "input_tokens", "output_tokens", "times", "seconds"):
        if not isinstance(given.get(name, 0), int | float) or given.get(name, 0) < 0:
            raise ScriptRefused(f"{at}: '{name}' is {given[name]!r:.40}; write a number from 0")
    for name in ("text", "reasoning"):
        if not isinstance(given.get(name, ""), str):
            raise ScriptRefused(f"{at}: '{name}' is {given[name]!r:.40}; write a text")
    return Reply(**given)


def _read_fields(at: str, kind: type[Any], said: object) -> dict[str, Any]:
    known = [item.name for item in fields(kind)]
    if not isinstance(said, Mapping):
        raise ScriptRefused(f"{at}: write an object with any of {', '.join(known)}")
    for key in said:
        if key not in known:
            raise ScriptRefused(f"{at}: unknown {key!r:.40}; known are {', '.join(known)}")
    return dict(said)


def _read_calls(at: str, said: object) -> Iterator[Call]:
    for each in said if isinstance(said, list) else [said]:
        call = Call(**_read_fields(f"{at}, 'calls'", Call, each)) if _names_tool(each) else None
        if call is None or not isinstance(call.arguments, Mapping):
            raise ScriptRefused(f"{at}: 'calls' lists objects with 'name' and 'arguments'")
        yield call


def _names_tool(said: object) -> bool:
    return isinstance(said, Mapping) and isinstance(said.get("name"), str)


def _read_fault(at: str, said: object) -> Fault:
    try:
        return Fault(str(said))
    except ValueError:
        raise ScriptRefused(
            f"{at}: there is no fault {said!r:.40}; write one of {', '.join(Fault)}"
        ) from None


def _check_pattern(at: str, name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ScriptRefused(f"{at}: 'when.{name}' is no regular expression: {error}") from None
