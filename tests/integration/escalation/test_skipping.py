"""What a person skips takes along who needs its output, all the way down, and nobody else; the page says so before."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents import Result, Task
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from escalation.selectors import summarise_ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

_STEPS = (
    StepSpec("draft", agent="test.bad"),
    StepSpec("send", agent="test.work", needs=("draft",), input={"text": "steps.draft.body"}),
    StepSpec("file", agent="test.work", needs=("send",)),
    StepSpec("list", agent="test.work", after=("draft",), for_each="steps.draft.lines"),
    StepSpec("note", agent="test.work", needs=("draft",), optional=("draft",)),
    StepSpec("bell", agent="test.work", after=("send",)),
    StepSpec("other", agent="test.work"),
    StepSpec("join", agent="test.work", needs=("other", "draft")),
)
_ALONG = ["send", "list", "join", "file"]


def _fail(_task: Task) -> Any:
    raise ValueError("no such order")


_AGENTS: dict[str, Any] = {"test.bad": _fail, "test.work": lambda task: {"got": sorted(task.handoff)}}


@pytest.fixture
def held(anna: User) -> Ticket:
    done = run_workflow(WorkflowSpec(name="skips", steps=_STEPS), agents=_AGENTS)
    ticket = Ticket.objects.get(run=done.run)
    return claim_ticket(ticket.pk, anna)


def _skip(ticket: Ticket, person: User, agents: Any = _AGENTS) -> FinishedRun:
    resolve_ticket(ticket.pk, person, ResolutionKind.SKIP, claim_number=None, seen_digest=None)
    return drive(ticket.run_id, agents=agents)


def test_a_skip_takes_along_who_needs_the_output(held: Ticket, anna: User) -> None:
    done = _skip(held, anna)

    assert (done.status, done.held) == ("succeeded", [])
    skipped = {key: step.skip_reason for key, step in done.steps.items() if step.status == "skipped"}
    assert skipped == {"draft": "skipped_by_person", **dict.fromkeys(_ALONG, "need_passed_over")}
    assert done.outputs["note"] == {"got": ["draft"]}
    assert Ticket.objects.count() == 1
    assert runs.verify(done.run.pk).fault is None


def test_what_is_skipped_along_is_told_before(held: Ticket, anna: User) -> None:
    assert sorted(runs.foresee_skip(held.step_id)) == sorted(_ALONG)
    assert sorted(summarise_ticket(held)["skips_along"]) == sorted(_ALONG)
    client = Client()
    client.force_login(anna)
    page = client.get(reverse("admin:escalation_ticket_change", args=(held.pk,))).content.decode()
    assert f"<b>{', '.join(runs.foresee_skip(held.step_id))}</b>" in page
    _skip(held, anna)
    held.refresh_from_db()
    assert summarise_ticket(held)["skips_along"] == []


def test_a_failure_that_is_not_critical_still_hands_on_null() -> None:
    steps = (
        StepSpec("draft", agent="test.bad", critical=False),
        StepSpec("send", agent="test.work", needs=("draft",)),
    )
    done = run_workflow(WorkflowSpec(name="uncritical", steps=steps), agents=_AGENTS)
    assert (done.status, done.outputs["send"]) == ("succeeded", {"got": ["draft"]})


def test_a_skipped_item_leaves_its_place_empty_and_takes_nobody_along(anna: User) -> None:
    def each(task: Task) -> Any:
        if task.item == 2:
            raise ValueError("not this one")
        return task.item

    steps = (
        StepSpec("each", agent="test.each", for_each="[1, 2, 3]"),
        StepSpec("sum", agent="test.work", needs=("each",)),
    )
    agents = _AGENTS | {"test.each": each}
    done = run_workflow(WorkflowSpec(name="items", steps=steps), agents=agents)
    ticket = claim_ticket(Ticket.objects.get(run=done.run).pk, anna)
    assert runs.foresee_skip(ticket.step_id) == []
    done = _skip(ticket, anna, agents)
    assert (done.status, done.outputs["each"]) == ("succeeded", [1, None, 3])


def test_steps_that_an_agent_spawned_are_skipped_along(anna: User) -> None:
    def plan(_task: Task) -> Any:
        return Result(
            1,
            spawn=[
                StepSpec("a", agent="test.bad"),
                StepSpec("b", agent="test.work", needs=("a",)),
                StepSpec("c", agent="test.work", needs=("b",)),
            ],
        )

    agents = _AGENTS | {"test.plan": plan}
    spec = WorkflowSpec(name="spawned", steps=(StepSpec("plan", agent="test.plan"),))
    done = run_workflow(spec, agents=agents)
    ticket = claim_ticket(Ticket.objects.get(run=done.run).pk, anna)
    assert runs.foresee_skip(ticket.step_id) == ["plan/b", "plan/c"]
    done = _skip(ticket, anna, agents)
    assert (done.status, done.outputs["plan"]) == (
        "succeeded",
        {"output": 1, "spawned": {"a": None, "b": None, "c": None}},
    )
    assert runs.verify(done.run.pk).fault is None
