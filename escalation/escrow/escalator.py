"""What the engine calls: tickets open with the hold, close when their step no longer waits, and are asked for."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.urls import NoReverseMatch, reverse

from escalation.audit.lines import note_seen
from escalation.conf import get_conf
from escalation.domain.alike import name_alike
from escalation.domain.sla import find_class
from escalation.domain.states import TicketStatus
from escalation.escrow.booking import book_ticket
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import settle_clocks
from escalation.escrow.pending import void_all
from escalation.escrow.planning import TicketPlan, plan_ticket
from escalation.escrow.quorum import HasQuorum
from escalation.escrow.requesters import RequestersOf
from escalation.escrow.seats import end_seats
from escalation.escrow.starting import start_clocks
from escalation.models import IS_AUDIT, Ticket, read_clock
from escalation.queues import find_or_make_default, find_queue_id
from escalation.selectors.hidden import find_handed_hidden, find_hidden, find_hidden_runs, is_any_closed
from orchestration.ports import Hold, TicketRef


class DatabaseEscalator:
    """Keeps tickets as rows. Works inside the caller's transaction and never commits."""

    def plan_ticket(self, hold: Hold) -> TicketPlan:
        """Work out where the ticket goes, its title and when it is due; reads rows and locks none."""
        return plan_ticket(hold)

    def open_ticket(self, hold: Hold, plan: object | None = None) -> int:
        """Open the step's ticket and return its id."""
        known = plan if isinstance(plan, TicketPlan) else _plan_plainly(hold)
        return create_ticket(hold, known).pk

    def withdraw_tickets(self, step_ids: list[int], reason: str) -> None:
        """Close the open tickets of steps that no longer wait."""
        with transaction.atomic():
            # In id order, as two withdrawals may meet. No step waits for an audit.
            rows = Ticket.objects.filter(~IS_AUDIT, step_id__in=step_ids, status=TicketStatus.OPEN).order_by(
                "pk"
            )
            tickets = list(rows.defer("seen_json", "draft_json").select_for_update(no_key=True))
            now = read_clock()
            for ticket in tickets:
                settle_clocks(ticket, now)
            record_missed(tickets, now)
            void_all(tickets, reason, now)
            end_seats(tickets)
            Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).update(
                status=TicketStatus.WITHDRAWN,
                withdrawn_at=now,
                withdrawn_reason=reason,
                claimed_by=None,
                claim_expires_at=None,
                released_by=None,
                snoozed_until=None,
                snooze_reason="",
                next_look_at=None,
                assigned_to=None,
                assigned_until=None,
            )

    def find_tickets(self, step_ids: Collection[int]) -> dict[int, TicketRef]:
        """Return the newest ticket of each of these steps that was held, by the step's id."""
        newest = Ticket.objects.filter(~IS_AUDIT, step__in=step_ids).order_by("step", "-pk").distinct("step")
        return {
            step_id: TicketRef(number, status == TicketStatus.OPEN, _find_url(number), late_at)
            for step_id, number, status, late_at in newest.values_list(
                "step", "pk", "status", "forecast__predicted_breach_at"
            )
        }

    def hides_anything(self, user_id: int | None) -> bool:
        """Return whether a restricted queue is closed to somebody."""
        return is_any_closed(user_id)

    def find_hidden(self, step_ids: Collection[int], user_id: int | None) -> frozenset[int]:
        """Return the steps that hide their outputs from somebody: those of restricted queues that are not theirs."""
        return find_hidden(step_ids, user_id)

    def find_hidden_runs(self, run_ids: Collection[UUID], user_id: int | None) -> frozenset[UUID]:
        """Return the runs that have such a step."""
        return find_hidden_runs(run_ids, user_id)

    def find_handed_hidden(
        self, given: Sequence[tuple[UUID, int | None]], user_id: int | None
    ) -> frozenset[int]:
        """Return the places of what such a step gave a run as its input, or another step as its item."""
        return find_handed_hidden(given, user_id)

    def note_seen(self, shown: Mapping[int, Collection[str]], user_id: int | None) -> frozenset[int]:
        """Tell the audit whose proposals somebody is about to be shown; return the steps of which it can't be told."""
        return note_seen(shown, user_id)


def create_ticket(hold: Hold, plan: TicketPlan, **of_audit: object) -> Ticket:
    """Write the row of a ticket, in one INSERT.

    Args: of_audit: columns that only an audit has.
    """
    found = find_queue_id(hold.project_id, hold.sla, plan.queue_id)
    queue_id = find_or_make_default(hold.project_id).pk if found is None else found
    is_planned = plan.queue_id == queue_id or bool(of_audit)
    # An audit is the desk's own doing: its run asked nobody for it.
    booked = {} if of_audit else book_ticket(hold.step_id, queue_id)
    return Ticket.objects.create(
        queue_id=queue_id,
        seats=plan.quorum.seats if is_planned else 1,
        votes_needed=plan.quorum.votes_needed if is_planned else 1,
        # Where nobody worked out who could vote, nobody decides alone what takes several.
        needs_lead=plan.quorum.needs_lead if is_planned else HasQuorum(queue_id),
        run_id=hold.run_id,
        requesters=RequestersOf(hold.run_id),
        step_id=hold.step_id,
        attempt=hold.attempt,
        subject=hold.subject,
        rule=hold.rule,
        reason=hold.reason,
        sla=hold.sla,
        seen_json=hold.seen_json,
        seen_digest=hashlib.sha256(hold.seen_json.encode()).hexdigest(),
        has_proposal=hold.has_proposal,
        confidence=hold.confidence,
        agent=hold.agent,
        alike=name_alike(hold.project_id, hold.workflow_name, hold.step_key, hold.rule),
        title=plan.title,
        tags=list(plan.tags),
        routed_by=plan.routed_by,
        desk_note=plan.note,
        opened_at=plan.opened_at,
        **plan.clocks.columns(),
        **booked,
        **of_audit,
    )


def _find_url(number: int) -> str:
    """Return the address of a ticket's page; "" when this console has none."""
    try:
        return reverse("admin:escalation_ticket_change", args=(number,))
    except NoReverseMatch:
        return ""


def _plan_plainly(hold: Hold) -> TicketPlan:
    """Return the plan of a ticket about which nothing could be worked out: as the settings say, with a note."""
    opened_at = read_clock()
    return TicketPlan(
        queue_id=None,
        routed_by="",
        title="",
        tags=(),
        opened_at=opened_at,
        clocks=start_clocks(find_class(hold.sla, get_conf().sla_classes), None, opened_at),
        note="Routing rules and targets of the queue were not read; the worker's log says why.",
    )
