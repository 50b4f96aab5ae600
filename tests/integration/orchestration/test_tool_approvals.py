"""Tools that need a person's approval: one ticket for all that a model wants at once, and nothing done before."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from pydantic_ai import Agent, ApprovalRequired, RunContext
from pydantic_ai.capabilities.abstract import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agents import Call, PermanentError, TransientError, model_agent
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Call as CallRow
from orchestration.testing import FinishedRun, call, drive, run_workflow, scripted

pytestmark = pytest.mark.django_db

_RETRY = Retry(max_attempts=4, backoff_base_seconds=0, jitter_seconds=0)
DONE: list[Any] = []
FAILS: list[Exception] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    DONE.clear()
    FAILS.clear()


@model_agent("modelled.refunds")
def refunds(durable: Any) -> Agent[Call, str]:
    agent = Agent("fast", capabilities=durable, deps_type=Call, name="refunds")

    @agent.tool(requires_approval=True)
    def refund(ctx: RunContext[Call], order: str, euro: int) -> str:
        DONE.append((order, euro, ctx.deps.key.rpartition(":")[2]))
        if FAILS:
            raise FAILS.pop()
        return f"refunded {euro}"

    @agent.tool
    def pay(ctx: RunContext[Call], euro: int) -> str:
        if euro > 100 and not ctx.tool_call_approved:
            raise ApprovalRequired
        DONE.append((euro, ctx.deps.key.rpartition(":")[2]))
        return f"paid {euro}"

    @agent.tool_plain
    def look(order: str) -> str:
        DONE.append(order)
        return "late"

    return agent


def _answer(messages: Any, _n: int) -> Any:
    """Say what came of the tools, once they were called."""
    told = [str(part.content) for part in messages[-1].parts if part.part_kind == "tool-return"]
    return " | ".join(told)


def _script(*wishes: Any) -> Any:
    return scripted(lambda messages, n: list(wishes) if n == 0 else _answer(messages, n))


def _start(model: Any) -> FinishedRun:
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.refunds", retry=_RETRY),))
    return run_workflow(spec, {"order": "7"}, models={"fast": model})


def _decide(done: FinishedRun, kind: ResolutionKind = ResolutionKind.APPROVE, **what: Any) -> None:
    person, _ = User.objects.get_or_create(username="anna", is_superuser=True)
    ticket = claim_ticket(Ticket.objects.get(run=done.run, status="open").pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=ticket.claim_number, seen_digest=None, **what)


def _edit(done: FinishedRun, *changes: dict[str, Any]) -> None:
    seen = Ticket.objects.get(run=done.run, status="open").seen
    calls = [each | changed for each, changed in zip(seen["calls"], changes, strict=True)]
    _decide(done, ResolutionKind.EDIT, output=seen | {"calls": calls})


_SMALL, _BIG = call("refund", order="7", euro=5), call("refund", order="7", euro=900)


@pytest.mark.parametrize(
    ("decide", "made", "said"),
    [
        (_decide, [("7", 5, "t.call_1#1")], "refunded 5"),
        (
            lambda done: _edit(done, {"arguments": {"order": "7", "euro": 3}}),
            [("7", 3, "t.call_1#1")],
            "refunded 3",
        ),
        (
            lambda done: _decide(done, ResolutionKind.SEND_BACK, feedback="ask the boss"),
            [],
            "ask the boss",
        ),
    ],
)
def test_a_person_decides_before_a_tool_is_called(
    decide: Callable[[FinishedRun], None], made: list[Any], said: str
) -> None:
    model = _script(_SMALL)
    held = _start(model)
    assert (held.held, DONE) == (["work"], [])
    ticket = Ticket.objects.get(run=held.run)
    assert (ticket.subject, ticket.has_proposal) == ("calls", True)
    assert [(each["tool"], each["arguments"]) for each in ticket.seen["calls"]] == [
        ("refund", {"order": "7", "euro": 5})
    ]
    decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert (done.status, done.outputs["work"]) == ("succeeded", said)
    assert made == DONE
    # The first request was made before the person was asked, and answered from its row afterwards.
    assert CallRow.objects.get(path="refunds__model.request#1").tries.count() == 1
    assert runs.verify(done.run.pk).fault is None


def test_all_that_a_model_wants_at_once_is_one_ticket() -> None:
    model = _script(_SMALL, call("look", order="7"), _BIG)
    held = _start(model)
    assert DONE == ["7"]
    ticket = Ticket.objects.get(run=held.run)
    assert [each["id"] for each in ticket.seen["calls"]] == ["call_1", "call_3"]
    _edit(held, {}, {"approve": False, "message": "too much"})
    done = drive(held.run.pk, models={"fast": model})
    assert done.outputs["work"] == "refunded 5 | late | too much"
    assert DONE == ["7", ("7", 5, "t.call_1#1")]
    assert Ticket.objects.filter(run=held.run).count() == 1


def _ask_under_one_id(*wishes: Any) -> FunctionModel:
    """Want calls as some servers do: each under the same id, also that of an answer before."""

    def answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            parts = [ToolCallPart(wish.tool, wish.arguments, tool_call_id="call") for wish in wishes]
            return ModelResponse(parts=parts)
        return ModelResponse(parts=[TextPart(_answer(messages, 0))])

    return FunctionModel(answer)


@pytest.mark.parametrize(("approved", "made"), [(0, ("7", 5, "t.call#1")), (1, ("7", 900, "t.call~2#1"))])
def test_an_approval_is_of_one_call_also_where_a_server_gives_several_one_id(
    approved: int, made: tuple[Any, ...]
) -> None:
    model = _ask_under_one_id(_SMALL, _BIG)
    held = _start(model)
    denied = {"approve": False, "message": "not this one"}
    _edit(held, *({} if number == approved else denied for number in range(2)))
    done = drive(held.run.pk, models={"fast": model})
    said = ["refunded 5" if approved == 0 else "refunded 900", "not this one"]
    assert (done.status, done.outputs["work"].split(" | ")) == (
        "succeeded",
        said if approved == 0 else said[::-1],
    )
    assert [made] == DONE


def test_calls_at_once_are_made_although_a_server_gives_them_one_id() -> None:
    done = _start(_ask_under_one_id(*(call("look", order=str(order)) for order in (7, 8, 9))))
    assert (done.status, sorted(DONE)) == ("succeeded", ["7", "8", "9"])


def test_a_tool_asks_for_approval_by_its_arguments() -> None:
    model = _script(call("pay", euro=5), call("pay", euro=900))
    held = _start(model)
    assert (held.held, DONE) == (["work"], [(5, "t.call_1#1")])
    _decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert done.outputs["work"] == "paid 5 | paid 900"
    assert DONE == [(5, "t.call_1#1"), (900, "t.call_2#2")]


def test_an_approval_outlives_a_failure_behind_it() -> None:
    model = _script(_SMALL)
    held = _start(model)
    FAILS.append(TransientError("the bank is down"))
    _decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert done.status == "succeeded"
    assert DONE == [("7", 5, "t.call_1#1")] * 2
    assert Ticket.objects.filter(run=held.run).count() == 1


@model_agent("modelled.rewriting")
def rewriting(durable: Any) -> Agent[Call, str]:
    """Have hooks that make other arguments of those that the model wrote."""

    class Hooks(AbstractCapability[Any]):
        async def before_tool_validate(self, ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:  # noqa: ARG002 - the interface
            read = json.loads(args) if isinstance(args, str) else dict(args)
            return read | {"euro": REWRITE["before"](read["euro"])}

        async def after_tool_validate(self, ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:  # noqa: ARG002 - the interface
            return args | {"euro": REWRITE["after"](args["euro"])}

        async def before_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:  # noqa: ARG002 - the interface
            return args | {"euro": REWRITE["execute"](args["euro"])}

    hooks = [Hooks(), *durable]
    agent = Agent("fast", capabilities=hooks, deps_type=Call, name="rewriting")

    @agent.tool_plain(requires_approval=True)
    def refund(euro: int) -> str:
        DONE.append(euro)
        return f"refunded {euro}"

    return agent


REWRITE: dict[str, Callable[[int], int]] = {}


def _cap(euro: int) -> int:
    return min(euro, 50)


def _start_rewriting(**hooks: Callable[[int], int]) -> tuple[FinishedRun, Any]:
    REWRITE.update({name: hooks.get(name, lambda euro: euro) for name in ("before", "after", "execute")})
    model = _script(call("refund", euro=900))
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.rewriting", retry=_RETRY),))
    return run_workflow(spec, {}, models={"fast": model}), model


@pytest.mark.parametrize("hook", ["before", "after"])
def test_the_arguments_that_a_person_sees_are_those_with_which_the_tool_is_called(hook: str) -> None:
    held, model = _start_rewriting(**{hook: _cap})
    assert [each["arguments"] for each in Ticket.objects.get(run=held.run).seen["calls"]] == [{"euro": 50}]
    _decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert (done.outputs["work"], DONE) == ("refunded 50", [50])


@pytest.mark.parametrize(
    ("hook", "then"),
    [("before", lambda euro: euro + 1), ("after", lambda euro: euro + 1), ("execute", lambda euro: euro * 2)],
)
def test_what_hooks_make_of_arguments_after_an_approval_is_not_done(
    hook: str, then: Callable[[int], int]
) -> None:
    held, model = _start_rewriting(**{hook: then})
    _decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert (done.held, DONE) == (["work"], [])
    decision = done.steps["work"].decisions.latest("pk")
    assert decision.rule == "journal_diverged"
    assert "a person approved 'refund' with other arguments" in decision.reason


def test_a_number_that_a_reviewer_writes_as_text_is_that_number() -> None:
    held, model = _start_rewriting()
    _edit(held, {"arguments": {"euro": "30"}})
    done = drive(held.run.pk, models={"fast": model})
    assert (done.outputs["work"], DONE) == ("refunded 30", [30])


@model_agent("modelled.typed")
def typed(durable: Any) -> Agent[Call, str]:
    """Have a tool whose arguments are more than text."""
    agent = Agent("fast", capabilities=durable, deps_type=Call, name="typed")

    @agent.tool_plain(requires_approval=True)
    def book(
        euro: float, tax: Decimal, at: datetime, day: date, code: str, notes: list[float] | None = None
    ) -> str:
        DONE.append((euro, tax, at.astimezone(UTC).isoformat(), day.isoformat(), code, notes))
        return "booked"

    return agent


_BOOKED = (249.0, Decimal("1.50"), "2026-11-30T10:00:00+00:00", "2026-11-30", "007", None)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"euro": "249.00"},
        {"euro": 249.0, "tax": 1.5},
        {"at": "2026-11-30T10:00:00+00:00"},
        {"at": "2026-11-30 12:00+02:00"},
    ],
)
def test_a_tool_gets_what_was_approved_in_whichever_way_its_arguments_are_written(
    change: dict[str, Any],
) -> None:
    wish = call("book", euro=249, tax="1.50", at="2026-11-30T10:00:00Z", day="2026-11-30", code="007")
    model = _script(wish)
    spec = WorkflowSpec(name="desk", steps=(StepSpec("work", agent="modelled.typed", retry=_RETRY),))
    held = run_workflow(spec, {}, models={"fast": model})
    shown = Ticket.objects.get(run=held.run).seen["calls"][0]["arguments"]
    if change:
        _edit(held, {"arguments": shown | change})
    else:
        _decide(held)
    done = drive(held.run.pk, models={"fast": model})
    assert (done.status, DONE) == ("succeeded", [_BOOKED])


def test_an_approval_is_of_the_arguments_that_were_seen() -> None:
    held, model = _start_rewriting(after=_cap)
    _decide(held)
    REWRITE["after"] = lambda euro: min(euro, 500)
    done = drive(held.run.pk, models={"fast": model})
    # As if what the model said were read otherwise by now.
    assert (done.held, DONE) == (["work"], [])
    assert done.steps["work"].decisions.latest("pk").rule == "journal_diverged"


class Death(BaseException):
    """Ends a call without a word, as the death of its process does."""


@model_agent("modelled.payer")
def payer(durable: Any) -> Agent[Call, str]:
    agent = Agent("fast", capabilities=durable, deps_type=Call, name="payer")

    def pay(euro: int) -> str:
        DONE.append(euro)
        if len(DONE) == 1:
            raise Death
        return f"paid {euro}"

    agent.tool_plain(metadata={"effects": ["pays"], "reversible": False})(pay)
    agent.tool_plain(
        name="pay_by_key", metadata={"effects": ["pays"], "reversible": False, "repeatable": True}
    )(pay)
    return agent


@pytest.mark.parametrize(
    ("tool", "rule", "times"), [("pay", "uncertain_effect", 1), ("pay_by_key", "no_confidence_asked", 2)]
)
def test_a_tool_with_effects_that_can_not_be_taken_back_is_not_called_again_in_doubt(
    tool: str, rule: str, times: int
) -> None:
    model = _script(call(tool, euro=5))
    spec = WorkflowSpec(name="pay", steps=(StepSpec("work", agent="modelled.payer"),))
    held = run_workflow(spec, {}, models={"fast": model})
    _decide(held, ResolutionKind.ABORT)
    runs.retry(held.run.pk)
    done = drive(held.run.pk, models={"fast": model})
    assert done.steps["work"].decisions.latest("pk").rule == rule
    assert len(DONE) == times
    if times == 1:
        _decide(done, ResolutionKind.ANSWER, output={"happened": True, "returned": "paid 5"})
        done = drive(held.run.pk, models={"fast": model})
    assert done.outputs["work"] == "paid 5"
    assert len(DONE) == times


def test_feedback_asks_the_model_anew_and_what_its_tools_did_is_not_done_again() -> None:
    @model_agent("modelled.unsure")
    def unsure(durable: Any) -> Agent[Call, str]:
        agent = Agent("fast", capabilities=durable, deps_type=Call, name="unsure")

        @agent.tool_plain
        def pay(euro: int) -> str:
            DONE.append(euro)
            if euro > 100:
                raise PermanentError("the bank refuses")
            return f"paid {euro}"

        return agent

    first = scripted([[call("pay", euro=5)], [call("pay", euro=900)]])
    spec = WorkflowSpec(name="unsure", steps=(StepSpec("work", agent="modelled.unsure"),))
    held = run_workflow(spec, {}, models={"fast": first})
    assert (held.held, DONE) == (["work"], [5, 900])
    _decide(held, ResolutionKind.SEND_BACK, feedback="do not pay more than 100")
    second = scripted([[call("pay", euro=5)], "all is paid"])
    done = drive(held.run.pk, models={"fast": second})
    assert (done.status, done.outputs.get("work")) == ("succeeded", "all is paid")
    assert DONE == [5, 900]  # the same tool with the same arguments was answered from what it did before
    assert [row.path for row in CallRow.objects.filter(kind="model").order_by("pk")][-2:] == [
        "unsure__model.request#1~1",
        "unsure__model.request#2~1",
    ]
    assert runs.verify(done.run.pk).fault is None
