"""Budgets over agents that ask models: what can't be known, can't be priced or can't be kept counts all the same."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from agents import model_agent
from orchestration import Budget, Retry, StepSpec, WorkflowSpec
from orchestration.models import Call, CallTry, Pot
from orchestration.testing import FinishedRun, run_workflow, scripted
from orchestration.usage.sums import sum_used
from tests.integration.agents.providers.conftest import PRICE, models
from tests.integration.orchestration.judge_budgets import judge_budgets

pytestmark = pytest.mark.django_db
_ONCE = Retry(max_attempts=1)


@pytest.fixture(autouse=True)
def _judge() -> Any:
    yield
    judge_budgets()


@model_agent("budgeted.asker")
def asker(durable: Any) -> Agent[Any, str]:
    return Agent("fast", capabilities=durable, name="asker")


@model_agent("budgeted.terse")
def terse(durable: Any) -> Agent[Any, str]:
    return Agent("fast", capabilities=durable, name="terse", model_settings={"max_tokens": 100})


def _run(model: Any, budget: Budget, agent: str = "budgeted.asker") -> FinishedRun:
    spec = WorkflowSpec(name="budgeted", steps=(StepSpec("ask", agent=agent, retry=_ONCE),))
    return run_workflow(spec, models={"fast": model}, budget=budget)


def _answer(text: str = "done", **usage: Any) -> FunctionModel:
    def answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        return ModelResponse([TextPart(text)], usage=RequestUsage(**usage), provider_name="odd")

    return FunctionModel(answer, model_name="fast")


@pytest.mark.parametrize(
    "usage",
    [
        {"unmeasured_requests": 1},
        {"input_tokens": 10**10, "output_tokens": 5},
        {"input_tokens": -3, "output_tokens": 5},
    ],
)
def test_usage_that_is_not_told_or_can_not_be_counts_as_reserved(usage: dict[str, Any]) -> None:
    with models(fast={"model": "openai:gpt-5", "price": PRICE}):
        done = _run(_answer("done", **usage), Budget(tokens=20_000, usd="1"))
    attempt, used = CallTry.objects.get(), Call.objects.get().usage
    assert done.status == "succeeded"
    assert attempt.reserved_tokens is not None
    assert attempt.reserved_micro_usd is not None
    assert attempt.reserved_tokens > 4_096
    assert attempt.reserved_micro_usd > 0
    assert (attempt.tokens, attempt.cost_micro_usd) == (None, None)
    assert {pot.unit: (pot.reserved, pot.spent, pot.lost) for pot in Pot.objects.all()} == {
        "tokens": (0, attempt.reserved_tokens, 0),
        "micro_usd": (0, attempt.reserved_micro_usd, 0),
    }
    assert used is not None
    assert used.words == "tokens not told, odd/fast"
    assert not sum_used([done.run.pk])


@pytest.mark.parametrize("cost", ["-1", "1e300"])
def test_a_cost_that_can_not_be_is_not_known(cost: str) -> None:
    with models(fast={"model": "openai:gpt-5", "price": PRICE}):
        done = _run(_answer(input_tokens=10, output_tokens=5, cost=Decimal(cost)), Budget(usd="1"))
    assert done.status == "succeeded"
    pot, attempt = Pot.objects.get(), CallTry.objects.get()
    assert (attempt.tokens, attempt.cost_micro_usd) == (15, None)
    assert pot.spent == attempt.reserved_micro_usd


@pytest.mark.parametrize(
    "usage", [{"input_tokens": 2**63}, {"input_tokens": 5, "cost": Decimal("NaN")}], ids=["2^63", "NaN"]
)
def test_what_no_reader_of_json_keeps_is_refused_with_its_place_and_counts_as_reserved(
    usage: dict[str, Any],
) -> None:
    done = _run(_answer("done", **usage), Budget(tokens=20_000))
    attempt, pot = CallTry.objects.get(), Pot.objects.get()
    assert done.held == ["ask"]
    assert "usage" in done.steps["ask"].decisions.latest("pk").reason
    assert attempt.state == "failed"
    assert pot.reserved == 0
    assert pot.spent + pot.lost in {attempt.reserved_tokens, attempt.tokens}


def test_a_model_without_a_price_is_not_asked_where_money_is_limited() -> None:
    asked: list[int] = []

    def answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        asked.append(1)
        return ModelResponse([TextPart("done")])

    unpriced = FunctionModel(answer, model_name="fast")
    with models(fast={"model": "openai:llama3", "base_url": "http://127.0.0.1:1/v1"}):
        held = _run(unpriced, Budget(usd="1"))
        assert held.held == ["ask"]
        told = held.steps["ask"].decisions.latest("pk").reason
        assert "the model 'fast' has no price" in told
        assert "RINGMASTER['MODELS']['fast'] a `price`" in told
        assert not asked
        assert not Call.objects.exists()
        assert _run(unpriced, Budget(tokens=20_000)).status == "succeeded"


def test_what_was_paid_for_an_answer_that_can_not_be_kept_is_booked() -> None:
    model = _answer("x" * 1_100_000, input_tokens=40, output_tokens=2, cost=Decimal("0.003"))
    with models(fast={"model": "openai:gpt-5", "price": PRICE}):
        done = _run(model, Budget(tokens=20_000, usd="1", calls=5))
    attempt = CallTry.objects.get()
    assert done.held == ["ask"]
    assert (attempt.state, attempt.tokens, attempt.cost_micro_usd) == ("failed", 42, 3_000)
    assert {pot.unit: (pot.reserved, pot.spent, pot.lost) for pot in Pot.objects.all()} == {
        "tokens": (0, 42, 0),
        "micro_usd": (0, 3_000, 0),
        "calls": (0, 1, 0),
    }
    assert sum_used([done.run.pk]).cost_usd == Decimal("0.003")


def test_what_may_come_out_is_what_the_agent_says_or_what_its_model_is_built_with() -> None:
    def most(agent: str, **entry: Any) -> int:
        with models(fast={"model": "openai:gpt-5", **entry}):
            done = _run(scripted(["done"]), Budget(tokens=100_000), agent)
        return CallTry.objects.get(run=done.run).reserved_tokens or 0

    shortest = most("budgeted.terse")
    assert most("budgeted.terse", max_tokens=9_000) == shortest
    assert most("budgeted.asker") > shortest + 3_900
    assert most("budgeted.asker", max_tokens=9_000) > shortest + 8_800


def test_a_script_reserves_what_it_says_that_it_costs() -> None:
    script: Callable[..., Any] = scripted
    refused = _run(script(["done"], cost_usd="0.50"), Budget(usd="0.40"))
    assert refused.held == ["ask"]
    assert not Call.objects.exists()
    assert _run(script(["done"], cost_usd="0.50"), Budget(usd="0.50")).status == "succeeded"
