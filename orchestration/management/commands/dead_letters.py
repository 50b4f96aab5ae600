"""`dead_letters`: messages that nobody will read, and why."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.mail import (
    DELIVERY_HEAD,
    add_home,
    add_limit,
    check_limit,
    delivery_row,
    describe_delivery,
    telling,
    write_rows,
)


class Command(EngineCommand):
    """List dead letters."""

    help = "List messages that nobody will read, with why, the newest first; `send_again ID` sends one again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        parser.add_argument("--address", help="Only to this actor.")
        add_limit(parser, 100)
        add_home(parser)

    def handle(
        self, *args: Any, address: str | None, limit: int, project: str, as_json: bool, **options: Any
    ) -> None:
        """Write them."""
        check_limit(limit)
        with telling():
            rows = list(actors.dead_letters(project=project, address=address)[:limit])
        if as_json:
            self.stdout.write(json.dumps([describe_delivery(row) for row in rows], indent=2))
        else:
            write_rows(self, DELIVERY_HEAD, [delivery_row(row) for row in rows], "There are no dead letters.")
