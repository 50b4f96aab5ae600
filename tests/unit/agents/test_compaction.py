"""Where a long conversation is cut: read from its history alone, between an answer and what came before it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from agents import Task, model_agent
from agents.errors import AgentRefused
from agents.runtimes.model.backend import TASK
from agents.runtimes.model.compaction import Compaction, count_hidden, find_cut
from agents.runtimes.model.requests import count_messages

_MOST, _ALLOWANCE = 1_000, 125
# How long what the model says is, how long what each of its tools returns is, and which of these come late.
_TURNS = st.lists(
    st.tuples(st.integers(0, 1_500), st.lists(st.tuples(st.integers(0, 1_500), st.booleans()), max_size=3)),
    max_size=14,
)


def _write(first: int, turns: list[Any]) -> list[ModelMessage]:
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("x" * first)])]
    late: list[Any] = []
    for number, (said, tools) in enumerate(turns):
        calls = [ToolCallPart("look", {}, tool_call_id=f"{number}.{n}") for n in range(len(tools))]
        messages.append(ModelResponse(parts=[TextPart("y" * said), *calls]))
        returned: list[Any] = list(late)
        waits: list[Any] = []
        for made, (size, is_late) in zip(calls, tools, strict=True):
            part = ToolReturnPart("look", "z" * size, tool_call_id=made.tool_call_id)
            (waits if is_late else returned).append(part)
        late = waits
        messages.append(ModelRequest(parts=[*returned, UserPromptPart("go on")]))
    return messages


@given(st.integers(0, 1_500), _TURNS)
@settings(max_examples=200, deadline=None)
def test_calls_and_what_they_returned_stay_together_and_the_cut_only_moves_on(
    first: int, turns: list[Any]
) -> None:
    messages = _write(first, turns)
    before = 1
    for end in range(1, len(messages) + 1, 2):
        cut = find_cut(messages[:end], _MOST, _ALLOWANCE)
        assert before <= cut
        before = cut
        middle, kept = messages[1:cut], messages[cut:end]
        assert _ids(middle, "tool-call") == _ids(middle, "tool-return")
        assert _ids(kept, "tool-return") <= _ids(kept, "tool-call")
        if cut > 1:
            assert isinstance(kept[0], ModelResponse)
            assert len(middle) > 1


def _ids(messages: list[ModelMessage], kind: str) -> set[str]:
    return {part.tool_call_id for each in messages for part in each.parts if part.part_kind == kind}  # type: ignore[union-attr, misc]


@given(st.integers(0, 400), st.lists(st.integers(0, 300), max_size=30))
@settings(max_examples=100, deadline=None)
def test_what_is_sent_fits_where_the_first_message_and_the_latest_leave_room(
    first: int, sizes: list[int]
) -> None:
    messages = _write(first, [(size, [(size, False)]) for size in sizes])
    cut = find_cut(messages, _MOST, _ALLOWANCE)
    sent = count_messages(messages[:1]) + sum(count_messages([each]) for each in messages[cut:])
    assert sent + (_ALLOWANCE if cut > 1 else 0) <= _MOST


def test_a_short_conversation_is_sent_whole() -> None:
    assert find_cut(_write(100, [(50, [(50, False)])] * 3), _MOST, _ALLOWANCE) == 1


def test_a_conversation_that_is_all_latest_message_is_sent_as_it_is() -> None:
    assert find_cut(_write(4_000, [(4_000, [(4_000, False)])]), _MOST, _ALLOWANCE) == 1


def test_what_is_no_such_text_hides_nothing() -> None:
    assert count_hidden([]) == count_hidden(_write(5, [])) == (0, 0)


@pytest.mark.parametrize("tokens", [0, 999, -1, "2000", 1.5, True, 10**40])
def test_a_number_of_tokens_that_is_none_is_refused(tokens: Any) -> None:
    with pytest.raises(AgentRefused, match="context_tokens is"):
        model_agent("compact.bad", context_tokens=tokens)


def _answer(*calls: str, size: int = 0) -> ModelResponse:
    return ModelResponse(
        parts=[TextPart("y" * size)] * bool(size) + [ToolCallPart("look", {}, each) for each in calls]
    )


def _return(*calls: str, size: int = 10) -> ModelRequest:
    return ModelRequest(parts=[ToolReturnPart("look", "z" * size, tool_call_id=each) for each in calls])


@pytest.mark.parametrize(
    ("messages", "cut"),
    [
        ([], 1),
        ([_return("a", size=90_000)], 1),
        # What is enormous is the first message, or the latest: there is nothing to be told in short that would help.
        ([ModelRequest(parts=[UserPromptPart("x" * 90_000)]), _answer("a"), _return("a")], 1),
        ([*_write(9, [(9, [(9, False)])]), _answer("a"), _return("a", size=90_000)], 3),
        # It is in the middle.
        ([*_write(9, [(9, [(90_000, False)])]), _answer("a"), _return("a"), _answer("b"), _return("b")], 3),
        # A call that nothing came back from is never told in short, nor is what came after it.
        ([*_write(9, [(9, [(9, False)])]), _answer("a"), _return(), *[_answer(size=900), _return()] * 9], 3),
        # Messages that say nothing.
        ([ModelRequest(parts=[]), *[_answer(), _return()] * 3], 1),
    ],
)
def test_an_odd_conversation_is_cut_where_it_may_be(messages: list[ModelMessage], cut: int) -> None:
    assert find_cut(messages, _MOST, _ALLOWANCE) == cut


@contextmanager
def _told_in_short() -> Iterator[None]:
    token = TASK.set(Task({}, {}, {}, "run", "step", 1, "token", "key"))
    try:
        yield
    finally:
        TASK.reset(token)


@pytest.mark.parametrize("first", [ModelResponse(parts=[TextPart("I begin")]), ModelRequest(parts=[])])
def test_whoever_begins_is_sent_as_it_was(first: ModelMessage) -> None:
    messages = [first, *_write(9, [(9, [(900, False)])] * 9)]
    request: Any = SimpleNamespace(messages=messages)
    with _told_in_short():
        asyncio.run(Compaction(_MOST).prepare_model_request(None, request))  # type: ignore[arg-type]
    assert request.messages[0].parts[: len(first.parts)] == first.parts
    assert (
        sum(map(len, (each.parts for each in request.messages)))
        <= sum(len(each.parts) for each in messages) + 1
    )


def test_of_a_middle_that_says_nothing_something_is_told() -> None:
    silent = [ModelResponse(parts=[ThinkingPart("h" * 900)]), ModelRequest(parts=[])] * 9
    request: Any = SimpleNamespace(messages=[*_write(9, []), *silent])
    with _told_in_short():
        asyncio.run(Compaction(_MOST).prepare_model_request(None, request))  # type: ignore[arg-type]
    assert len(request.messages) < len(silent)
