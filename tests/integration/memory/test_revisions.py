"""Which notes an approval brings where an answer came more than once: those of the answer that is approved."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import PermanentError, Result, Task
from agents.invoke import override
from escalation import escrow
from escalation.errors import ResolutionInvalid
from escalation.models import ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec, memory, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Memory, PendingEffects
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db
_SPEC = WorkflowSpec(name="revised", steps=(StepSpec("note", agent="mem.note"),))
_Agent = Callable[[Task], Any]


def _note(key: str, confidence: float = 0.1) -> _Agent:
    def note(task: Task) -> Result:
        task.once("look", lambda: task.remember("project", f"{key}/call", 1, about="customer/7"))
        task.remember("project", key, 1, about="customer/7")
        return Result(key, confidence=confidence)

    return note


def _fail(task: Task) -> None:
    raise PermanentError("no")


def _hold(agent: _Agent) -> FinishedRun:
    held = run_workflow(_SPEC, {}, agents={"mem.note": agent, "mem.other": _fail})
    assert held.held == ["note"]
    assert PendingEffects.objects.count() == 1
    return held


def _decide(held: FinishedRun, kind: str, then: _Agent | None = None, **more: Any) -> None:
    """Decide what a run waits for; it goes on with an agent's next answer."""
    person, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    ticket = escrow.claim_ticket(Ticket.objects.get(run=held.run, status="open").pk, person)
    seen: dict[str, Any] = {"claim_number": ticket.claim_number, "seen_digest": ticket.seen_digest}
    escrow.resolve_ticket(ticket.pk, person, kind=ResolutionKind(kind), **seen, **more)
    if then is not None:
        drive(held.run.pk, agents={"mem.note": then, "mem.other": then})


def _kept() -> list[str]:
    return sorted(Memory.objects.values_list("key", flat=True))


def test_what_was_sent_back_is_not_remembered_with_what_came_after() -> None:
    held = _hold(_note("first"))
    _decide(held, "send_back", _note("second"), feedback="again")
    assert PendingEffects.objects.count() == 2
    _decide(held, "approve")
    assert _kept() == ["second", "second/call"]
    assert runs.verify(held.run.pk).fault is None


def test_another_agent_s_answer_brings_nothing_of_the_first_one_s() -> None:
    held = _hold(_note("first"))
    ReviewQueue.objects.update(hand_on_agents=["mem.other"])
    with override({"mem.note": _fail, "mem.other": _fail}):
        _decide(held, "hand_on", agent="mem.other")
    drive(held.run.pk, agents={"mem.note": _fail, "mem.other": lambda _: Result("other", confidence=0.1)})
    _decide(held, "approve")
    assert _kept() == []
    assert runs.verify(held.run.pk).fault is None


def test_an_answer_that_never_came_again_brings_nothing_of_the_one_before() -> None:
    held = _hold(_note("first"))
    _decide(held, "send_back", _fail, feedback="again")
    with pytest.raises(ResolutionInvalid, match="Nothing was proposed"):
        _decide(held, "approve")
    _decide(held, "skip")
    assert _kept() == []


def test_a_forgetting_empties_what_waits_with_every_revision() -> None:
    held = _hold(_note("first"))
    _decide(held, "send_back", _note("second"), feedback="again")
    memory.forget_about("customer/7", reason="a test")
    assert not any("customer/7" in row.effects_json for row in PendingEffects.objects.all())
    _decide(held, "approve")
    assert _kept() == []
    assert runs.verify(held.run.pk).fault is None


def test_who_has_it_done_again_after_a_forgetting_remembers_anew() -> None:
    held = _hold(_note("first"))
    memory.forget_about("customer/7", reason="a test")
    _decide(held, "send_back", _note("second"), feedback="again")
    _decide(held, "approve")
    assert _kept() == ["second", "second/call"]
