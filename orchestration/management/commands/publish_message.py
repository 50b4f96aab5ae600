"""`publish_message`: publishes a message to a topic."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import read_json, read_person
from orchestration.management.mail import add_home, telling, write_sent
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Publish a message."""

    help = "Publish a message to a topic, whose schema it must meet; all who subscribe get it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the topic, what is said, its key and who says it."""
        parser.add_argument("topic", metavar="TOPIC", help="The topic's name; `list_topics` lists them.")
        parser.add_argument("--body", metavar="JSON|@FILE|-", default="null", help="Null if left out.")
        parser.add_argument("--key", help="The same message once more under it is the same one.")
        add_person(parser)
        add_home(parser)

    def handle(
        self,
        *args: Any,
        topic: str,
        body: str,
        key: str | None,
        username: str | None,
        project: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Publish it."""
        read, person = read_json("--body", body), read_person(username)
        with telling():
            sent = actors.publish(
                topic, read, sender=person, idempotency_key=key, project=project, through="command"
            )
        write_sent(self, sent, as_json=as_json)
