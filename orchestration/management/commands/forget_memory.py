"""`forget_memory`: empties what memories say, in all versions, and tells who had it done and why."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import memory
from orchestration.management.arguments import add_json_switch, read_person
from orchestration.management.memories import add_place, do_or_say
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Forget memories."""

    help = "Forget what memories say, in all versions: of a key, of keys that begin so, or that name a text."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which, why and who."""
        add_place(parser)
        parser.add_argument("--key", help="Of this key.")
        parser.add_argument("--prefix", help="Of keys that begin so.")
        parser.add_argument("--about", help="All that name this text in key, value or search text.")
        parser.add_argument("--reason", required=True, help="Why; kept with who and when.")
        add_person(parser)
        add_json_switch(parser)

    def handle(self, *args: Any, username: str | None, as_json: bool, **options: Any) -> None:
        """Forget them and say how many versions it were."""
        person = read_person(username)
        names = ("project", "scope", "key", "prefix", "about", "reason")
        told = do_or_say(
            lambda: memory.forget(
                **{name: options[name] for name in names},
                id=options["scope_id"],
                by=person,
                through="command",
            )
        )
        said = {
            "id": told.pk,
            "versions": told.versions,
            "person": told.person_name,
            "at": told.at.isoformat(),
        }
        words = f"{told.versions} versions are forgotten; digests and writers stay (forgetting {told.pk})"
        self.stdout.write(json.dumps(said, indent=2) if as_json else words)
