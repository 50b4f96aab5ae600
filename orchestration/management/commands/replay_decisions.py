"""`replay_decisions`: what would another policy have decided on what happened?"""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from agents.management.base import EngineCommand
from orchestration.domain.policy.changes import Changes, read_changes
from orchestration.errors import SpecInvalid
from orchestration.management.arguments import add_json_switch, find_past, read_json, read_utc_time
from orchestration.management.terminal import show_table
from orchestration.models import Workflow
from orchestration.runs.replay import Replay, ReplayLine, replay_decisions

_HEADINGS = ("", "WORKFLOW", "STEP", "COUNT", "WAS", "WOULD BE", "FOR EXAMPLE (RUN, STEP, ATTEMPT)")


class Command(EngineCommand):
    """Replay decisions."""

    help = (
        "Make the decisions of the last days again, by today's rules and by the numbers that --policy changes, and "
        "show old against new. Nothing is written, nothing is run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the span, the changes and the filter."""
        parser.add_argument(
            "--since",
            type=read_utc_time,
            default="7d",
            metavar="TIME|SPAN",
            help="From when on: a day or time (UTC unless it says its zone), or so long back: 12h, 30d. 7d by default.",
        )
        parser.add_argument(
            "--policy",
            metavar="FILE",
            help='Changes: a file, JSON, or - for standard input; e.g. {"steps": {"draft": {"retry": '
            '{"max_attempts": 5}}, "*": {"critical": false}}, "default_min_confidence": 0.8}.',
        )
        parser.add_argument("--workflow", metavar="NAME", help="Only decisions of this workflow's runs.")
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        since: datetime | timedelta,
        policy: str | None,
        workflow: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Write the table, or JSON."""
        if workflow is not None and not Workflow.objects.filter(name=workflow).exists():
            raise CommandError(
                f"--workflow: no workflow '{workflow}' is published; see `manage.py publish_workflows`."
            )
        try:
            replay = replay_decisions(find_past(since, timezone.now()), _read_policy(policy), workflow)
        except SpecInvalid as error:
            raise CommandError(f"--policy: {error}") from None
        self.stdout.write(json.dumps(_describe(replay), indent=2) if as_json else _show(replay))


def _read_policy(source: str | None) -> Changes:
    if source is None:
        return Changes()
    is_path = source[:1] not in ("@", "-", "{")
    return read_changes(read_json("--policy", f"@{source}" if is_path else source))


def _describe(replay: Replay) -> dict[str, Any]:
    return {
        "decisions": [asdict(line) | {"is_changed": line.is_changed} for line in replay.lines],
        "changed": sum(line.count for line in replay.lines if line.is_changed),
        "unchanged": sum(line.count for line in replay.lines if not line.is_changed),
        "untold": replay.untold,
        "unmatched": replay.unmatched,
    }


def _show(replay: Replay) -> str:
    total = sum(line.count for line in replay.lines)
    if not total:
        return f"No decisions to make again. {replay.untold} tell too little."
    changed = sum(line.count for line in replay.lines if line.is_changed)
    lines = show_table(_HEADINGS, [_row(line) for line in replay.lines])
    lines += ["", f"{changed} of {total} decisions would be others (!), {total - changed} the same."]
    if replay.untold:
        lines.append(f"{replay.untold} more tell too little to be made again.")
    if replay.unmatched:
        lines.append(f"No decision is about {', '.join(replay.unmatched)}: are these keys of steps?")
    return "\n".join(lines)


def _row(line: ReplayLine) -> tuple[str, ...]:
    old, new = f"{line.old_kind} ({line.old_rule})", f"{line.new_kind} ({line.new_rule})"
    old, new = f"{old} {line.old_agent}".rstrip(), f"{new} {line.new_agent}".rstrip()
    mark = "!" if line.is_changed else "="
    return (mark, line.workflow, line.step, str(line.count), old, new, line.example)
