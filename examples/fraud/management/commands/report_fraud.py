"""Print how well `fraud-check` did on the payments whose label the books know."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.fraud.books import open_books
from examples.fraud.errors import FraudError
from examples.fraud.fraud_report import Report, find_outcomes, summarise


class Command(BaseCommand):
    """Count and print."""

    help = "Print precision, recall and the share of people's decisions of all fraud-check runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form."""
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            report = summarise(find_outcomes(open_books()))
        except FraudError as error:
            raise CommandError(str(error)) from error
        if not report.payments:
            raise CommandError(
                "No payment was checked: write them with `manage.py list_payments > payments.jsonl` and start "
                "`manage.py start_run fraud-check --each payments.jsonl`."
            )
        self.stdout.write(json.dumps(report.describe()) if options["json"] else _describe(report))


def _describe(report: Report) -> str:
    return "\n".join(
        [
            f"{report.payments} payments, {report.frauds} of them fraud.",
            f"Said to be fraud: {report.caught + report.wrongly_accused}, {report.precision:.1%} of them rightly.",
            f"Caught of the frauds that no person saw: {report.recall:.1%}; missed: {report.missed}.",
            f"Caught or shown to a person, of all frauds: {report.share_seen:.1%}.",
            f"A person was asked about {report.escalated} ({report.share_escalated:.1%}).",
            f"Open or failed: {report.open_or_failed}.",
        ]
    )
