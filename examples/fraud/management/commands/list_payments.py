"""Write the payments that are to be checked as lines for `start_run fraud-check --each`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.fraud.books import open_books
from examples.fraud.errors import FraudError


class Command(BaseCommand):
    """List."""

    help = "Print the payments to be checked, a JSON object a line, for `start_run fraud-check --each`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how many."""
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        limit = options["limit"]
        if limit is not None and limit < 0:
            raise CommandError(f"--limit: give a number from 0, not {limit}.")
        try:
            payments = open_books().to_check()
        except FraudError as error:
            raise CommandError(str(error)) from error
        for payment in payments[:limit]:
            self.stdout.write(json.dumps({"payment_id": payment.id}))
