"""What people decided proposes a threshold; taking it over publishes a version and is told in the audit."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agents import Result, Task
from agents.invoke import override
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.learning import Work, calibrate, list_judged_work
from escalation.models import AuditLine, Ticket, read_clock
from orchestration import StepSpec, Verify, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.models import Workflow
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db

AGENT = "learning.writer"
WORK = Work("default", "letters", "draft", AGENT)
SPEC = WorkflowSpec(name="letters", steps=(StepSpec("draft", agent=AGENT, min_confidence=0.9),))


def _write(task: Task) -> Result:
    return Result({"text": "words", "greeting": "Hello"}, confidence=task.run_input["sure"])


def _run(sure: float, spec: WorkflowSpec = SPEC, **agents: Callable[[Task], Any]) -> Ticket | None:
    done = run_workflow(spec, {"sure": sure}, agents={AGENT: _write, **agents})
    return Ticket.objects.filter(run=done.run).first()


def _decide(sure: float, kind: ResolutionKind, person: User, **more: Any) -> None:
    ticket = _run(sure)
    assert ticket is not None
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **more)


@pytest.fixture
def anna() -> User:
    return User.objects.create_superuser("anna")


def test_what_stood_is_right_and_all_else_is_wrong(anna: User) -> None:
    _decide(0.8, ResolutionKind.APPROVE, anna)
    _decide(0.8, ResolutionKind.EDIT, anna, output={"text": "other", "greeting": "Hello"})
    _decide(0.4, ResolutionKind.SEND_BACK, anna, feedback="shorter")
    _decide(0.4, ResolutionKind.SKIP, anna)
    _run(0.7)  # open: nobody said yet
    _run(0.95)  # accepted unseen

    found = calibrate(WORK, read_clock() - timedelta(days=1), 0.5)

    assert found.judged == 4
    assert [(one.count, one.right_share) for one in found.bins if one.count] == [(2, 0.0), (2, 0.5)]
    assert found.stated >= 6  # what was sent back was answered once more
    assert found.in_force == 0.9
    assert found.now is None


def test_an_edit_of_what_the_queue_lets_pass_is_right(anna: User) -> None:
    ticket = _run(0.8)
    assert ticket is not None
    queue = ticket.queue
    queue.passing_edits = ["greeting"]
    queue.save()
    claim_ticket(ticket.pk, anna)
    edited = {"text": "words", "greeting": "Dear Ann"}
    resolve_ticket(ticket.pk, anna, ResolutionKind.EDIT, claim_number=None, seen_digest=None, output=edited)

    found = calibrate(WORK, read_clock() - timedelta(days=1), 0.5)

    assert [one.right_share for one in found.bins if one.count] == [1.0]


def test_what_came_for_another_reason_does_not_count(anna: User) -> None:
    spec = WorkflowSpec(
        name="letters",
        steps=(StepSpec("draft", agent=AGENT, verify=Verify("learning.judge", max_revisions=0)),),
    )
    agents: dict[str, Callable[[Task], Any]] = {
        "learning.judge": lambda _: {"verdict": "FAIL", "reasons": ["no"]}
    }
    ticket = _run(0.95, spec, **agents)
    assert ticket is not None
    assert ticket.rule != "low_confidence"
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)

    assert list_judged_work(read_clock() - timedelta(days=1)) == []


def test_old_decisions_do_not_count(anna: User) -> None:
    _decide(0.8, ResolutionKind.APPROVE, anna)
    assert list_judged_work(read_clock() - timedelta(days=1)) == [WORK]
    assert list_judged_work(read_clock()) == []
    assert list_judged_work(read_clock() - timedelta(days=1), projects=[]) == []


def test_the_command_shows_the_curve_and_applies_a_proposal(anna: User) -> None:
    for _ in range(4):
        _decide(0.8, ResolutionKind.APPROVE, anna)
    _decide(0.5, ResolutionKind.SKIP, anna)

    with override({AGENT: _write}):
        told = _call("--error", "0.6", "--apply", "--as", "anna")

    assert "default / letters / draft, agent learning.writer: 5 judged of 5 answers" in told
    assert "0.8 to 0.9" in told
    assert "100.0%" in told
    latest = Workflow.objects.filter(name="letters").latest("version")
    assert json.loads(latest.spec_json)["steps"][0]["min_confidence"] == 0.8
    line = AuditLine.objects.get(act="changed")
    assert json.loads(line.data_json) == {
        "what": "threshold",
        "project": "default",
        "workflow": "letters",
        "step": "draft",
        "version": latest.version,
        "before": 0.9,
        "after": 0.8,
    }
    assert line.actor_id == anna.pk
    accepted = run_workflow("letters", {"sure": 0.85}, agents={AGENT: _write})
    assert not Ticket.objects.filter(run=accepted.run)


def test_nothing_is_applied_when_nothing_or_too_much_is_proposed(anna: User) -> None:
    _decide(0.8, ResolutionKind.APPROVE, anna)
    versions = Workflow.objects.count()
    with pytest.raises(CommandError, match="there are 0"):
        _call("--apply", "--as", "anna")
    with pytest.raises(CommandError, match="the two go together"):
        _call("--apply")
    with pytest.raises(CommandError, match="there is no user"):
        _call("--error", "0.9", "--apply", "--as", "nobody")
    assert Workflow.objects.count() == versions
    assert "none: no threshold surely keeps the error" in _call()
    assert "nobody decided a ticket" in _call("--agent", "other")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--error", "1"), "no share"),
        (("--error", "nan"), "no share"),
        (("--days", "0"), "no number of days"),
        (("--days", "99999"), "no number of days"),
        (("--project", "none"), "there is no project"),
    ],
)
def test_a_wrong_argument_is_named(given: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        _call(*given)


def test_it_speaks_json(anna: User) -> None:
    _decide(0.8, ResolutionKind.APPROVE, anna)
    [said] = json.loads(_call("--json"))
    assert (said["workflow"], said["step"], said["agent"]) == ("letters", "draft", AGENT)
    assert said["threshold"]["in_force"] == 0.9
    assert said["proposal"] is None
    assert sum(one["count"] for one in said["reliability"]) == 1


def _call(*given: str) -> str:
    out = StringIO()
    call_command("calibrate_thresholds", *given, stdout=out, stderr=out)
    return out.getvalue()
