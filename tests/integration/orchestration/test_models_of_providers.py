"""Model-backed agents with a provider's own client, against a server on the loopback interface."""

import json
from typing import Any

import pytest
from django.test import override_settings
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModelSettings, _responses_model

from agents import model_agent
from agents.model_server import Call, Fault, ModelServer, Reply, When
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.models import Call as CallRow
from orchestration.models import CallTry
from orchestration.testing import FinishedRun, run_workflow
from tests.integration.agents.providers.replaying import Answer, Replayer

pytestmark = pytest.mark.django_db

_PRICE = {"input_usd_per_million": "1000", "output_usd_per_million": "2000"}
_ORDER = Reply(calls=(Call("find_order", {"id": "7"}),), input_tokens=10, output_tokens=7)
_SAID = Reply("It is late.", input_tokens=30, output_tokens=5, when=When(after="find_order"))


@model_agent("modelled.desk")
def desk(durable: Any) -> Agent[None, str]:
    agent = Agent("fast", capabilities=durable, name="desk")

    @agent.tool_plain
    def find_order(id: str) -> str:  # noqa: A002
        return f"{id} is late"

    return agent


def _run(*replies: Reply, budget: Budget | None = None, **entry: Any) -> FinishedRun:
    retry = Retry(max_attempts=3, backoff_base_seconds=0, jitter_seconds=0)
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.desk", retry=retry),))
    with ModelServer(replies) as server:
        model = {"model": "openai:scripted", "base_url": server.url, "price": _PRICE, **entry}
        with override_settings(RINGMASTER={"MODELS": {"fast": model}}):
            return run_workflow(spec, {"message": "Where is my tent?"}, budget=budget)


def test_what_a_provider_billed_stands_with_each_call() -> None:
    done = _run(_ORDER, _SAID)
    assert (done.status, done.outputs) == ("succeeded", {"work": "It is late."})
    assert done.calls("work") == ["model", "tool:find_order", "model"]
    assert done.cost == {"work": "0.064"}
    first, _tool, last = CallRow.objects.order_by("pk")
    assert (first.input_tokens, first.output_tokens, first.provider, first.model) == (
        10,
        7,
        "fast",
        "scripted",
    )
    assert (first.finish_reason, last.finish_reason) == ("tool_call", "stop")
    assert runs.verify(done.run.pk).fault is None


def test_a_provider_s_failure_costs_one_try_and_is_told_in_our_words() -> None:
    done = _run(
        Reply(fault=Fault.RATE_LIMIT, times=1),
        _ORDER,
        Reply(fault=Fault.OVERLOADED, times=1, when=When(after="find_order")),
        _SAID,
    )
    assert done.status == "succeeded"
    failed = done.steps["work"].attempts.order_by("number").values_list("failure_kind", flat=True)
    assert list(failed) == ["rate_limit", "rate_limit", ""]
    assert [each.tries.count() for each in CallRow.objects.order_by("pk")] == [2, 1, 2]
    assert CallTry.objects.filter(state="failed").count() == 2


def test_a_request_reserves_what_its_model_may_answer_at_most() -> None:
    done = _run(_ORDER, _SAID, budget=Budget(tokens=100_000, usd="500"), max_tokens=20_000)
    assert done.status == "succeeded"
    reserved = CallTry.objects.filter(call__kind="model").values_list("reserved_tokens", flat=True)
    assert all(20_000 < (each or 0) < 21_000 for each in reserved), list(reserved)


@model_agent("modelled.background")
def background(durable: Any) -> Agent[None, str]:
    return Agent(
        "fast",
        capabilities=durable,
        name="background",
        model_settings=OpenAIResponsesModelSettings(openai_background=True),
    )


def _made(status: str, **more: Any) -> Answer:
    said = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-mini",
        "status": status,
        "background": True,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return Answer(200, json.dumps(said | more).encode(), {"Content-Type": "application/json"})


def test_an_answer_that_is_made_in_the_background_is_asked_for_until_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_responses_model, "_OPENAI_BACKGROUND_POLL_INTERVAL", 0.01)
    text = {"type": "output_text", "text": "Done.", "annotations": []}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    used = {"input_tokens": 30, "output_tokens": 5, "total_tokens": 35} | details
    answers = [_made("queued"), _made("in_progress"), _made("completed", output=[item], usage=used)]
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.background"),))
    with Replayer(answers) as server:
        model = {"model": "openai-responses:gpt-5-mini", "base_url": f"{server.url}/v1", "price": _PRICE}
        with override_settings(RINGMASTER={"MODELS": {"fast": model}}):
            done = run_workflow(spec, {"message": "Think."}, budget=Budget(tokens=6_000, usd="50"))
    assert (done.status, done.outputs) == ("succeeded", {"work": "Done."}), done.run.reason
    paths = [path.partition("?")[0] for path, _ in server.requests]
    assert paths == ["/v1/responses", "/v1/responses/resp_1", "/v1/responses/resp_1"]
    # Of what is still being made nothing is billed: only the last call cost something.
    calls = CallRow.objects.order_by("pk").values_list("input_tokens", "output_tokens", "cost_micro_usd")
    assert list(calls) == [(0, 0, 0), (0, 0, 0), (30, 5, 40_000)]
    assert done.cost == {"work": "0.04"}
