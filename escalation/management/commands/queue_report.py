"""`queue_report`: what the board tells, at a shell."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.management import CommandError, CommandParser

from escalation.domain.sheets import write_sheet
from escalation.domain.sla import describe_duration
from escalation.figures import PARTS, Board, Period, build_board, rebuild, summarise_board
from escalation.management.base import DeskCommand
from escalation.models import ReviewQueue, read_clock
from orchestration.domain.span import LONGEST
from orchestration.management.arguments import (
    add_json_switch,
    add_project,
    check_project,
    find_past,
    read_time,
)
from orchestration.management.terminal import show_table, show_text

_LEFT_OUT: Final = frozenset({"by_resolution", "title"})
"""Of the tables, in text: what is no single value, and the name of a queue beside its slug, which arguments take."""


class Command(DeskCommand):
    """Report on review queues."""

    help = "How review queues did over a period, and how they stand now: what the board tells."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the period, the filters and the forms."""
        parser.add_argument(
            "--since",
            type=read_time,
            default=timedelta(hours=24),
            metavar="TIME|SPAN",
            help="ISO 8601 with its zone, or 12h or 30d back from --until; 24h by default, 400d at most.",
        )
        parser.add_argument(
            "--until",
            type=read_time,
            metavar="TIME|SPAN",
            help="ISO 8601 with its zone, or a span back from now; now by default.",
        )
        parser.add_argument("--queue", metavar="SLUG", help="Only the review queue with this slug.")
        add_project(parser, "Only queues of this project.")
        parser.add_argument(
            "--part", choices=tuple(PARTS), default="queues", help="Which table; queues by default."
        )
        parser.add_argument("--rebuild", action="store_true", help="First count the period's hours anew.")
        add_json_switch(parser)
        parser.add_argument("--csv", action="store_true", dest="as_csv", help="Write the table as CSV.")

    def handle(
        self,
        *,
        since: datetime | timedelta,
        until: datetime | timedelta | None,
        part: str,
        rebuild: bool,
        as_json: bool,
        as_csv: bool,
        **options: Any,
    ) -> None:
        """Write the report."""
        if as_json and as_csv:
            raise CommandError("--csv: not together with --json; choose one.")
        queues = _find_queues(options["queue"], options["project"])
        period = _find_period(since, until)
        if rebuild:
            self._rebuild(period)
        board = build_board(None, period, queues)
        if as_json:
            self.stdout.write(json.dumps(summarise_board(board), indent=2, default=datetime.isoformat))
        elif as_csv:
            self.stdout.write(write_sheet(PARTS[part](board)), ending="")
        else:
            self.stdout.write("\n".join(_show(board, part)))

    def _rebuild(self, period: Period) -> None:
        count = rebuild(period.since, period.until)
        self.stderr.write(f"Counted {count} hours anew.")


def _find_queues(slug: str | None, project: str | None) -> list[int] | None:
    check_project(project)
    queues = ReviewQueue.objects.all()
    if project is not None:
        queues = queues.filter(project__slug=project)
    if slug is None:
        return list(queues.values_list("pk", flat=True))
    found = list(queues.filter(slug=slug).values_list("pk", flat=True))
    if not found:
        known = ", ".join(sorted(set(queues.values_list("slug", flat=True))))
        raise CommandError(f"--queue: there is no review queue '{slug}'; known: {known}.")
    return found


def _find_period(since: datetime | timedelta, until: datetime | timedelta | None) -> Period:
    """Return the whole hours or days that are asked for.

    Raises: CommandError: they are none, or too many.
    """
    now = read_clock()
    end = now if until is None else find_past(until, now)
    start = find_past(since, end)
    if not timedelta(0) < end - start <= LONGEST:
        raise CommandError(
            f"--since: give a time before the end of the period and at most {LONGEST.days}d before it; it ends at "
            f"{end:%Y-%m-%dT%H:%M:%SZ}."
        )
    return Period.build(start, end)


def _show(board: Board, part: str) -> Iterator[str]:
    period = board.reading.period
    yield f"From {period.since:%Y-%m-%d %H:%M} to {period.until:%Y-%m-%d %H:%M} UTC."
    if board.reading.reaches_back_to is not None:
        yield (
            f"Counted back to {board.reading.reaches_back_to:%Y-%m-%d %H:%M} only; "
            "the maintainer goes on, or use --rebuild."
        )
    if board.reading.missing_since is not None:
        yield (
            f"Nothing is counted from {board.reading.missing_since:%Y-%m-%d %H:%M} on: no maintainer runs; "
            "start one, or use --rebuild."
        )
    rows = list(PARTS[part](board))
    columns = [name for name in (rows[0] if rows else ()) if name not in _LEFT_OUT]
    if rows:
        yield from show_table(
            [_head(name) for name in columns], [[_cell(name, row[name]) for name in columns] for row in rows]
        )
    else:
        yield f"Nothing to tell of {part} in this period."


def _head(name: str) -> str:
    return name.removesuffix("_seconds").removesuffix("_share").replace("_", " ").upper()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_share"):
        return f"{value:.1%}"
    if name.endswith("_seconds"):
        return describe_duration(timedelta(seconds=value))
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return show_text(str(value), 40)
