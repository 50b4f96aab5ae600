"""`write_memory`: writes the next version of a key by hand."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import memory
from orchestration.management.arguments import add_json_switch, read_json, read_person
from orchestration.management.memories import add_place, describe_memory, do_or_say
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Write a memory."""

    help = "Write the next version of a key by hand; who wrote it is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, what, and who."""
        add_place(parser)
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("value", metavar="JSON|@FILE|-", help="What is remembered.")
        parser.add_argument("--search", help="What a recall looks at; the words of the value if left out.")
        parser.add_argument("--expires-in-seconds", type=float, help="From then on nobody reads it.")
        parser.add_argument(
            "--about",
            action="append",
            default=[],
            help="Whom it is about, such as customer/7; may be repeated.",
        )
        parser.add_argument("--reason", default="", help="Why; shown in the history.")
        parser.add_argument("--expected-version", type=int, help="Refused if the latest is another; 0: none.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self, *args: Any, key: str, value: str, username: str | None, as_json: bool, **options: Any
    ) -> None:
        """Write it and say its version."""
        if options["scope"] is None:
            raise CommandError("--scope: say whose memory it is: agent, run, project or actor.")
        person, read = read_person(username), read_json("JSON", value)
        written = do_or_say(
            lambda: memory.remember(
                options["scope"],
                key,
                read,
                id=options["scope_id"] or "",
                project=options["project"],
                search=options["search"],
                expires_in_seconds=options["expires_in_seconds"],
                expected_version=options["expected_version"],
                about=options["about"],
                reason=options["reason"],
                by=person,
                through="command",
            )
        )
        said = f"'{written.key}' is at version {written.version}"
        self.stdout.write(json.dumps(describe_memory(written), indent=2) if as_json else said)
