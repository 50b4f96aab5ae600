"""A run that is driven in a test's own process ends, or says why it can't: no test waits without end."""

import pytest
from django.db.models.functions import Now

from agents import Task, TransientError
from orchestration import Retry, StepSpec, WorkflowSpec, testing
from orchestration.models import Run, WorkerProcess
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db
_AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)
_SPEC = WorkflowSpec(name="driven", steps=(StepSpec("work", agent="test.driven", retry=_AT_ONCE),))


def test_a_step_that_no_attempt_can_take_is_named() -> None:
    def stop_its_worker(_: Task) -> None:
        WorkerProcess.objects.update(stopped_at=Now())
        raise TransientError("not yet")

    with pytest.raises(RuntimeError, match=r"step 'work' of run .* is available, and no attempt takes it"):
        run_workflow(_SPEC, agents={"test.driven": stop_its_worker})
    assert Run.objects.get().steps.get().attempt == 1


def test_what_is_settled_again_and_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "settle_run", lambda *_, **__: 1)
    with pytest.raises(RuntimeError, match="something to settle again and again"):
        run_workflow(_SPEC, agents={"test.driven": lambda _: 1})


def test_who_is_tried_again_longer_than_a_test_may_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "_MOST_ATTEMPTS", 3)

    def fail(_: Task) -> None:
        raise TransientError("not yet")

    with pytest.raises(RuntimeError, match="goes on after 3 attempts"):
        run_workflow(_SPEC, agents={"test.driven": fail})
