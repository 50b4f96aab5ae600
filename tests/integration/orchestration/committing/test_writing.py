"""The last write of an attempt: what happened is read, never guessed, and who comes late writes nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.db.models.functions import Now

from agents.invoke import override
from orchestration import executor
from orchestration.dispatch import Continuation, mute_dispatch
from orchestration.errors import ClaimLost
from orchestration.executor import conclusion
from orchestration.models import Attempt, Event, Receipt, WorkerProcess
from orchestration.transitions.claim import load_claims
from orchestration.transitions.finish import finish_step, new_run_on
from tests.integration.orchestration.rig import AGENT, Rig, graph, in_thread

SPEC = graph({"a": (), "b": (), "behind": ["a"], "join": ["a", "b"]})
FAULTS_OF_LINKS = {
    "beyond any integer": {"step_id": 10**30},
    "beyond a bigint": {"step_id": 2**63},
    "NUL": {"task_id": "nul\0"},
    "a surrogate": {"task_id": "\ud800"},
    "too long": {"task_id": "x" * 200},
}


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(SPEC)


def _once(before: Callable[[], object] | None = None, *, lands: bool) -> Callable[..., Any]:
    """Return a finish whose first answer is lost, after the write or before it."""
    calls: list[int] = []

    def write(*values: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            return finish_step(*values)
        if lands:
            finish_step(*values)
        if before is not None:
            before()
        raise OperationalError("server closed the connection unexpectedly")

    return write


def _check_once(rig: Rig) -> None:
    assert rig.statuses()["a"] == "succeeded"
    assert rig.events("a") == ["step_claimed", "step_succeeded"]
    assert Receipt.objects.filter(step=rig.step("a")).count() == 1
    assert rig.step("a").output == {"n": 1}


@pytest.mark.parametrize("lands", [True, False])
def test_an_answer_that_was_lost_is_read_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    monkeypatch.setattr(conclusion, "finish_together", _once(lands=lands))
    concluded = rig.finish(rig.take("a"), {"n": 1})
    _check_once(rig)
    assert concluded.finished is not None
    assert [item.step_id for item in concluded.finished.released] == [rig.step("behind").pk]
    assert concluded.finished.look_behind


def test_a_successor_that_was_claimed_in_a_lost_commit_is_still_ours(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conclusion, "finish_together", _once(lands=True))
    wish = new_run_on(rig.step("behind").pk, "task", [AGENT])
    finished = rig.finish(rig.take("a"), {"n": 1}, run_on=wish).finished
    _check_once(rig)
    assert finished is not None
    assert finished.next_claim is not None
    assert finished.next_claim.token == wish.token == rig.step("behind").token
    assert Attempt.objects.filter(step=rig.step("behind")).count() == 1


def test_who_lost_the_claim_meanwhile_writes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = rig.take("a")
    monkeypatch.setattr(conclusion, "finish_together", _once(lambda: rig.free(claim), lands=False))
    with pytest.raises(ClaimLost):
        rig.finish(claim, {"n": 1})
    assert rig.statuses()["a"] == "available"
    assert not Receipt.objects.filter(step=rig.step("a")).exists()


def test_an_end_of_the_same_kind_by_somebody_else_is_not_taken_for_ours(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = rig.take("a")
    wish = new_run_on(rig.step("behind").pk, "task", [AGENT])
    monkeypatch.setattr(
        conclusion, "finish_together", _once(lambda: rig.finish(claim, {"n": 1}), lands=False)
    )
    with pytest.raises(ClaimLost):
        rig.finish(claim, {"n": 2}, run_on=wish)
    _check_once(rig)
    assert rig.statuses()["behind"] == "available"


def test_in_a_callers_transaction_the_write_is_not_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conclusion, "finish_together", _once(lands=False))
    claim = rig.take("a")
    with pytest.raises(OperationalError), transaction.atomic():
        rig.finish(claim, {"n": 1})
    assert rig.statuses()["a"] == "running"


class _Host:
    """The process of the rig, as the executor sees it."""

    def __init__(self, process_id: int) -> None:
        self.process_id = process_id

    def enter_anew(self, process_id: int) -> None:
        """Beat at once."""
        assert process_id == self.process_id
        row = WorkerProcess.objects.get(pk=process_id)
        row.pk, row.stopped_at, row.died = None, None, False
        row.save()
        self.process_id = row.pk

    def note_claim(self, claim: Any) -> None:
        """Nobody looks for lost messages here."""

    def note_attempt(self, claim: Any) -> None:
        """Nobody looks for lost threads here."""

    def tell_ran_on(self, claim: Any, word: str) -> None:
        """Nobody watches here."""


class _Request:
    chain = callbacks = chord = None


def test_a_process_that_was_declared_dead_enters_anew_and_keeps_its_message(rig: Rig) -> None:
    host = _Host(rig.process_id)
    WorkerProcess.objects.filter(pk=rig.process_id).update(stopped_at=Now(), died=True)
    step = rig.step("a")
    with override({AGENT: lambda _task: {}}), mute_dispatch():
        word = executor.perform(step.pk, f"{rig.run_id}.{step.pk}.1", host, Continuation(_Request()))

    assert (word, rig.statuses()["a"]) == ("accept", "succeeded")
    assert host.process_id != rig.process_id


def test_a_stale_message_makes_no_process_enter_anew(rig: Rig) -> None:
    step = rig.step("a")
    rig.work_through("a")
    WorkerProcess.objects.filter(pk=rig.process_id).update(stopped_at=Now(), died=True)
    host = _Host(rig.process_id)
    with override({AGENT: lambda _task: {}}), mute_dispatch():
        assert (
            executor.perform(step.pk, f"{rig.run_id}.{step.pk}.1", host, Continuation(_Request())) != "accept"
        )
    assert host.process_id == rig.process_id


@pytest.mark.parametrize("fault", FAULTS_OF_LINKS)
@pytest.mark.parametrize("is_together", [False, True], ids=["alone", "together"])
def test_no_link_costs_a_finished_body_its_record(rig: Rig, fault: str, is_together: bool) -> None:
    claim, behind = rig.take("a"), rig.step("behind")
    run_on = new_run_on(behind.pk, f"{rig.run_id}.{behind.pk}.1", [AGENT])
    forged = replace(run_on, **FAULTS_OF_LINKS[fault])  # type: ignore[arg-type]

    if is_together:
        concluded = in_thread(lambda: rig.finish(claim, {"n": 1}, forged)).result(timeout=20)
    else:
        concluded = rig.finish(claim, {"n": 1}, forged)

    _check_once(rig)
    assert concluded.finished is not None
    assert concluded.finished.next_claim is None
    assert rig.statuses()["behind"] == "available"


def test_a_late_write_is_refused_and_recorded(rig: Rig) -> None:
    step = rig.step("a")

    def act(task: Any) -> str:
        (claim,) = load_claims([step.pk])
        rig.free(claim)  # the maintainer takes this worker for dead while its agent works
        return "late"

    with override({AGENT: act}), mute_dispatch():
        word = executor.perform(step.pk, "task", _Host(rig.process_id), Continuation(_Request()))

    assert word == "refused"
    assert rig.statuses()["a"] == "available"
    assert rig.step("a").output_json is None
    line = Event.objects.get(step=step, kind="late_write_refused")
    assert line.attempt == 1
    assert [attempt.outcome for attempt in Attempt.objects.filter(step=step)] == ["crashed"]


def test_a_late_write_after_the_runs_end_leaves_its_proof_whole(rig: Rig) -> None:
    late = rig.take("a")
    rig.fail(rig.take("b"))
    with pytest.raises(ClaimLost):
        rig.finish(late, "late")
    assert rig.statuses()["a"] == "cancelled"
    assert rig.fault() is None
