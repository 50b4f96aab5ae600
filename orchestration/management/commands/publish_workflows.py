"""`publish_workflows`: what the code defines becomes new versions where its content changed."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from orchestration import runs
from orchestration.errors import SpecInvalid
from orchestration.management.arguments import add_json_switch


class Command(BaseCommand):
    """Publish code-defined workflows; all or nothing."""

    help = "Publish what every installed app's workflows.py defines; unchanged workflows stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --dry-run and --json."""
        parser.add_argument("--dry-run", action="store_true", help="Check and compare, but publish nothing.")
        add_json_switch(parser)

    def handle(self, *args: Any, dry_run: bool, as_json: bool, **options: Any) -> None:
        """Publish and say what was done."""
        try:
            with transaction.atomic():
                published = runs.publish_code_specs()
                transaction.set_rollback(dry_run)
        except SpecInvalid as error:
            raise CommandError(f"nothing was published:\n{error}") from error
        if as_json:
            lines = [
                {"name": p.workflow.name, "version": p.workflow.version, "is_new": p.is_new}
                for p in published
            ]
            self.stdout.write(json.dumps(lines, indent=2))
            return
        word = "would be published" if dry_run else "published"
        for item in published:
            self.stdout.write(f"{item.workflow}: {word if item.is_new else 'unchanged'}")
        if not published:
            self.stdout.write(
                "no workflows found; put WorkflowSpec objects into an installed app's workflows.py"
            )
