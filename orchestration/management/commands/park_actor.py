"""`park_actor`: lets an actor's turn be that waits for a person, and goes on with the next."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.mail import add_address, telling
from orchestration.management.orders import write_answer


class Command(EngineCommand):
    """Park a turn."""

    help = "Let an actor's turn that waits for a person be, and go on with the next; it answers when it ends."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its address."""
        add_address(parser)

    def handle(self, *args: Any, address: str, project: str, as_json: bool, **options: Any) -> None:
        """Park it and say how the parked run stands."""
        with telling():
            run = actors.park(address, project=project)
        write_answer(self, run, as_json=as_json)
