"""Switch the reputation service off and on, and see how often it was called."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from examples.fraud.models import ServiceCall, ServiceSwitch


class Command(BaseCommand):
    """Switch and tell."""

    help = "Show the reputation service; --down lets it fail from now on, --up lets it answer again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the switch."""
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--down", action="store_true", help="fail from now on")
        switch.add_argument("--up", action="store_true", help="answer again")
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        if options["down"] and not ServiceSwitch.is_down():
            ServiceSwitch.objects.create()
        if options["up"]:
            ServiceSwitch.objects.all().delete()
        calls = ServiceCall.objects.all()
        told = {
            "is_down": ServiceSwitch.is_down(),
            "answered": calls.filter(was_answered=True).count(),
            "failed": calls.filter(was_answered=False).count(),
        }
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(
            f"The reputation service is {'down' if told['is_down'] else 'up'}; it answered {told['answered']} calls "
            f"and failed {told['failed']}."
        )
