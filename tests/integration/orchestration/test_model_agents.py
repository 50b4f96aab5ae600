"""Agents that ask models: each request and each tool call is kept, so that none is paid twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.tools import ToolDefinition

from agents import Call, TransientError, model_agent
from agents.domain.calls import Begun, CallWish
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.executor.journal import ClaimJournal
from orchestration.models import Call as CallRow
from orchestration.models import CallTry
from orchestration.testing import FinishedRun, call, run_workflow, scripted
from orchestration.usage.sums import sum_used

pytestmark = pytest.mark.django_db


class Triage(BaseModel):
    kind: str
    sure: float = 0.9


class Outside:
    """What tools reach, and how it behaves."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.keys: dict[str, list[str]] = {}
        self.fails: dict[str, list[Exception]] = {}
        self.schema = "find an order"

    def reach(self, what: str, key: str = "") -> None:
        self.made[what] += 1
        self.keys.setdefault(what, []).append(key)
        if self.fails.get(what):
            raise self.fails[what].pop(0)


OUTSIDE = Outside()


@pytest.fixture(autouse=True)
def outside() -> None:
    OUTSIDE.__init__()  # type: ignore[misc]


@model_agent("modelled.triage", output_schema=Triage, confidence="sure")
def triage(durable: Any) -> Agent[Call, Triage]:
    agent = Agent("fast", output_type=Triage, deps_type=Call, capabilities=durable, name="triage", retries=2)

    async def describe(_ctx: RunContext[Call], tool: ToolDefinition) -> ToolDefinition:
        return replace(tool, description=OUTSIDE.schema)

    @agent.tool(prepare=describe)
    async def find_order(ctx: RunContext[Call], id: str) -> dict[str, Any]:  # noqa: A002
        await asyncio.sleep(0.001 * (10 - int(id)))
        OUTSIDE.reach(f"find_order {id}", ctx.deps.key)
        return {"order": id, "late": True}

    @agent.tool
    def refund(ctx: RunContext[Call], euro: int) -> str:
        OUTSIDE.reach(f"refund {euro}", ctx.deps.key)
        return f"refunded {euro}"

    return agent


@model_agent("modelled.lead")
def lead(durable: Any) -> Agent[Call, str]:
    inner = Agent("inner", deps_type=Call, capabilities=durable, name="inner")

    @inner.tool
    def probe(ctx: RunContext[Call], n: int) -> str:
        OUTSIDE.reach(f"probe {n}", ctx.deps.key)
        return f"p{n}"

    agent = Agent("fast", deps_type=Call, capabilities=durable, name="lead")

    @agent.tool
    async def delegate(ctx: RunContext[Call], who: str) -> str:
        said = (await inner.run(who, deps=ctx.deps)).output
        OUTSIDE.reach(f"delegate {who}", ctx.deps.key)
        return said

    return agent


def _run(script: Any, agent: str = "modelled.triage", retries: int = 3, **models: Any) -> FinishedRun:
    retry = Retry(max_attempts=retries, backoff_base_seconds=0, jitter_seconds=0)
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent=agent, retry=retry),))
    return run_workflow(spec, {"order": "7"}, models={"fast": script, **models})


def test_a_model_agent_answers_by_calls_that_are_kept() -> None:
    done = _run(scripted([call("find_order", id="7"), Triage(kind="late", sure=0.8)], cost_usd="0.01"))
    assert done.status == "succeeded"
    assert done.outputs["work"] == {"kind": "late", "sure": 0.8}
    assert done.calls("work") == ["model", "tool:find_order", "model"]
    assert done.cost == {"work": "0.02"}
    assert [(each.path, each.name) for each in CallRow.objects.order_by("pk")] == [
        ("triage__model.request#1", "fast"),
        ("t.call_1#1", "find_order"),
        ("triage__model.request#2", "fast"),
    ]
    assert OUTSIDE.keys["find_order 7"] == [f"{done.run.pk}:work:1.0:t.call_1#1"]
    used = sum_used([done.run.pk])
    assert (used.input_tokens, used.output_tokens, used.words[-15:]) == (20, 10, "0.02 US dollars")
    assert done.steps["work"].attempts.get().confidence == 0.8
    assert runs.verify(done.run.pk).fault is None


def test_calls_made_at_once_are_told_apart_whichever_comes_first() -> None:
    OUTSIDE.fails["refund 5"] = [TransientError("the bank is down")]
    wishes = [call("find_order", id="1"), call("find_order", id="9"), call("refund", euro=5)]
    done = _run(scripted([wishes, {"kind": "late"}]))
    assert done.status == "succeeded"
    assert OUTSIDE.made["refund 5"] == 2
    assert len(set(OUTSIDE.keys["refund 5"])) == 1
    assert done.calls("work").count("model") == 2
    assert CallTry.objects.filter(call__kind="model").count() == 2
    assert sum_used([done.run.pk]).input_tokens == 20


