"""What whoever watches the workers is shown of a step's end: what became of it, and not that its message was taken."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from celery.events.state import State
from celery.worker.request import create_request_cls
from django.utils import timezone

from orchestration.domain.states import DecisionKind
from orchestration.tasks import perform_step
from orchestration.worker.telling import EventTeller, StepRequest
from tests.chaos.hostile import name_task, whole_body, whole_headers

SHOWN = {
    "accept": "SUCCESS",
    "skip": "SUCCESS",
    "wait": "SUCCESS",
    "stale": "SUCCESS",
    "retry": "RETRY",
    "fallback": "RETRY",
    "revise": "RETRY",
    "rework": "RETRY",
    "database_away": "RETRY",
    "escalate": "FAILURE",
    "abort": "FAILURE",
    "refused": "FAILURE",
    "withdraw": "REVOKED",
}


class _Watcher:
    """What Flower makes of a worker's events."""

    enabled = True

    def __init__(self) -> None:
        self.state = State()
        self.now = 1_000.0

    def send(self, kind: str, **fields: Any) -> None:
        self.now += 1
        event = {"hostname": "w@h", "timestamp": self.now, "local_received": self.now, "clock": int(self.now)}
        self.state.event({**event, **fields, "type": kind, "pid": 1, "utcoffset": 0})

    def flush(self) -> None:
        """Everything was sent at once."""

    def task(self) -> Any:
        return self.state.tasks[name_task(1)]


def _by_message(watcher: _Watcher, word: str) -> None:
    """End a message as Celery's worker does, in either pool."""
    task: Any = perform_step
    assert task.Request == "orchestration.worker.telling:StepRequest"
    pool: Any = SimpleNamespace(apply_async=None)
    message: Any = SimpleNamespace(
        headers=whole_headers(1),
        body=whole_body(1),
        payload=whole_body(1),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={},
        properties={},
    )
    made = create_request_cls(StepRequest, task, pool, "w@h", watcher, app=current_app)
    request = made(message, app=current_app, task=task, eventer=watcher)
    for kind in ("task-received", "task-started"):
        request.send_event(kind)
    request.on_success((0, repr(word), 0.1))


def _in_place(watcher: _Watcher, word: str) -> None:
    """End a step that ran on without a message of its own."""
    now = timezone.now()
    claim: Any = SimpleNamespace(
        run=SimpleNamespace(workflow_name="demo"),
        key="s",
        step_id=1,
        task_id=name_task(1),
        claimed_at=now - timedelta(seconds=1),
        now=lambda: now,
    )
    teller = EventTeller("w@h")
    teller._dispatcher = watcher
    teller.tell(claim, word)
    teller._flush()


@pytest.mark.parametrize("word", SHOWN)
@pytest.mark.parametrize("end", [_by_message, _in_place])
def test_the_state_column_says_what_became_of_the_step(
    end: Callable[[_Watcher, str], None], word: str
) -> None:
    watcher = _Watcher()
    end(watcher, word)
    task = watcher.task()
    assert task.state == SHOWN[word]
    assert (task.exception or word).startswith(word)


def test_every_decision_has_its_place() -> None:
    assert {kind.value for kind in DecisionKind} <= SHOWN.keys()
