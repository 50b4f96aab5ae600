"""Building agents of models, and what their calls are kept as; no engine, and no provider."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai import Agent, ApprovalRequired, RunContext
from pydantic_ai.durable_exec import ModelRequestId, ToolsetCallToolId
from pydantic_ai.external_events import wait_for_external_event
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from agents import Call, Task, model_agent
from agents.domain.calls import Calls, MemoryJournal
from agents.domain.catalogue import RegisteredAgent, catalogue
from agents.domain.contract import AgentKind
from agents.domain.invocation import Answered, Failed, Outcome
from agents.domain.offers import AgentOffer, read_offers
from agents.domain.scripts import call, scripted
from agents.errors import AgentRefused
from agents.invoke import describe_offers, find_build_faults, invoke, override, override_models, plan_builds
from agents.runtimes.model.prompts import write_prompt
from agents.runtimes.model.requests import count_tokens, describe_operation
from agents.selectors import answered_names

_NAME = "modelled.unit"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_declared", dict(catalogue._declared))
    catalogue._rebuild()


def _declare(build: Callable[[Any], Any], **fields: Any) -> RegisteredAgent:
    model_agent(_NAME, **fields)(build)
    agent = catalogue.find(_NAME)
    assert agent is not None
    return agent


def _task(journal: MemoryJournal | None = None, **fields: Any) -> Task:
    calls = Calls(journal or MemoryJournal("key"))
    given = {"input": {"n": 1}, "handoff": {}, "run_input": {}, "run_id": "r", "step_key": "s", "attempt": 1}
    return Task(**{**given, "token": "t", "idempotency_key": "key", "calls": calls, **fields})


def _ask(script: Any, task: Task | None = None, **models: Any) -> Outcome:
    with override_models({"fast": scripted(script), **models}):
        return invoke(_NAME, task or _task(), timeout_seconds=20)


def _fail(script: Any, **models: Any) -> Failed:
    outcome = _ask(script, **models)
    assert isinstance(outcome, Failed), outcome
    return outcome


def _plain(durable: Any) -> Agent[Call, str]:
    return Agent("fast", capabilities=durable, deps_type=Call, name="plain")


def _wrong(function: Any, **fields: Any) -> None:
    model_agent(_NAME, **fields)(function)


def _pay() -> str:
    return "paid"


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: _wrong(_plain, prompt="text"), "prompt is 'text'; give a function of the task"),
        (lambda: _wrong(_plain, confidence=1), "confidence is 1; name a field of the output"),
        (lambda: _wrong(_plain, temperature=1), "unknown argument temperature"),
        (lambda: _wrong(lambda: None), "must take one argument, what its agent is to be given"),
        (lambda: _wrong(asyncio.sleep), "sleep is async; a plain def builds"),
        (lambda: _wrong(7), "put @model_agent above a def"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(declare: Callable[[], Any], words: str) -> None:
    with pytest.raises(AgentRefused, match=words):
        declare()


def test_the_contract_says_that_a_model_carries_it_out() -> None:
    assert _declare(_plain).contract.kind is AgentKind.MODEL
    with override({_NAME: lambda _task: "fake"}):
        outcome = _ask(["real"])
    assert isinstance(outcome, Answered)
    assert outcome.output == "fake"


def _find_offer(told_json: str) -> AgentOffer:
    return next(offer for offer in read_offers(told_json).agents if offer.name == _NAME)


def _no_agent(_durable: Any) -> Any:
    return "none"


def _unkept(_durable: Any) -> Any:
    return Agent("test", name="unkept")


def _misnamed(durable: Any) -> Any:
    agent = _plain(durable)

    def look(ctx: "Unknown") -> str:  # type: ignore[name-defined]  # noqa: F821
        return str(ctx)

    agent.tool(look)
    return agent


def _nested_approval(durable: Any) -> Any:
    inner = Agent("inner", capabilities=durable, name="inner")
    inner.tool_plain(name="pay", requires_approval=True)(_pay)
    return _plain(durable)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_no_agent, "returned 'none', not a pydantic_ai.Agent"),
        (_unkept, "its calls would not be kept; build it with what the function is given"),
        (_misnamed, "'Unknown'.*put the tools into a module of their own"),
        (_nested_approval, "'pay' of the agent 'inner' needs a person's approval.*a step of its own"),
    ],
)
def test_what_can_not_be_built_fails_in_words(build: Callable[[Any], Any], words: str) -> None:
    _declare(build)
    failure = _fail(["unasked"])
    assert failure.error_class == "agents.errors.AgentRefused"
    assert failure.kind == "permanent"
    assert re.search(words, failure.message), failure.message


def test_agents_are_built_once_and_ahead_where_their_queue_is_served() -> None:
    built: list[str] = []

    def build(durable: Any) -> Any:
        built.append("once")
        return _plain(durable)

    _declare(build)
    offered: list[bool] = []
    assert plan_builds(["a queue of nobody's"], lambda: None) is None
    assert _NAME in answered_names()
    thread = plan_builds(["steps"], lambda: offered.append(_NAME in answered_names()))
    assert thread is not None
    assert not {_NAME, f"{_NAME}@1"} & answered_names()
    assert built == []
    thread.start()
    thread.join()
    assert offered[-1]
    assert {_NAME, f"{_NAME}@1"} <= answered_names()
    assert isinstance(_ask(["said"]), Answered)
    assert built == ["once"]


def test_what_can_not_be_built_ahead_keeps_nobody_from_being_built() -> None:
    heals: list[bool] = []

    def build(durable: Any) -> Any:
        return _plain(durable) if heals else _no_agent(durable)

    _declare(build)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        assert _NAME not in answered_names()
        assert _fail(["unasked"]).error_class == "agents.errors.AgentRefused"
        pauses.append(seconds)
        heals.extend([True] * (len(pauses) == 3))
        return False

    told: list[str] = []
    thread = plan_builds(["steps"], lambda: told.append(describe_offers(["steps"])), pause)
    assert thread is not None
    thread.start()
    thread.join()
    assert _NAME in answered_names()
    assert pauses == [30, 60, 120]
    # Only what changed is told: that it could not be built, and that it is.
    first, last = (_find_offer(text) for text in told)
    assert (first.readiness, first.fault and first.fault.error_class) == (
        "failed",
        "agents.errors.AgentRefused",
    )
    assert (last.readiness, last.fault, last.models) == ("ready", None, ("fast",))


def test_a_run_of_the_agent_is_the_same_in_each_attempt() -> None:
    seen: list[tuple[Any, ...]] = []

    def build(durable: Any) -> Any:
        agent = _plain(durable)

        @agent.tool
        def look(ctx: RunContext[Call]) -> str:
            seen.append((ctx.run_id, ctx.conversation_id, ctx.deps.key, ctx.deps.task.step_key))
            return "seen"

        return agent

    _declare(build)
    for _attempt in range(2):
        assert isinstance(_ask([call("look"), "done"]), Answered)
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert (seen[0][0], seen[0][2]) == ("key:plain", "key:t.call_1#1")


def test_a_limit_of_time_counts_from_the_first_attempt() -> None:
    told: list[Any] = []

    def build(durable: Any) -> Any:
        agent, inner = _plain(durable), Agent("inner", capabilities=durable, name="inner")

        @agent.tool_plain
        async def delegate() -> str:
            return (await inner.run("go", timeout=60)).output

        return agent

    _declare(build)
    journal = MemoryJournal("key")
    _ask([call("delegate"), "done"], _task(journal), inner=scripted(["inner"]))
    assert [path for path in journal._done if "run_start" in path] == ["t.call_1#1/inner.run_start#1"]
    assert told == []


def test_two_runs_of_one_agent_at_once_in_one_call_are_refused() -> None:
    def build(durable: Any) -> Any:
        agent, inner = _plain(durable), Agent("inner", capabilities=durable, name="inner")

        @agent.tool_plain
        async def delegate() -> list[str]:
            said = await asyncio.gather(inner.run("a"), inner.run("b"))
            return [each.output for each in said]

        return agent

    _declare(build)
    failure = _fail([call("delegate"), "done"], inner=scripted(["inner"]))
    assert "inner__model.request' is being made already" in failure.message


def test_a_wait_within_a_tool_is_refused() -> None:
    async def ask(_token: str) -> None: ...

    def build(durable: Any) -> Any:
        agent = _plain(durable)

        @agent.tool_plain
        async def wait() -> str:
            return str(await wait_for_external_event("answer", ask=ask))

        return agent

    _declare(build)
    failure = _fail([call("wait"), "done"])
    assert failure.kind == "permanent"
    assert "inside a durable unit, such as a tool call" in failure.message


def test_an_agent_inside_a_tool_can_not_ask_for_approval_by_a_call_s_arguments() -> None:
    def build(durable: Any) -> Any:
        agent, inner = _plain(durable), Agent("inner", capabilities=durable, name="inner")

        @inner.tool_plain
        def pay() -> str:
            raise ApprovalRequired

        @agent.tool_plain
        async def delegate() -> str:
            return (await inner.run("go")).output

        return agent

    _declare(build)
    failure = _fail([call("delegate"), "done"], inner=scripted([call("pay"), "paid"]))
    assert "'pay' of the agent 'inner' needs a person's approval" in failure.message
    assert "make that agent a step of its own" in failure.message


def test_a_task_does_not_wait_within_a_tool() -> None:
    def build(durable: Any) -> Any:
        agent = _plain(durable)

        @agent.tool
        async def rest(ctx: RunContext[Call]) -> None:
            await ctx.deps.task.sleep(60)

        return agent

    _declare(build)
    failure = _fail([call("rest"), "done"])
    assert failure.error_class == "agents.errors.CallRefused"
    assert "waits inside a call" in failure.message


def test_a_script_that_is_over_says_what_it_was_asked() -> None:
    _declare(_plain)
    assert "the script of the model 'fast' has 0 answers" in _fail([]).message


def test_the_prompt_tells_all_that_the_task_has() -> None:
    task = _task(input={"b": 1, "a": "x"}, handoff={"plan": {"k": 2}}, feedback="shorter", index=0, item="i")
    assert write_prompt(task) == (
        '{"a":"x","b":1}\n\nItem:\ni\n\nResults of earlier steps:\n{"plan":{"k":2}}\n\n'
        "Your last answer was sent back:\nshorter"
    )
    assert write_prompt(_task(input="text")) == "text"


def test_a_prompt_of_one_s_own_is_what_the_model_is_told() -> None:
    heard: list[str] = []

    def answer(messages: Any, _n: int) -> str:
        heard.append(messages[0].parts[0].content)
        return "said"

    _declare(_plain, prompt=lambda task: f"n is {task.input['n']}")
    with override_models({"fast": scripted(answer)}):
        invoke(_NAME, _task(), timeout_seconds=20)
    assert heard == ["n is 1"]


def _describe_model(messages: list[Any], parameters: ModelRequestParameters | None = None) -> Any:
    key = ("fast", messages, None, parameters or ModelRequestParameters(), None)
    return describe_operation(ModelRequestId("fast", model_name="fast"), "a__model.request", key)


def _said(text: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(text)])


def test_when_and_for_which_run_something_was_asked_is_no_part_of_it() -> None:
    first = _describe_model([_said("hi"), ModelResponse(parts=[TextPart("ho")]), _said("and?")])
    again: list[Any] = [_said("hi"), ModelResponse(parts=[TextPart("ho")]), _said("and?")]
    for message in again:
        message.run_id = "another"
    assert _describe_model(again) == first
    assert '"and?"' in first.request_json
    assert '"hi"' not in first.request_json


@pytest.mark.parametrize(
    "changed",
    [
        [_said("hi!"), ModelResponse(parts=[TextPart("ho")]), _said("and?")],
        [_said("hi"), ModelResponse(parts=[TextPart("ho!")]), _said("and?")],
        [_said("hi"), ModelResponse(parts=[TextPart("ho")]), _said("and!")],
    ],
)
def test_what_was_said_before_is_part_of_it(changed: list[Any]) -> None:
    messages = [_said("hi"), ModelResponse(parts=[TextPart("ho")]), _said("and?")]
    assert _describe_model(changed).request_json != _describe_model(messages).request_json


def test_sets_are_the_same_in_every_process() -> None:
    names = [f"tool-{n}" for n in range(50)]
    asked = {
        _describe_model([_said("hi")], ModelRequestParameters(revealed_tool_names=set(order))).request_json
        for order in (names, names[::-1], sorted(names, key=hash))
    }
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("call_id", "part"),
    [
        ("call_7", "t.call_7"),
        ("a/b#1[2]", "t.a_b_1_2_~"),
        ("x" * 200, f"t.{'x' * 65}~"),
        ("\x00\u2028", "t.__~"),
    ],
)
def test_ids_of_other_programs_are_fit_for_a_path(call_id: str, part: str) -> None:
    context = RunContext(deps=None, model=None, usage=None, tool_call_id=call_id)  # type: ignore[arg-type]
    key = ("look", {"n": 1}, context, None)
    asked = describe_operation(ToolsetCallToolId("function", toolset_id="<agent>"), "a__look", key)
    assert asked.part.startswith(part)
    assert len(asked.part) <= 100
    with Calls(MemoryJournal()).take_path(asked.part, None):
        pass


@pytest.mark.parametrize("most", [True, 0, -5, 1.5, "64"])
def test_a_most_of_tokens_that_is_none_is_refused_before_anything_is_asked(most: Any) -> None:
    _declare(
        lambda durable: Agent("fast", capabilities=durable, name="plain", model_settings={"max_tokens": most})
    )
    failure = _fail(["unasked"])
    assert (failure.kind, failure.error_class) == ("permanent", "agents.errors.AgentRefused")
    assert (
        f"agent plain: model_settings: max_tokens is {most!r}; give a whole number from 1" in failure.message
    )
    assert find_build_faults()[_NAME] == failure.message


def test_a_most_of_tokens_that_a_function_says_is_looked_at_with_each_request() -> None:
    def say(_ctx: Any) -> Any:
        return {"max_tokens": -1}

    _declare(lambda durable: Agent("fast", capabilities=durable, name="plain", model_settings=say))
    assert "max_tokens is -1" in _fail(["unasked"]).message


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 2), ("x" * 16, 5), ("中文", 6), ("größer", 2 + 4), ("🙂", 4), ("\ud800", 1)],
)
def test_tokens_of_a_text_are_counted_as_if_each_byte_beyond_ascii_were_one(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens
