"""`trace`: all that happened to a run, a step of it, or an actor, in one ordered list."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, find_past, read_run, read_utc_time
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Actor, LineageKind, LineageLine, Run, Step
from orchestration.selectors.lineage import LineageQuery, list_lineage, tell_line
from orchestration.selectors.progress import read_clock

_HEADINGS = ("TIME (UTC)", "STEP", "ATTEMPT", "WHAT")


class Command(EngineCommand):
    """Trace a run."""

    help = "Show history, decisions, hand-offs, calls, waits and messages of a run, a step or an actor, in one order."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run and the filters."""
        parser.add_argument(
            "run",
            metavar="ID|ADDRESS",
            help="A run's id, or a beginning of it; or an actor's address, such as support.case/4711.",
        )
        parser.add_argument("--project", default="default", help="Of the address.")
        parser.add_argument("--below", action="store_true", help="Also of all runs below it.")
        parser.add_argument("--step", metavar="KEY", default="", help="Only of the step with this key.")
        parser.add_argument("--agent", metavar="NAME", default="", help="Only of steps of this agent.")
        parser.add_argument(
            "--kind",
            action="append",
            default=[],
            choices=list(LineageKind),
            help="Only of this kind; may repeat.",
        )
        for name, meaning in (("--since", "From then on"), ("--until", "Before then")):
            parser.add_argument(
                name,
                type=read_utc_time,
                metavar="TIME|SPAN",
                help=f"{meaning}: a day, an ISO time (UTC if no zone is said), or a span back from now, such as 7d.",
            )
        add_json_switch(parser)

    def handle(self, *args: Any, run: str, as_json: bool, **options: Any) -> None:
        """Write the lines."""
        found = _read_actor(run, options["project"]) if "/" in run else read_run(run)
        now = read_clock()
        since, until = (options[name] and find_past(options[name], now) for name in ("since", "until"))
        asked = LineageQuery(
            found, options["below"], options["step"], options["agent"], options["kind"], since, until
        )
        if isinstance(found, Run):
            _check_names(found, asked)
        lines = list(list_lineage(asked))
        if as_json:
            self.stdout.write(json.dumps([_describe(line) for line in lines], indent=2))
        elif lines:
            self.stdout.write("\n".join(show_table(_HEADINGS, [_row(line) for line in lines])))
        else:
            self.stdout.write("Nothing fits: leave out a filter.")


def _read_actor(address: str, project: str) -> Actor:
    try:
        return actors.find_actor(address, project=project)
    except OrchestrationError as error:
        raise CommandError(f"ADDRESS: {error}.") from None


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


def _describe(line: LineageLine) -> dict[str, Any]:
    return {
        "id": line.pk,
        "kind": line.kind,
        "run": str(line.run_id),
        "step": line.step.key if line.step else None,
        "attempt": line.attempt,
        "at": line.at.isoformat(),
        "name": line.name,
        "data": json.loads(line.data_json),
    }


def _row(line: LineageLine) -> tuple[str, ...]:
    return (
        show_time(line.at),
        line.step.key if line.step else "",
        "" if line.attempt is None else str(line.attempt),
        show_text(tell_line(line)),
    )
