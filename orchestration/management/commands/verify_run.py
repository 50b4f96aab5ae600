"""`verify_run`: recomputes a run's proof from its rows."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.management.arguments import add_json_switch, add_run, read_run


class Command(EngineCommand):
    """Verify a run; exit 0 when its proof holds, 1 when not."""

    help = "Recompute a run's proof from its rows; name the first thing that does not fit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run and --json."""
        add_run(parser)
        add_json_switch(parser)

    def handle(self, *args: Any, run: str, as_json: bool, **options: Any) -> None:
        """Verify and say what was found."""
        verdict = runs.verify(read_run(run).pk)
        if as_json:
            self.stdout.write(json.dumps(_describe(verdict), indent=2))
        if verdict.fault is not None:
            raise CommandError(f"run {verdict.run_id} does not hold: {verdict.fault}")
        if not as_json:
            self.stdout.write(_say(verdict))


def _describe(verdict: runs.Verdict) -> dict[str, Any]:
    return {
        "run": str(verdict.run_id),
        "holds": verdict.holds,
        "fault": verdict.fault,
        "receipts": verdict.receipts,
        "handoffs": verdict.handoffs,
        "is_sealed": verdict.is_sealed,
    }


def _say(verdict: runs.Verdict) -> str:
    sealed = (
        "its round is sealed and signed"
        if verdict.is_sealed
        else "it goes on, so its round is not sealed yet"
    )
    return (
        f"run {verdict.run_id} holds: workflow, input, {verdict.receipts} receipts, "
        f"{verdict.handoffs} hand-offs and history were recomputed; {sealed}"
    )
