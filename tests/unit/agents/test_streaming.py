"""A model that is asked for a stream gives the answer that it gives else, and what comes is told; no engine."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from agents import Task, model_agent
from agents.domain.calls import Begun, Calls, CallWish, Kept, MemoryJournal
from agents.domain.catalogue import catalogue
from agents.domain.invocation import Answered, Failed
from agents.domain.scripts import call, scripted
from agents.errors import TransientError
from agents.invoke import invoke, override_models
from agents.runtimes.model import streaming
from agents.runtimes.model.scripted import make_model
from agents.runtimes.model.streaming import StreamingModel

_NAME = "modelled.live"


@dataclass
class Heard:
    """What was told of one call."""

    call: int
    attempt: int
    pieces: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    is_over: bool = False

    def say(self, text: str) -> None:
        assert not self.is_over
        self.pieces.extend([text] if text else [])

    def want_tool(self, name: str) -> None:
        self.tools.append(name)

    def end(self) -> None:
        self.is_over = True


class RowJournal(MemoryJournal):
    """Its calls have rows, as the engine's."""

    def __init__(self) -> None:
        super().__init__("key")
        self.written: list[str] = []

    def begin(self, wish: CallWish, reservation: Any = None) -> Kept | Begun:
        begun = super().begin(wish, reservation)
        return begun if isinstance(begun, Kept) else Begun(begun.key, len(self._done) + 1)

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: Any = None) -> None:
        super().end(wish, begun, response_json, usage)
        self.written.append(wish.path)


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    """Declare an agent, and collect what is told."""
    told: list[Heard] = []

    def begin(_run_id: str, call_id: int, attempt: int) -> Heard:
        told.append(Heard(call_id, attempt))
        return told[-1]

    monkeypatch.setattr(streaming, "begin_speech", begin)
    monkeypatch.setattr(catalogue, "_declared", dict(catalogue._declared))
    catalogue._rebuild()
    model_agent(_NAME)(_build)
    return told


class Said(BaseModel):
    text: str


def _build(durable: Any) -> Agent[Any, Any]:
    agent: Agent[Any, Any] = Agent("fast", output_type=[str, Said], capabilities=durable, name="live")

    @agent.tool_plain
    def look() -> str:
        return "seen"

    return agent


def _task(journal: MemoryJournal | None = None, attempt: int = 1) -> Task:
    return Task(
        input="Where is it?",
        handoff={},
        run_input={},
        run_id="r",
        step_key="s",
        attempt=attempt,
        token="t",
        idempotency_key="key",
        calls=Calls(journal if journal is not None else RowJournal()),
    )


def _ask(answers: Any, journal: MemoryJournal | None = None, attempt: int = 1) -> Any:
    model = answers if isinstance(answers, Model) else scripted(answers)
    with override_models({"fast": model}):
        return invoke(_NAME, _task(journal, attempt), timeout_seconds=20)


def test_what_a_model_says_is_told_word_by_word_and_the_answer_is_whole(heard: list[Heard]) -> None:
    outcome = _ask([call("look"), "It is on its way."])
    assert isinstance(outcome, Answered)
    assert outcome.output == "It is on its way."
    asked, said = heard
    assert (asked.pieces, asked.tools, asked.is_over) == ([], ["look"], True)
    assert (said.pieces, said.tools) == (["It", " is", " on", " its", " way."], [])
    assert [each.call for each in heard] == [1, 3]


def test_structured_output_is_told_as_it_comes(heard: list[Heard]) -> None:
    outcome = _ask([{"text": "late"}])
    assert isinstance(outcome, Answered)
    assert ("".join(heard[0].pieces), heard[0].tools) == ('{"text":"late"}', [])


def test_the_end_is_told_behind_the_row(heard: list[Heard], monkeypatch: pytest.MonkeyPatch) -> None:
    journal, seen = RowJournal(), list[list[str]]()
    monkeypatch.setattr(Heard, "end", lambda _self: seen.append(list(journal.written)))
    assert isinstance(_ask(["done"], journal), Answered)
    assert seen == [["live__model.request#1"]]


def test_a_call_that_fails_is_over_too_and_the_next_attempt_is_told_apart(heard: list[Heard]) -> None:
    journal = RowJournal()
    assert isinstance(_ask([TransientError("away")], journal), Failed)
    assert isinstance(_ask(["done"], journal, attempt=2), Answered)
    assert [(each.attempt, each.is_over) for each in heard] == [(1, True), (2, True)]


def test_what_was_answered_is_neither_asked_nor_told_again(heard: list[Heard]) -> None:
    journal = RowJournal()
    for attempt in (1, 2):
        assert isinstance(_ask(["done"], journal, attempt), Answered)
    assert len(heard) == 1


def test_whether_it_is_streamed_is_no_part_of_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that streams goes on where one that does not left off: under the same path, by the same digest."""
    kept: list[dict[str, str]] = []
    for is_streamed in (True, False):
        if not is_streamed:
            monkeypatch.setattr(streaming, "begin_speech", lambda *_: None)
        journal = RowJournal()
        assert isinstance(_ask([call("look"), "done"], journal), Answered)
        kept.append({path: digest for path, (digest, _) in journal._done.items()})
    assert kept[0] == kept[1]
    assert list(kept[0]) == ["live__model.request#1", "t.call_1#1", "live__model.request#2"]


def test_a_call_without_a_row_and_a_model_that_shall_not_are_not_streamed(
    heard: list[Heard], settings: Any
) -> None:
    assert isinstance(_ask(["done"], MemoryJournal("key")), Answered)
    settings.RINGMASTER = {"MODELS": {"fast": {"model": "openai:x", "stream": False}}}
    assert isinstance(_ask(["done"]), Answered)
    assert heard == []


async def _answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    from pydantic_ai.messages import TextPart

    return ModelResponse(parts=[TextPart("whole")])


async def _half(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[str]:
    yield "half"
    raise TransientError("broke off")


@pytest.mark.parametrize(
    "model", [FunctionModel(_answer), TestModel(call_tools=[], custom_output_args={"text": "whole"})]
)
def test_a_model_of_somebody_s_own_answers_streamed_or_not(model: Model, heard: list[Heard]) -> None:
    outcome = _ask(model)
    assert isinstance(outcome, Answered)
    assert outcome.output in ("whole", {"text": "whole"})
    assert heard[0].is_over


def test_a_stream_that_breaks_off_is_a_failure_though_half_was_told(heard: list[Heard]) -> None:
    outcome = _ask(FunctionModel(_answer, stream_function=_half))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, heard[0].pieces, heard[0].is_over) == ("transient", ["half"], True)


def _request(model: Model) -> ModelResponse:
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("hi")])]
    return asyncio.run(StreamingModel(model).request(messages, None, ModelRequestParameters()))


def test_streamed_and_not_a_script_answers_alike() -> None:
    token = streaming._SPEECH.set(Heard(1, 1))  # type: ignore[arg-type]
    streamed = _request(make_model("fast", scripted(["a b"], cost_usd="0.5", output_tokens=9)))
    streaming._SPEECH.reset(token)
    plain = _request(make_model("fast", scripted(["a b"], cost_usd="0.5", output_tokens=9)))
    assert (streamed.parts[0].content, streamed.usage) == (plain.parts[0].content, plain.usage)  # type: ignore[union-attr]
