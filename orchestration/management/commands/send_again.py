"""`send_again`: puts a dead letter into its mailbox once more."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import add_json_switch
from orchestration.management.mail import describe_delivery, telling


class Command(EngineCommand):
    """Send a dead letter again."""

    help = "Put a dead letter into its mailbox once more; it is read before those that were sent after it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its id."""
        parser.add_argument("delivery", metavar="ID", type=int, help="As `dead_letters` says.")
        add_json_switch(parser)

    def handle(self, *args: Any, delivery: int, as_json: bool, **options: Any) -> None:
        """Send it again."""
        with telling():
            sent = actors.send_again(delivery)
        if as_json:
            self.stdout.write(json.dumps(describe_delivery(sent), indent=2))
        else:
            self.stdout.write(f"delivery {sent.pk} to '{sent.actor.address}' is {sent.state}")
