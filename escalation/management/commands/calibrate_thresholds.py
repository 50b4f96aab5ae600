"""`calibrate_thresholds`: what is an agent's confidence worth, and which threshold meets a wished error?"""

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management import CommandError, CommandParser

from escalation.domain.calibration import Bin, Threshold
from escalation.domain.wish import DAYS, WISHED_ERROR, read_days, read_share
from escalation.learning import Calibration, calibrate, list_judged_work, summarise_calibration
from escalation.learning.applying import apply_threshold
from escalation.management.arguments import find_person
from escalation.management.base import DeskCommand
from escalation.models import read_clock
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, add_project, check_project
from orchestration.management.terminal import show_table


class Command(DeskCommand):
    """Calibrate thresholds."""

    help = (
        "Show how often agents were right at which confidence, by what people decided about their outputs, and propose "
        "the lowest threshold that surely meets a wished error. Nothing changes without --apply."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters, the wish, and who takes a proposal over."""
        add_project(parser, "Only workflows of this project.")
        parser.add_argument("--workflow", metavar="NAME", help="Only this workflow.")
        parser.add_argument("--step", metavar="KEY", help="Only this step.")
        parser.add_argument("--agent", metavar="NAME", help="Only this agent.")
        parser.add_argument(
            "--error",
            type=_read_share,
            default=WISHED_ERROR,
            help="The share of wrong outputs that may be accepted unseen, above 0 and below 1 (0.05).",
        )
        parser.add_argument(
            "--days", type=_read_days, default=DAYS, help="What was decided in so many days (90)."
        )
        parser.add_argument(
            "--apply", action="store_true", help="Publish the one proposal as a new version of its workflow."
        )
        parser.add_argument("--as", dest="username", metavar="USER", help="Who takes it over; with --apply.")
        add_json_switch(parser)

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        """Reckon, write, and take over if that is asked."""
        if options["apply"] != (options["username"] is not None):
            raise CommandError("--apply: say with --as who takes the proposal over; the two go together.")
        found = _calibrate(options)
        if as_json:
            self.stdout.write(json.dumps([summarise_calibration(one) for one in found], indent=2))
        else:
            self.stdout.write("\n".join(_describe_all(found, options["days"])))
        if options["apply"]:
            self.stderr.write(_apply(found, options["username"]))


def _calibrate(options: dict[str, Any]) -> list[Calibration]:
    check_project(options["project"])
    since = read_clock() - timedelta(days=options["days"])
    known = list_judged_work(since)
    chosen = [
        work
        for work in known
        if all(
            options[name] in (None, value)
            for name, value in (
                ("project", work.project),
                ("workflow", work.workflow),
                ("step", work.step),
                ("agent", work.agent),
            )
        )
    ]
    return [calibrate(work, since, options["error"]) for work in chosen]


def _apply(found: list[Calibration], username: str) -> str:
    person = find_person(username)
    proposed = [(one, one.proposed) for one in found if one.proposed is not None]
    if len(proposed) != 1 or proposed[0][1] is None:
        raise CommandError(
            f"--apply: takes one proposal over, and there are {len(proposed)}; choose with --workflow, --step "
            "and --agent."
        )
    [(one, threshold)] = proposed
    try:
        applied = apply_threshold(
            one.work.project, one.work.workflow, one.work.step, threshold.confidence, person
        )
    except OrchestrationError as error:
        raise CommandError(str(error)) from error
    accepts = f"accepts {one.work.step} from {threshold.confidence:g} on"
    words = f"Version {applied.version} of {one.work.workflow} {accepts}."
    if not applied.is_new:
        words = f"The latest version of {one.work.workflow} says so already; nothing was published."
    if applied.is_in_code:
        words += (
            f" The workflow is defined in code too: set min_confidence={threshold.confidence:g} there, "
            "or the next publish_workflows undoes this."
        )
    return words


def _describe_all(found: list[Calibration], days: int) -> Iterator[str]:
    if not found:
        yield (
            f"Nothing to learn from: in {days} days nobody decided a ticket that was opened for an agent's confidence, "
            "as far as these filters go."
        )
    for one in found:
        yield from _describe(one)


def _describe(one: Calibration) -> Iterator[str]:
    work = one.work
    place = f"{work.project} / {work.workflow} / {work.step}, agent {work.agent}"
    yield f"{place}: {one.judged} judged of {one.stated} answers"
    yield from show_table(
        ("CONFIDENCE", "JUDGED", "RIGHT", "95 % CERTAIN"), [_row(found) for found in one.bins if found.count]
    )
    yield f"  in force  {_explain(one.in_force, one.now)}"
    if one.proposed is None:
        yield (
            f"  proposed  none: no threshold surely keeps the error at {one.wished_error:.1%} or less; "
            "more decisions are needed, or the agent's confidence tells too little"
        )
    else:
        yield f"  proposed  {_explain(one.proposed.confidence, one.proposed)}"
    yield ""


def _row(found: Bin) -> tuple[str, ...]:
    right = "-" if found.right_share is None else f"{found.right_share:.1%}"
    sure = "-" if found.interval is None else f"{found.interval.low:.1%} to {found.interval.high:.1%}"
    return f"{found.low:.1f} to {found.high:.1f}", str(found.count), right, sure


def _explain(confidence: float, means: Threshold | None) -> str:
    if means is None:
        return f"{confidence:g}: nobody judged what it accepts unseen; give the step an audit_rate to know"
    load = "" if means.load_share is None else f"; {means.load_share:.1%} of the answers come to people"
    return (
        f"{confidence:g}: {means.error_share:.1%} wrong of what is accepted ({means.error.low:.1%} to "
        f"{means.error.high:.1%}, by {means.judged} judged){load}"
    )


def _read_share(text: str) -> float:
    try:
        return read_share(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _read_days(text: str) -> int:
    try:
        return read_days(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
