"""`define_topic`: makes a topic, or gives it another schema."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import read_json, read_person
from orchestration.management.mail import add_home, telling
from orchestration.management.orders import add_person


class Command(EngineCommand):
    """Define a topic."""

    help = (
        "Make a topic, or give it another schema as a new version; what may break subscribers is refused "
        "without --force."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its name, its schema, and who asks."""
        parser.add_argument("name", metavar="NAME", help="Dotted lower-case identifiers, as case.updated.")
        parser.add_argument(
            "--schema", metavar="JSON|@FILE|-", default="{}", help="JSON Schema; {} (anything) if left out."
        )
        parser.add_argument("--description", default="", help="What is published to it, in words.")
        parser.add_argument("--force", action="store_true", help="Although it may break subscribers.")
        add_person(parser)
        add_home(parser)

    def handle(
        self,
        *args: Any,
        name: str,
        schema: str,
        username: str | None,
        project: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Define it and say which version holds."""
        read, person = read_json("--schema", schema), read_person(username)
        how = {"description": options["description"], "force": options["force"]}
        with telling():
            topic = actors.define_topic(name, read, by=person, project=project, **how)
        version = topic.schemas.values_list("version", flat=True).first()
        if as_json:
            self.stdout.write(json.dumps({"id": topic.pk, "name": topic.name, "version": version}, indent=2))
        else:
            self.stdout.write(f"topic '{topic.name}': schema v{version} holds")
