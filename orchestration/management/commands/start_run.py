"""`start_run`: starts one run, or one per line of a file, and can wait for them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.domain.budget import read_budget
from orchestration.domain.states import RunStatus
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import (
    add_json_switch,
    add_project,
    check_project,
    read_json,
    read_person,
    read_seconds,
    say_argument,
)
from orchestration.management.feed import Wish, read_feed
from orchestration.selectors.progress import STATES, WAITING, Progress, measure_progress, read_clock

_POLL_SECONDS = 0.2
_TELL_SECONDS = 2.0
_UNLUCKY = (RunStatus.FAILED, RunStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Started:
    """One run that was asked for. `is_new`: this command started it."""

    run_id: UUID
    key: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the runs stood at the end of the wait."""

    progress: Progress
    seconds: float

    @property
    def steps_per_second(self) -> float:
        """Return the steps performed per wall second."""
        return self.progress.steps / self.seconds if self.seconds else 0.0


class Command(EngineCommand):
    """Start runs of a workflow's latest version."""

    help = "Start a run, or one per line of a file. The same key and input never start a second run."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to start, for whom, and whether to wait."""
        parser.add_argument("workflow", metavar="NAME", help="A published workflow.")
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "--input", metavar="JSON", help="The run's input: a JSON object, @FILE, or - for stdin."
        )
        source.add_argument("--each", metavar="FILE", help="JSON lines: the input of one run a line.")
        parser.add_argument(
            "--key", help="The run's idempotency key; with --each the first part of each line's."
        )
        parser.add_argument(
            "--budget",
            metavar="JSON",
            help='What each run may use at most: {"usd": "2.00", "tokens": 400000}, @FILE, or - for stdin.',
        )
        parser.add_argument("--as", dest="username", metavar="USER", help="Who asks for it.")
        parser.add_argument(
            "--wait", action="store_true", help="Wait until each run is final or waits for people."
        )
        parser.add_argument(
            "--timeout",
            type=read_seconds,
            default=600.0,
            metavar="SECONDS",
            help="Of --wait; 600 by default.",
        )
        add_project(parser, "The workflow's project; `default` by default.", "default")
        add_json_switch(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, wait if asked to, and say what came of it."""
        check_project(options["project"])
        person = read_person(options["username"])
        if options["budget"] is not None:
            options["budget"] = read_json("--budget", options["budget"])
        try:
            wishes = _read_wishes(options)
            clock, began = read_clock(), time.monotonic()
            started = [self._start(options, wish, person) for wish in wishes]
        except OrchestrationError as error:
            raise CommandError(_name_argument(error)) from error
        self._say_started(started)
        outcome = self._wait(started, clock, began, options["timeout"]) if options["wait"] else None
        self._report(options["workflow"], started, outcome, as_json=options["as_json"])
        _complain(outcome, options["timeout"])

    def _start(self, options: dict[str, Any], wish: Wish, person: Any) -> Started:
        run = runs.start(
            options["workflow"],
            wish.input,
            idempotency_key=wish.key,
            requested_by=person,
            project=options["project"],
            budget=options["budget"],
        )
        return Started(run.pk, wish.key, is_new=not wish.is_known)

    def _say_started(self, started: Sequence[Started]) -> None:
        new = len({item.run_id for item in started if item.is_new})
        self.stderr.write(f"{new} new runs started, {len(started) - new} were known already")

    def _wait(self, started: Sequence[Started], clock: datetime, began: float, timeout: float) -> Outcome:
        run_ids = [item.run_id for item in started]
        told_at = began
        while True:
            outcome = Outcome(measure_progress(run_ids, clock), time.monotonic() - began)
            if not outcome.progress.running or outcome.seconds > timeout:
                return outcome
            if time.monotonic() - told_at > _TELL_SECONDS:
                told_at = time.monotonic()
                self.stderr.write(f"{outcome.seconds:5.0f} s: {_say_states(outcome.progress)}")
            time.sleep(_POLL_SECONDS)

    def _report(
        self, workflow: str, started: Sequence[Started], outcome: Outcome | None, *, as_json: bool
    ) -> None:
        if as_json:
            self.stdout.write(json.dumps(_describe(workflow, started, outcome), indent=2))
            return
        for item in started[:1] if len(started) == 1 else ():
            self.stdout.write(str(item.run_id))
        if outcome is not None:
            self.stdout.write(
                f"{_say_states(outcome.progress)}; {outcome.progress.steps} steps in {outcome.seconds:.1f} s "
                f"({outcome.steps_per_second:.1f} steps/s)"
            )
        if outcome is None or outcome.progress.by_state[WAITING]:
            self.stdout.write(
                "see `manage.py list_runs`, and `manage.py list_tickets` for what waits for people"
            )


def _read_wishes(options: dict[str, Any]) -> list[Wish]:
    workflow, key, project = options["workflow"], options["key"], options["project"]
    if options["each"] is not None:
        read_budget(options["budget"])
        return read_feed(workflow, options["each"], key, project)
    value = {} if options["input"] is None else read_json("--input", options["input"])
    known = runs.check_start(workflow, value, idempotency_key=key, project=project, budget=options["budget"])
    return [Wish(value, key, is_known=known is not None)]


_ARGUMENT_OF = {"input_invalid": "--input", "idempotency_conflict": "--key"}


def _name_argument(error: OrchestrationError) -> str:
    words = say_argument(error)
    if words.startswith("budget"):
        return f"--{words}"
    return words if words.startswith("--") else f"{_ARGUMENT_OF.get(error.code, 'NAME')}: {words}"


def _say_states(progress: Progress) -> str:
    words = {WAITING: "waiting for people"}
    counts = [(progress.by_state[state], words.get(state, state)) for state in STATES]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no runs"


def _describe(workflow: str, started: Sequence[Started], outcome: Outcome | None) -> dict[str, Any]:
    runs_started = [{"id": str(s.run_id), "idempotency_key": s.key, "is_new": s.is_new} for s in started]
    described: dict[str, Any] = {"workflow": workflow, "runs": runs_started, "outcome": None}
    if outcome is not None:
        described["outcome"] = {
            "states": outcome.progress.by_state,
            "steps": outcome.progress.steps,
            "seconds": round(outcome.seconds, 3),
            "steps_per_second": round(outcome.steps_per_second, 1),
        }
    return described


def _complain(outcome: Outcome | None, timeout: float) -> None:
    if outcome is None:
        return
    if outcome.progress.running:
        raise CommandError(
            f"--timeout: {outcome.progress.running} runs are still running after {timeout:g} s and go on; "
            "is a worker running? `manage.py list_runs --status running` shows them"
        )
    if any(outcome.progress.by_state[state] for state in _UNLUCKY):
        raise CommandError("not every run succeeded; `manage.py list_runs --status failed` shows the others")
