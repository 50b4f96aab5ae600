"""`preview_routing`: what recent tickets would do under a project's routing rules as they are saved."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management import CommandError, CommandParser

from escalation.management.base import DeskCommand
from escalation.models import ReviewQueue
from escalation.queues import MOST_TICKETS, preview_routes, read_rules
from orchestration.management.arguments import add_json_switch, check_project
from orchestration.models import Project


class Command(DeskCommand):
    """Preview routing."""

    help = "Say what the newest tickets of a project would do under its routing rules as they are now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the project and how far back."""
        parser.add_argument("--project", default="default", help="Slug of the project.")
        parser.add_argument(
            "--limit", type=int, default=MOST_TICKETS, help=f"At most {MOST_TICKETS} tickets."
        )
        add_json_switch(parser)

    def handle(self, *, project: str, limit: int, as_json: bool, **options: Any) -> None:
        """Write one line for each ticket that would go elsewhere."""
        check_project(project)
        if not 1 <= limit <= MOST_TICKETS:
            raise CommandError(f"--limit: give 1 to {MOST_TICKETS}.")
        number = Project.objects.get(slug=project).pk
        queues = list(ReviewQueue.objects.filter(project=number).values_list("pk", flat=True))
        preview = preview_routes(number, read_rules(number), queues, limit=limit)
        if as_json:
            told = {
                "is_cut": preview.is_cut,
                "counts": preview.counts,
                "tickets": list(map(asdict, preview.lines)),
            }
            self.stdout.write(json.dumps(told, indent=2))
            return
        counts = ", ".join(f"{count} to {slug}" for slug, count in preview.counts.items())
        self.stdout.write(f"Of {len(preview.lines)} tickets: {counts or 'none'}.")
        for line in preview.moved:
            by = f" by rule {line.by}" if line.by else ""
            self.stdout.write(f"{line.ticket_id}: {line.went_to} -> {line.would_go_to}{by}")
        for note in sorted({note for line in preview.lines for note in line.notes}):
            self.stdout.write(note)
