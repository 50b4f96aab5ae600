"""`list_actors`: actors and how they do."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration.domain.mail import Life
from orchestration.management.arguments import check_project
from orchestration.management.mail import (
    ACTOR_HEAD,
    actor_row,
    add_home,
    add_limit,
    check_limit,
    describe_actor,
    write_rows,
)
from orchestration.models import Actor
from orchestration.selectors.actors import narrow_to_life, with_life


class Command(EngineCommand):
    """List actors."""

    help = "List actors by address: how each does, what waits for it, who made it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        parser.add_argument("--name", help="Only of this behaviour.")
        parser.add_argument("--state", choices=[str(life) for life in Life], help="Only those that do so.")
        add_limit(parser, 100)
        add_home(parser)

    def handle(
        self,
        *args: Any,
        name: str | None,
        state: str | None,
        limit: int,
        project: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Write the actors."""
        check_limit(limit)
        check_project(project)
        found = with_life(Actor.objects.filter(project__slug=project).select_related("project"))
        if name is not None:
            found = found.filter(name=name)
        if state is not None:
            found = narrow_to_life(found, state)
        rows = list(found.order_by("name", "key")[:limit])
        if as_json:
            self.stdout.write(json.dumps([describe_actor(row) for row in rows], indent=2))
        else:
            none = "No actor fits: an actor is made by its first message; `manage.py send_message` sends one."
            write_rows(self, ACTOR_HEAD, [actor_row(row) for row in rows], none)
