"""`restart_actor`: lets a stopped actor take messages again."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.mail import add_address, telling, write_actor


class Command(EngineCommand):
    """Start an actor again."""

    help = "Let a stopped actor take messages again; dead letters stay dead until they are sent again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its address."""
        add_address(parser)

    def handle(self, *args: Any, address: str, project: str, as_json: bool, **options: Any) -> None:
        """Start it again and say how it does."""
        with telling():
            actor = actors.restart(address, project=project)
        write_actor(self, actor, as_json=as_json)
