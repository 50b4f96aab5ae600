"""`list_tickets`: what waits for people, those due first at the top."""

import json
from datetime import datetime, timedelta
from textwrap import indent
from typing import Any

from django.contrib.auth.models import User
from django.core.management import CommandError, CommandParser
from django.db.models import QuerySet

from escalation.domain.sla import describe_duration, describe_time_left
from escalation.domain.states import TicketStatus
from escalation.management.arguments import add_looker, find_person, note_seen
from escalation.management.base import DeskCommand
from escalation.models import Ticket, read_clock
from escalation.selectors import known_queues, list_tickets, summarise_ticket, with_content
from escalation.selectors.pending import find_pending_of
from escalation.selectors.seats import is_held_by, sit_all
from orchestration.domain.visible import spell_out
from orchestration.management.arguments import add_json_switch, add_project, check_project
from orchestration.selectors.scope import call_as

# Tickets of a mebibyte each are in memory at once.
_TOGETHER = 20
_ROW = "{:>6}  {:<9}  {:>14}  {:<16}  {:<34}  {:<14}  {}"


class Command(DeskCommand):
    """List tickets."""

    help = "List tickets, those due first at the top."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters, and who looks."""
        parser.add_argument("--queue", help="Only the review queue with this slug.")
        add_project(parser, "Only tickets of this project.")
        parser.add_argument("--status", choices=("open", "resolved", "all"), default="open")
        parser.add_argument(
            "--claimed-by",
            metavar="NAME",
            help="Only what this person holds, by user name; seats where several people decide, only with --as them.",
        )
        add_looker(parser)
        add_json_switch(parser)

    def handle(
        self,
        *,
        queue: str | None,
        status: str,
        as_json: bool,
        username: str | None = None,
        claimed_by: str | None = None,
        **options: Any,
    ) -> None:
        """Write one line or one JSON object a ticket."""
        check_project(options["project"])
        if queue is not None and queue not in known_queues():
            raise CommandError(
                f"--queue: there is no review queue '{queue}'; known: {', '.join(known_queues())}."
            )
        looker = find_person(username) if username else None
        tickets = list_tickets(queue, options["project"])
        if status != "all":
            tickets = tickets.filter(status=TicketStatus(status))
        if claimed_by is not None:
            tickets = tickets.filter(is_held_by(find_person(claimed_by, "--claimed-by").username, looker))
        if as_json:
            self._write_json(with_content(tickets), looker)
        else:
            self._write_table(sit_all(tickets, looker.pk if looker else None))

    def _write_json(self, tickets: QuerySet[Ticket], looker: User | None) -> None:
        """Write the tickets one by one: together they may be larger than the memory. The audit is told of each."""
        opening, caller = "[", call_as(looker) if looker else None
        for ticket in tickets.iterator(_TOGETHER):
            note_seen(ticket, looker)
            text = indent(json.dumps(summarise_ticket(ticket, caller), indent=2), "  ")
            self.stdout.write(f"{opening}\n{text}", ending="")
            opening = ","
        self.stdout.write("[]" if opening == "[" else "\n]")

    def _write_table(self, tickets: list[Ticket]) -> None:
        if not tickets:
            self.stdout.write("No tickets.")
            return
        now = read_clock()
        self.stdout.write(_ROW.format("ID", "STATUS", "TIME LEFT", "SLA", "STEP", "CLAIMED BY", "REASON"))
        for ticket in tickets:
            self.stdout.write(_format_row(ticket, now))


def _format_row(ticket: Ticket, now: datetime) -> str:
    holder = ticket.claimed_by.get_username() if ticket.claimed_by and ticket.is_claimed(now) else "-"
    if ticket.has_quorum:
        seat = f"your seat {ticket.own_seat.number}, " if ticket.own_seat else ""
        holder = f"{seat}{ticket.votes_cast} of {ticket.seats} voted"
    elif ticket.needs_lead and ticket.is_open and holder == "-":
        holder = "for a lead"
    left = describe_time_left(ticket.due_at, ticket.decided_at or now) if ticket.is_open else "-"
    place = f"{ticket.run.workflow_name}/{ticket.step.key}"
    reason = " ".join(spell_out(ticket.reason).split())
    pending = find_pending_of(ticket)
    if pending is not None:
        wait = describe_duration(max(pending.takes_effect_at - now, timedelta(0)))
        reason = f"[{pending.kind}, takes effect in {wait}] {reason}"
    return _ROW.format(ticket.pk, ticket.status, left, ticket.sla, place, holder, reason[:100])
