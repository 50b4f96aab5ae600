"""`trace`: all that happened to a run, to an actor, about a key, or in a project, in one ordered list."""

import json
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.domain.notebook import MemoryScope
from agents.management.base import EngineCommand
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, find_past, read_run, read_utc_time
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import LineageKind, LineageLine, Run, Step
from orchestration.selectors.lineage import Lineage, LineageQuery, Subject, find_lineage, stream_lineage
from orchestration.selectors.lineage_subjects import About, check_query, find_subject
from orchestration.selectors.lineage_words import FORMS, describe_line, tell_line
from orchestration.selectors.progress import read_clock
from orchestration.selectors.scope import Caller

_HEADINGS = ("TIME (UTC)", "STEP", "ATTEMPT", "WHAT")
_MOST_SHOWN = 1_000
_SYSTEM = Caller(None, is_superuser=True)
_ARGUMENTS = {"name": "NAME", "project": "--project", "scope": "--scope", "id": "--id", "since": "--since"}


class Command(EngineCommand):
    """Trace a run, an actor, a key or a project."""

    help = (
        "Show history, decisions, hand-offs, calls, waits, mail, memory and tickets in one order: of a run, of an "
        "actor, of a step, about the key of a memory, under an idempotency key, or of a project between two times."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what it is about, the filters, and the forms."""
        parser.add_argument(
            "run",
            nargs="?",
            default="",
            metavar="ID|ADDRESS",
            help="A run's id, or a beginning of it; or an actor's address, such as support.case/4711.",
        )
        parser.add_argument("--memory", metavar="KEY", help="About a memory: who wrote and who found it.")
        parser.add_argument(
            "--scope", choices=[str(one) for one in MemoryScope], default="", help="Of the memory; project."
        )
        parser.add_argument("--id", default="", help="Whose the memory is: the agent, run or actor.")
        parser.add_argument("--key", metavar="KEY", help="Runs and messages with this idempotency key.")
        parser.add_argument("--project", default="default", help="Of an address, a memory or a key; default.")
        parser.add_argument("--below", action="store_true", help="Also of all runs below these.")
        parser.add_argument("--step", metavar="KEY", default="", help="Only of the step with this key.")
        parser.add_argument("--agent", metavar="NAME", default="", help="Only of steps of this agent.")
        parser.add_argument("--text", default="", help="Only what holds this in its name or data.")
        parser.add_argument(
            "--kind",
            action="append",
            default=[],
            choices=[str(kind) for kind in LineageKind],
            help="Only of this kind; may repeat.",
        )
        for name, meaning in (("--since", "From then on"), ("--until", "Before then")):
            parser.add_argument(
                name,
                type=read_utc_time,
                metavar="TIME|SPAN",
                help=f"{meaning}: a day, an ISO time (UTC if no zone is said), or a span back from now, such as 7d.",
            )
        parser.add_argument("--export", choices=list(FORMS), help="All lines, as JSON lines or CSV.")
        add_json_switch(parser)

    def handle(self, *args: Any, as_json: bool, export: str | None, **options: Any) -> None:
        """Write the lines."""
        asked = _read_query(options, read_clock())
        found = find_lineage(asked)
        if export:
            for text in FORMS[export](stream_lineage(found.lines)):
                self.stdout.write(text, ending="")
        elif as_json:
            self._write_some(
                found, lambda lines: json.dumps([describe_line(line) for line in lines], indent=2)
            )
        else:
            self._write_some(found, _write_table)
        if found.is_cut:
            self.stderr.write(
                "There is more than is looked through at once; --since and --until lead to what was before."
            )

    def _write_some(self, found: Lineage, write: Any) -> None:
        """Write as many lines as fit a screen or a value, and say where there are more."""
        lines = list(islice(stream_lineage(found.lines), _MOST_SHOWN + 1))
        self.stdout.write(write(lines[:_MOST_SHOWN]))
        if len(lines) > _MOST_SHOWN:
            self.stderr.write(
                f"These are the first {_MOST_SHOWN:,} lines: give --since and --until, or --export for all of them."
            )


def _read_query(options: dict[str, Any], now: datetime) -> LineageQuery:
    subject = _find_subject(options)
    since, until = (options[name] and find_past(options[name], now) for name in ("since", "until"))
    asked = LineageQuery(
        subject,
        options["below"],
        options["step"],
        options["agent"],
        options["kind"],
        since,
        until,
        options["text"],
    )
    try:
        check_query(asked)
    except OrchestrationError as error:
        raise CommandError(_say(error)) from None
    if isinstance(subject, Run):
        _check_names(subject, asked)
    return asked


def _find_subject(options: dict[str, Any]) -> Subject:
    """Return what is asked about.

    Raises: CommandError: names the argument.
    """
    given = {About.RUN: options["run"], About.MEMORY: options["memory"], About.KEY: options["key"]}
    chosen = [about for about, name in given.items() if name]
    if len(chosen) > 1:
        raise CommandError("give one of ID, ADDRESS, --memory and --key, not several.")
    about = chosen[0] if chosen else About.PROJECT
    if about is About.RUN and "/" not in options["run"]:
        return read_run(options["run"])
    about = About.ACTOR if about is About.RUN else about
    names = {name: options[name] for name in ("project", "scope", "id")}
    try:
        return find_subject(_SYSTEM, about, {**names, "name": given.get(about) or options["run"]})
    except OrchestrationError as error:
        raise CommandError(_say(error)) from None


def _say(error: OrchestrationError) -> str:
    """Return a refusal with the argument that it is about."""
    field, colon, rest = str(error).partition(": ")
    return f"{_ARGUMENTS.get(field, field)}{colon}{rest}."


def _check_names(run: Run, asked: LineageQuery) -> None:
    """Refuse names that nothing can fit.

    Raises: CommandError.
    """
    steps = Step.objects.filter(run__root_id=run.root_id) if asked.below else Step.objects.filter(run=run)
    for argument, name, field in (("--step", asked.step, "key"), ("--agent", asked.agent, "agent")):
        if name and not steps.filter(**{field: name.replace("\x00", " ")}).exists():
            known = ", ".join(sorted(set(steps.values_list(field, flat=True)[:20]) - {""}))
            raise CommandError(
                f"{argument}: nothing in this run is named '{show_text(name)}'; there are {known}."
            )


def _write_table(lines: list[LineageLine]) -> str:
    if not lines:
        return "Nothing fits: leave out a filter."
    return "\n".join(show_table(_HEADINGS, [_row(line) for line in lines]))


def _row(line: LineageLine) -> tuple[str, ...]:
    return (
        show_time(line.at),
        line.step.key if line.step else "",
        "" if line.attempt is None else str(line.attempt),
        show_text(tell_line(line)),
    )
