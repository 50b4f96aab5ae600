"""Puts the sample messages in and watches until each is answered or waits for a person."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.apps import apps

from agents.domain.reading import read_json
from config.errors import ServiceError
from escalation.selectors import count_aborted
from orchestration import runs
from orchestration.domain.states import RunStatus
from orchestration.models import Run
from orchestration.selectors.progress import WAITING, measure_progress, read_clock

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the runs are.

    Attributes: held: they wait for a person.  stopped: people paused, cancelled or aborted them.
    """

    total: int
    succeeded: int
    failed: int
    held: int
    stopped: int = 0

    @property
    def settled(self) -> int:
        """Runs that have nothing left to do without a person."""
        return self.succeeded + self.failed + self.held + self.stopped


@dataclass(frozen=True, slots=True)
class Feed:
    """Messages for one workflow. `app`: the example it belongs to.  `path`: of the messages, in the checkout."""

    app: str
    workflow: str
    path: str


_FEEDS = (
    Feed("examples.support", "support-reply", "examples/support/data/messages.jsonl"),
    Feed("examples.assistant", "assistant", "examples/assistant/data/messages.jsonl"),
)


def list_feeds() -> list[Feed]:
    """Return what can be fed: of the examples those that are installed."""
    return [each for each in _FEEDS if apps.is_installed(each.app)]


@dataclass(frozen=True, slots=True)
class Feeding:
    """The runs of the sample messages; `new` of them were started just now."""

    run_ids: tuple[UUID, ...]
    new: int
    started_at: datetime


def read_messages(path: Path) -> list[dict[str, str]]:
    """Return the messages; what a test expects of them stays out of the input."""
    lines = path.read_text(encoding="utf-8").splitlines()
    messages = [read_json(line) for line in lines if line.strip()]
    return [{key: value for key, value in message.items() if key != "expected"} for message in messages]


def feed(messages: Mapping[str, list[dict[str, str]]]) -> Feeding:
    """Start a run per message; a message that was fed before keeps its run.

    Args: messages: by the workflow that they are for.
    """
    started_at = read_clock()
    before = set(Run.objects.filter(workflow_name__in=messages).values_list("pk", flat=True))
    run_ids = tuple(
        runs.start(workflow, message, idempotency_key=_key(message)).id
        for workflow, those in messages.items()
        for message in those
    )
    return Feeding(run_ids, len(set(run_ids) - before), started_at)


def watch(feeding: Feeding, show: Callable[[Progress], None]) -> Progress:
    """Poll until every run is settled, showing each look.

    Raises:
        ServiceError: nothing moved for two minutes.
    """
    progress, moved_at = measure(feeding), time.monotonic()
    while True:
        show(progress)
        if progress.settled == progress.total:
            return progress
        time.sleep(_POLL_SECONDS)
        former, progress = progress, measure(feeding)
        if progress != former:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > _PATIENCE_SECONDS:
            raise ServiceError(
                f"{progress.total - progress.settled} of {progress.total} runs did not finish: nothing moved "
                f"for {_PATIENCE_SECONDS:.0f} s; look at the logs and at `manage.py list_runs`."
            )


def measure(feeding: Feeding) -> Progress:
    """Return how far the runs are."""
    states = measure_progress(feeding.run_ids, feeding.started_at).by_state
    ended_badly = states[RunStatus.FAILED] + states[RunStatus.COMPENSATING]
    aborted = count_aborted(feeding.run_ids) if ended_badly else 0
    return Progress(
        total=len(set(feeding.run_ids)),
        succeeded=states[RunStatus.SUCCEEDED],
        failed=ended_badly - aborted,
        held=states[WAITING],
        stopped=states[RunStatus.PAUSED] + states[RunStatus.CANCELLED] + aborted,
    )


def _key(message: dict[str, str]) -> str:
    """Return the message's idempotency key; an edited message is another one."""
    digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:12]
    return f"demo-{message.get('message_id', 'message')}-{digest}"
