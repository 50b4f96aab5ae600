"""`export_audit`: who saw and did what at the desk, for an auditor's own tools."""

from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import DatabaseError

from escalation.audit.reading import AuditFilter, export_lines, list_audit
from escalation.audit.writing import FORMS
from escalation.domain.acts import Act
from escalation.management.arguments import find_person
from escalation.management.base import DeskCommand
from escalation.models import read_clock
from escalation.selectors import known_queues
from orchestration.management.arguments import add_project, check_project, find_past, read_utc_time


class Command(DeskCommand):
    """Export the audit."""

    help = (
        "Write the audit of the desk to standard output, the oldest line first. JSON lines are exact; in CSV, cells "
        "that a spreadsheet would take for a formula begin with an apostrophe. The export itself is told in the audit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who asks, the form and the filters."""
        parser.add_argument(
            "--as", dest="username", required=True, metavar="USER", help="Who takes the copy."
        )
        parser.add_argument("--format", dest="form", choices=sorted(FORMS), default="jsonl")
        add_project(parser, "Only lines of this project's queues.")
        parser.add_argument("--queue", help="Only lines of the review queue with this slug.")
        parser.add_argument("--person", metavar="NAME", help="Only what this person did, by user name.")
        parser.add_argument("--ticket", type=int, help="Only lines of this ticket.")
        parser.add_argument("--act", choices=sorted(Act), help="Only what was done of this kind.")
        for name, meaning in (("--since", "From then on"), ("--until", "Before then")):
            parser.add_argument(
                name,
                type=read_utc_time,
                metavar="TIME|SPAN",
                help=f"{meaning}: a day, an ISO time (UTC if no zone is said), or a span back from now, such as 7d.",
            )

    def handle(self, *, username: str, form: str, project: str | None, **options: Any) -> None:
        """Tell the audit, then write."""
        check_project(project)
        queue = options["queue"]
        if queue is not None and queue not in known_queues():
            raise CommandError(
                f"--queue: there is no review queue '{queue}'; known: {', '.join(known_queues())}."
            )
        now = read_clock()
        since, until = (options[name] and find_past(options[name], now) for name in ("since", "until"))
        asked = AuditFilter(
            project=project,
            queue=queue,
            person=options["person"],
            ticket=options["ticket"],
            act=options["act"],
            since=since,
            until=until,
        )
        try:
            lines = export_lines(list_audit(), asked, find_person(username), form)
        except DatabaseError as error:
            raise CommandError(
                f"The audit can't be written at the moment, so nothing is exported; try again later. ({error})"
            ) from error
        for text in FORMS[form](lines):
            self.stdout.write(text, ending="")
