"""`list_runs`: the newest runs and how they stand."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.management.arguments import add_json_switch, add_project, check_project
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Workflow
from orchestration.selectors.progress import STATES, RunLine, list_runs
from orchestration.selectors.run_details import RunReason, find_reasons

_HEADINGS = ("ID", "STATE", "WORKFLOW", "STEPS", "CREATED (UTC)", "KEY", "REASON")
_MOST = 1_000


class Command(EngineCommand):
    """List runs."""

    help = "List runs, the newest first. `waiting` means: only people can move it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        parser.add_argument("--workflow", metavar="NAME", help="Only runs of this workflow.")
        add_project(parser, "Only runs of this project.")
        parser.add_argument("--status", choices=STATES, help="Only runs in this state.")
        parser.add_argument(
            "--limit", type=int, default=20, help=f"At most so many, 1 to {_MOST}; 20 by default."
        )
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        workflow: str | None,
        project: str | None,
        status: str | None,
        limit: int,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Write one line or one JSON object a run."""
        if not 1 <= limit <= _MOST:
            raise CommandError(f"--limit: must be 1 to {_MOST}, this is {limit}.")
        check_project(project)
        if workflow is not None and not Workflow.objects.filter(name=workflow).exists():
            raise CommandError(
                f"--workflow: no workflow '{workflow}' is published; see `manage.py publish_workflows`."
            )
        found = list_runs(workflow, status, limit, project)
        reasons = find_reasons([line.run for line in found])
        if as_json:
            described = [_describe(line, reasons[line.run.pk]) for line in found]
            self.stdout.write(json.dumps(described, indent=2))
        else:
            rows = [_row(line, reasons[line.run.pk]) for line in found]
            self.stdout.write("\n".join(show_table(_HEADINGS, rows)) if rows else "No runs.")


def _describe(line: RunLine, reason: RunReason) -> dict[str, Any]:
    run = line.run
    return {
        "id": str(run.pk),
        "workflow": run.workflow_name,
        "version": run.workflow.version,
        "state": run.state,
        "round": run.round,
        "idempotency_key": run.idempotency_key,
        "steps_done": line.steps_done,
        "steps_total": line.steps_total,
        "reason": reason.words,
        "reason_step": reason.step,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


def _row(line: RunLine, reason: RunReason) -> tuple[str, ...]:
    run = line.run
    return (
        str(run.pk),
        run.state,
        str(run.workflow),
        f"{line.steps_done}/{line.steps_total}",
        show_time(run.created_at),
        show_text(run.idempotency_key or "-", 40),
        show_text(f"{reason.step}: {reason.words}" if reason.step else reason.words, 100),
    )