def test_an_agent_inside_a_tool_goes_on_where_it_was() -> None:
    OUTSIDE.fails["delegate b"] = [TransientError("down")]
    inner = scripted(
        lambda messages, n: call("probe", n=n) if n < 2 else f"inner {messages[0].parts[0].content}"
    )
    done = _run(
        scripted([[call("delegate", who="a"), call("delegate", who="b")], "done"]),
        "modelled.lead",
        inner=inner,
    )
    assert done.status == "succeeded"
    assert OUTSIDE.made == {"probe 0": 2, "probe 1": 2, "delegate a": 1, "delegate b": 2}
    # Two requests of the lead, three of each inner agent: paid once, whatever became of the tool around them.
    assert CallTry.objects.filter(call__kind="model", state="done").count() == 8
    assert sum_used([done.run.pk]).input_tokens == 80
    assert CallRow.objects.filter(path="t.call_2#1/inner__model.request#3").exists()


def test_an_answer_that_is_none_is_asked_for_again_and_each_request_is_kept() -> None:
    done = _run(scripted(["no structure", {"mood": "bad"}, {"kind": "late"}]))
    assert done.outputs["work"]["kind"] == "late"
    assert done.calls("work") == ["model"] * 3


def test_a_model_that_never_answers_is_unreadable() -> None:
    done = _run(scripted(["no structure"] * 9))
    assert done.status != "succeeded"
    attempt = done.steps["work"].attempts.order_by("number")[0]
    assert (attempt.failure_kind, attempt.error_class) == (
        "unreadable",
        "pydantic_ai.exceptions.UnexpectedModelBehavior",
    )
    assert sum_used([done.run.pk]).input_tokens == 10 * CallTry.objects.count()


def test_what_a_tool_tells_the_model_is_an_answer_and_not_asked_again() -> None:
    OUTSIDE.fails["refund 5"] = [ModelRetry("not on a Sunday")]
    OUTSIDE.fails["refund 6"] = [TransientError("down")]
    done = _run(scripted([call("refund", euro=5), call("refund", euro=6), {"kind": "paid"}]))
    assert done.status == "succeeded"
    assert OUTSIDE.made == {"refund 5": 1, "refund 6": 2}
    assert CallRow.objects.get(path="t.call_1#1").state == "done"


def test_a_request_that_failed_is_the_only_one_made_again() -> None:
    failing = [ConnectionError("reset by peer")]

    def answer(_messages: Any, n: int) -> Any:
        if n == 2 and failing:
            return failing.pop()
        return {"kind": "late"} if n == 2 else call("find_order", id=str(n))

    done = _run(scripted(answer))
    assert done.status == "succeeded"
    assert done.steps["work"].attempt == 2
    assert [each.tries.count() for each in CallRow.objects.order_by("pk")] == [1, 1, 1, 1, 2]
    assert sum_used([done.run.pk]).input_tokens == 30


def _die_once(deaths: set[str]) -> Any:
    """Return an end of calls that fails once before and once after each is written."""
    end = ClaimJournal.end

    def dying(journal: ClaimJournal, wish: CallWish, begun: Begun, *answer: Any) -> None:
        if f"before {wish.path}" not in deaths:
            deaths.add(f"before {wish.path}")
            raise TransientError("died before its answer was kept")
        end(journal, wish, begun, *answer)
        deaths.add(f"after {wish.path}")
        raise TransientError("died after its answer was kept")

    return dying


def test_only_what_was_under_way_at_a_death_is_made_twice() -> None:
    script = scripted([*(call("find_order", id=str(n)) for n in range(3)), {"kind": "late"}])
    whole = sum_used([_run(script).run.pk])
    OUTSIDE.made.clear()
    deaths: set[str] = set()
    with patch.object(ClaimJournal, "end", _die_once(deaths)):
        done = _run(script, retries=20)
    assert (done.status, len(deaths)) == ("succeeded", 14)
    assert OUTSIDE.made == {f"find_order {n}": 2 for n in range(3)}
    assert set(Counter(CallTry.objects.filter(run=done.run).values_list("call__path")).values()) == {2}
    assert sum_used([done.run.pk]) == whole
    assert runs.verify(done.run.pk).fault is None


def test_another_schema_of_a_tool_than_before_goes_to_a_person() -> None:
    OUTSIDE.fails["find_order 7"] = [TransientError("down")]

    def answer(_messages: Any, _n: int) -> Any:
        OUTSIDE.schema = "finds what was ordered"
        return call("find_order", id="7")

    done = _run(scripted(answer))
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert (decision.rule, "triage__model.request#1" in decision.reason) == ("journal_diverged", True)
    assert OUTSIDE.made == {"find_order 7": 1}


def test_a_request_that_failed_and_would_be_another_now_is_not_made() -> None:
    asked: list[int] = []

    def answer(_messages: Any, n: int) -> Any:
        asked.append(n)
        OUTSIDE.schema = "finds what was ordered"
        return ConnectionError("reset by peer")

    done = _run(scripted(answer))
    assert (done.held, asked) == (["work"], [0])
    assert done.steps["work"].decisions.latest("pk").rule == "journal_diverged"
    assert CallTry.objects.get().state == "failed"


