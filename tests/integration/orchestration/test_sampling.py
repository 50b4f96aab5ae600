"""A part of what is accepted without a person is kept for a later look: drawn once, written with the end."""

from typing import Any

import pytest

from agents import Result
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.models import AuditSample
from orchestration.sampling import is_drawn
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db


def _run(answer: Any = 1, **fields: Any) -> Any:
    spec = WorkflowSpec(name="sampled", steps=(StepSpec("one", agent="test.one", **fields),))
    agents = {"test.one": lambda _: answer, "test.check": lambda _: {"verdict": "PASS", "reasons": []}}
    return run_workflow(spec, {}, agents=agents)


def test_what_is_drawn_has_a_row_of_its_attempt() -> None:
    done = _run(audit_rate=1.0)

    sample = AuditSample.objects.get()
    assert (sample.step_id, sample.attempt.number, sample.rate) == (done.steps["one"].pk, 1, 1.0)
    assert sample.at == sample.attempt.finished_at
    assert runs.verify(done.run.pk).fault is None


def test_verified_work_is_drawn_too_and_once() -> None:
    _run(audit_rate=1.0, verify=Verify("test.check"))
    assert AuditSample.objects.count() == 1


@pytest.mark.parametrize("fields", [{}, {"audit_rate": 0.0}], ids=["no rate", "none"])
def test_nothing_is_drawn_without_a_rate(fields: dict[str, Any]) -> None:
    assert _run(**fields).status == "succeeded"
    assert not AuditSample.objects.exists()


def test_what_a_person_has_to_look_at_anyway_is_not_drawn() -> None:
    done = _run(Result(1, confidence=0.1), audit_rate=1.0, min_confidence=0.9)
    assert (done.held, AuditSample.objects.count()) == (["one"], 0)


def test_the_draw_is_the_same_whoever_asks_again_and_keeps_its_rate() -> None:
    drawn = [is_drawn(step, 0, 0.02) for step in range(50_000)]
    assert drawn == [is_drawn(step, 0, 0.02) for step in range(50_000)]
    assert 850 <= sum(drawn) <= 1150
    assert [is_drawn(1, 0, rate) for rate in (None, 0.0, 1.0)] == [False, False, True]
    assert any(is_drawn(7, revision, 0.5) for revision in range(40))
