"""`send_message`: sends a message to an actor."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import read_json, read_person
from orchestration.management.mail import add_address, telling, write_sent
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Send a message."""

    help = "Send a message to an actor, which its first one makes; once this ends, it is durable."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom it is for, what it says, its key and who sends it."""
        add_address(parser)
        parser.add_argument("--body", metavar="JSON|@FILE|-", default="null", help="Null if left out.")
        parser.add_argument("--key", help="The same message once more under it is the same one.")
        add_person(parser)

    def handle(
        self,
        *args: Any,
        address: str,
        body: str,
        key: str | None,
        username: str | None,
        project: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Send it."""
        read, person = read_json("--body", body), read_person(username)
        with telling():
            sent = actors.send(
                address, read, sender=person, idempotency_key=key, project=project, through="command"
            )
        write_sent(self, sent, as_json=as_json)
