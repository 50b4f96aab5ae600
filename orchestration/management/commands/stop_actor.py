"""`stop_actor`: lets an actor take no more messages."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import read_person
from orchestration.management.mail import add_address, telling, write_actor
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Stop an actor."""

    help = "Let an actor take no more messages: those that wait, and all that come, are dead letters. Its turn goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its address, why, and who asks."""
        add_address(parser)
        parser.add_argument("--reason", default="", help="Why, in words; kept with the actor.")
        add_person(parser)

    def handle(
        self,
        *args: Any,
        address: str,
        reason: str,
        username: str | None,
        project: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Stop it and say how it does."""
        person = read_person(username)
        with telling():
            actor = actors.stop(address, reason, person, project=project)
        write_actor(self, actor, as_json=as_json)
