"""`report_team`: how the desk team did on each day."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.desk_team.measure import measure_days, tell_days


class Command(BaseCommand):
    """Count and print."""

    help = "Print for each day how many messages the team answered from memory, and how many it had to ask about."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form."""
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        days = measure_days()
        if not days:
            raise CommandError("The team has answered nothing yet: feed it with `manage.py feed_team`.")
        if options["json"]:
            self.stdout.write(json.dumps([day.describe() for day in days], indent=2))
        else:
            self.stdout.write("\n".join(tell_days(days)))
