"""Print how well `support-triage` did against the expectations in its runs' input."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.support.triage_report import Pace, Report, find_outcomes, measure_pace, summarise


class Command(BaseCommand):
    """Count and print."""

    help = (
        "Print answered, right and escalated of all support-triage runs that came with an `expected_intent`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form."""
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        report, pace = summarise(find_outcomes()), measure_pace()
        if not report.runs:
            raise CommandError(
                "No support-triage run came with an `expected_intent`: start some with "
                "`manage.py start_run support-triage --each MESSAGES.jsonl`."
            )
        self.stdout.write(json.dumps(_collect(report, pace)) if options["json"] else _describe(report, pace))


def _collect(report: Report, pace: Pace) -> dict[str, Any]:
    return asdict(report) | {
        "share_answered": report.share_answered,
        "share_right": report.share_right,
        "share_escalated": report.share_escalated,
        "steps": pace.steps,
        "seconds": pace.seconds,
        "steps_per_second": pace.steps_per_second,
    }


def _describe(report: Report, pace: Pace) -> str:
    escalated = report.out_of_scope_escalated
    answers = report.in_scope_answered + report.out_of_scope_answered
    return "\n".join(
        [
            f"{report.runs} messages: {report.in_scope} in scope, {report.out_of_scope} out of scope.",
            f"Answered of those in scope: {report.in_scope_answered} ({report.share_answered:.1%}).",
            f"Right of all answers: {report.answered_rightly} of {answers} ({report.share_right:.1%}).",
            f"Escalated of those out of scope: {escalated} ({report.share_escalated:.1%}).",
            f"Open or failed: {report.open_or_failed}.",
            f"{pace.steps} steps in {pace.seconds} s: {pace.steps_per_second} steps/s.",
        ]
    )