def test_an_answer_of_a_model_under_an_old_claim_is_refused_recorded_and_its_cost_lost() -> None:
    """The claim passes on while the model answers; what it said comes after all."""
    end, claims = ClaimJournal.end, list[str]()

    def end_late(journal: ClaimJournal, wish: CallWish, begun: Begun, *answer: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orchestration_step SET token = gen_random_uuid() WHERE status = 'running' RETURNING token"
            )
            claims.extend(str(token) for (token,) in cursor.fetchall())
        end(journal, wish, begun, *answer)

    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.triage"),))
    zombie = scripted([{"kind": "of a zombie"}], cost_usd="0.02", input_tokens=11, output_tokens=3)
    with patch.object(ClaimJournal, "end", end_late):
        done = run_workflow(spec, models={"fast": zombie}, budget=Budget(tokens=20_000, usd="1", calls=9))
    row, attempt = CallRow.objects.get(), CallTry.objects.get()
    assert len(claims) == 1
    assert (row.state, row.response_json, row.usage) == ("begun", None, None)
    assert (attempt.state, attempt.tokens, attempt.cost_micro_usd) == ("lost", 14, 20_000)
    assert attempt.error == "it answered when its claim had passed on"
    assert {pot.unit: (pot.reserved, pot.spent, pot.lost) for pot in done.run.pots.all()} == {
        "tokens": (0, 0, 14),
        "micro_usd": (0, 0, 20_000),
        "calls": (0, 0, 1),
    }
    assert done.run.events.filter(kind="late_write_refused").exists()
    assert done.run.steps.get().output is None


def test_an_answer_that_the_library_can_not_read_any_more_goes_to_a_person() -> None:
    OUTSIDE.fails["refund 5"] = [TransientError("down")]

    def spoil(_journal: Any, *_more: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orchestration_call DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE orchestration_call SET response_json = '{\"kind\":\"other\"}' WHERE path = 't.call_1#1'"
            )

    with patch.object(ClaimJournal, "fail", spoil):
        done = _run(scripted([call("find_order", id="1"), call("refund", euro=5), {"kind": "paid"}]))
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert decision.rule == "journal_diverged"
    assert "t.call_1#1" in decision.reason
    assert OUTSIDE.made["find_order 1"] == 1


def test_names_of_operations_are_what_rows_have() -> None:
    """Rows of journals that are under way carry them: another name is another call."""
    done = _run(
        scripted([call("delegate", who="a"), "done"]),
        "modelled.lead",
        inner=scripted([call("probe", n=1), "ok"]),
    )
    assert sorted(CallRow.objects.filter(run=done.run).values_list("path", "kind", "name")) == [
        ("lead__model.request#1", "model", "fast"),
        ("lead__model.request#2", "model", "fast"),
        ("t.call_1#1", "tool", "delegate"),
        ("t.call_1#1/inner__model.request#1", "model", "inner"),
        ("t.call_1#1/inner__model.request#2", "model", "inner"),
        ("t.call_1#1/t.call_1#1", "tool", "probe"),
    ]


def test_a_request_reserves_its_most_and_one_that_does_not_fit_is_not_made() -> None:
    spec = WorkflowSpec(name="modelled", steps=(StepSpec("triage", agent="modelled.triage"),))
    answers = {"fast": scripted([Triage(kind="late")])}
    short = run_workflow(spec, models=answers, budget=Budget(tokens=4_000))
    assert short.held == ["triage"]
    assert not CallRow.objects.exists()
    assert "its next call may need 4," in short.steps["triage"].decisions.latest("pk").reason
    done = run_workflow(spec, models=answers, budget=Budget(tokens=20_000))
    assert done.status == "succeeded"
    attempt = CallTry.objects.get()
    pot = done.run.pots.get()
    assert attempt.reserved_tokens is not None
    assert 4_096 < attempt.reserved_tokens < 6_000
    assert (pot.reserved, pot.spent) == (0, attempt.tokens)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (ModelHTTPError(429, "fast"), False),
        (ModelHTTPError(401, "fast"), False),
        (ModelHTTPError(429, "fast", in_stream=True), True),
        (TimeoutError("no answer"), True),
        (ValueError("no such answer"), True),
    ],
)
def test_a_request_that_was_turned_away_costs_nothing_and_one_nobody_can_tell_of_all(
    error: Exception, is_lost: bool
) -> None:
    spec = WorkflowSpec(
        name="modelled", steps=(StepSpec("triage", agent="modelled.triage", retry=Retry(max_attempts=1)),)
    )
    done = run_workflow(
        spec,
        models={"fast": scripted([error], cost_usd="0.0007")},
        budget=Budget(tokens=20_000, usd="1", calls=9),
    )
    pots, attempt = {pot.unit: pot for pot in done.run.pots.all()}, CallTry.objects.get()
    assert done.held == ["triage"]
    assert {unit: (pot.reserved, pot.spent, pot.lost) for unit, pot in pots.items()} == {
        "tokens": (0, 0, attempt.reserved_tokens if is_lost else 0),
        "micro_usd": (0, 0, 700 if is_lost else 0),
        "calls": (0, 1, 0),
    }
