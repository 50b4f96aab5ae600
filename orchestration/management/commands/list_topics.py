"""`list_topics`: topics, the version of their schemas, and how many hear them."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count, Max

from agents.management.base import EngineCommand
from orchestration.management.arguments import check_project
from orchestration.management.mail import add_home, write_rows
from orchestration.management.terminal import show_text
from orchestration.models import Topic

_HEAD = ("NAME", "VERSION", "SUBSCRIPTIONS", "DESCRIPTION")
_NAMES = ("name", "version", "heard", "description")


class Command(EngineCommand):
    """List topics."""

    help = "List topics by name: the version of the schema that holds, and how many subscriptions there are."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --project and --json."""
        add_home(parser)

    def handle(self, *args: Any, project: str, as_json: bool, **options: Any) -> None:
        """Write the topics."""
        check_project(project)
        counted = Topic.objects.filter(project__slug=project).annotate(
            version=Max("schemas__version"), heard=Count("subscriptions", distinct=True)
        )
        rows = list(counted.order_by("name").values_list(*_NAMES))
        if as_json:
            keys = ("name", "version", "subscriptions", "description")
            said = [dict(zip(keys, row, strict=True)) for row in rows]
            self.stdout.write(json.dumps(said, indent=2))
        else:
            shown = [
                (name, str(version or "-"), str(heard), show_text(text))
                for name, version, heard, text in rows
            ]
            write_rows(self, _HEAD, shown, "There are no topics; `manage.py define_topic NAME` makes one.")
