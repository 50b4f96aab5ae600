"""`manage.py publish_workflows`: what the code defines becomes new versions where its content changed."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration import runs
from orchestration.errors import SpecInvalid


class Command(BaseCommand):
    """Publish code-defined workflows; all or nothing."""

    help = "Publish the WorkflowSpec objects of every installed app's workflows.py; unchanged ones stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --json."""
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401, ARG002 - Django's signature
        """Publish and say what was done."""
        try:
            published = runs.publish_code_specs()
        except SpecInvalid as error:
            raise CommandError(f"nothing was published:\n{error}") from error
        if options["json"]:
            lines = [{"name": p.workflow.name, "version": p.workflow.version, "new": p.is_new} for p in published]
            self.stdout.write(json.dumps(lines))
            return
        for item in published:
            self.stdout.write(f"{item.workflow}: {'published' if item.is_new else 'unchanged'}")
        if not published:
            self.stdout.write("no workflows found; put WorkflowSpec objects into an installed app's workflows.py")
