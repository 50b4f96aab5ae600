"""Ask the research desk: start a run, wait for it, print the report or who must be asked."""

import json
import time
from argparse import ArgumentParser
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from orchestration import runs
from orchestration.domain.states import RunStatus, StepStatus
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import read_seconds
from orchestration.models import Run
from orchestration.selectors.progress import WAITING, measure_progress, read_clock

_POLL_SECONDS: Final = 0.2


class Command(BaseCommand):
    """Start, wait, print."""

    help = "Ask the research desk a question; a worker and the maintainer must be running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the question and how long to wait."""
        parser.add_argument("question", help="one sentence")
        parser.add_argument(
            "--timeout", type=read_seconds, default=60.0, metavar="SECONDS", help="60 by default"
        )
        parser.add_argument("--json", action="store_true", help="print run, state and report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            run = runs.start("research", {"question": options["question"]})
        except OrchestrationError as error:
            raise CommandError(f"QUESTION: {error}") from error
        state = _wait(run.pk, options["timeout"])
        answer = _read_answer(run.pk)
        if options["json"]:
            self.stdout.write(json.dumps({"run": str(run.pk), "state": state, "report": answer}, indent=2))
        elif answer is not None:
            self.stdout.write(answer["text"])
        if answer is None:
            raise CommandError(_explain(run.pk, state, options["timeout"]))


def _wait(run_id: UUID, seconds: float) -> str:
    """Return the state in which a run settled, or is when the time is over."""
    clock, deadline = read_clock(), time.monotonic() + seconds
    while True:
        states = measure_progress([run_id], clock).by_state
        state = next(name for name, count in states.items() if count)
        if state != RunStatus.RUNNING or time.monotonic() > deadline:
            return state
        time.sleep(_POLL_SECONDS)


def _read_answer(run_id: UUID) -> dict[str, Any] | None:
    step = runs.get_run(run_id).steps.get(key="report")
    answer: dict[str, Any] | None = step.output if step.status == StepStatus.SUCCEEDED else None
    return answer


def _explain(run_id: UUID, state: str, seconds: float) -> str:
    if state == WAITING:
        reasons = Run.objects.get(pk=run_id).steps.filter(status=StepStatus.HELD).values_list("key", "reason")
        held = "; ".join(f"{key}: {reason}" for key, reason in reasons)
        return f"Run {run_id} waits for a person ({held}): see `manage.py list_tickets`."
    if state == RunStatus.RUNNING:
        return f"--timeout: run {run_id} goes on after {seconds:g} s; is a worker running?"
    return f"Run {run_id} is {state}: see `manage.py show_run {run_id}`."
