"""Tickets of the caller's review queues."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.rows import ReleaseBody, ResolveBody, TicketDetail, TicketRow
from escalation.audit import record_seen
from escalation.domain.desk_rights import DeskRight
from escalation.domain.inbox import InboxState
from escalation.domain.resolution import NOT_GIVEN
from escalation.domain.states import TicketStatus
from escalation.escrow import (
    claim_next_ticket,
    claim_ticket,
    release_ticket,
    resolve_ticket,
    take_back_resolution,
)
from escalation.models import Ticket
from escalation.selectors import (
    find_queues,
    find_ticket,
    may_desk,
    scope_tickets,
    summarise_ticket,
    summarise_without_content,
)
from escalation.selectors.inbox import count_inbox, is_in_state
from escalation.selectors.searching import narrow_to_search
from escalation.selectors.seats import is_held_by, sit_all
from orchestration.api.base import ApiView
from orchestration.domain.hold_fields import Scope
from orchestration.domain.rights import Right
from orchestration.domain.states import ResolutionKind


class TicketFilter(filters.FilterSet):
    """Tickets."""

    project = filters.CharFilter(field_name="queue__project__slug", max_length=100)
    queue = filters.CharFilter(field_name="queue__slug", max_length=100)
    status = filters.ChoiceFilter(choices=[(s.value, s.value) for s in TicketStatus])
    sla = filters.CharFilter(max_length=100)
    run = filters.UUIDFilter(field_name="run_id")
    workflow = filters.CharFilter(field_name="run__workflow_name", max_length=100)
    claimed_by = filters.CharFilter(
        method="narrow_to_holder",
        max_length=150,
        label="User name; of seats where several people decide, only your own are found.",
    )
    agent = filters.CharFilter(field_name="step__agent", max_length=200)
    rule = filters.CharFilter(max_length=60)
    tag = filters.CharFilter(method="narrow_to_tag", max_length=40)
    state = filters.ChoiceFilter(
        choices=[(s.value, s.value) for s in InboxState],
        method="narrow_to_state",
        label="A view of the inbox: mine, free, breaching, ...",
    )
    search = filters.CharFilter(
        method="narrow_to_search",
        max_length=200,
        label="What stands in the input or the proposal; of very long ones only the beginning is searched.",
    )

    def narrow_to_holder(self, rows: QuerySet[Ticket], _name: str, username: str) -> QuerySet[Ticket]:
        """Return those that somebody has claimed."""
        return rows.filter(is_held_by(username, self.request.user))

    def narrow_to_tag(self, rows: QuerySet[Ticket], _name: str, tag: str) -> QuerySet[Ticket]:
        """Return those that have it."""
        return rows.filter(tags__contains=[tag])

    def narrow_to_state(self, rows: QuerySet[Ticket], _name: str, state: str) -> QuerySet[Ticket]:
        """Return those of a view, as the inbox has it for the caller."""
        return rows.filter(is_in_state(InboxState(state), self.request.user.pk))

    def narrow_to_search(self, rows: QuerySet[Ticket], _name: str, text: str) -> QuerySet[Ticket]:
        """Return those that hold everything that is asked for."""
        return narrow_to_search(rows, text)


class SummaryRow(TicketRow):
    """A ticket's row, shown by the selector that every interface uses."""

    def to_representation(self, instance: Ticket) -> dict[str, object]:
        """Return the ticket in the words of the public interface."""
        return summarise_without_content(instance)


class TicketList(ApiView):
    """Tickets."""

    queryset = Ticket.objects.none()
    filterset_class = TicketFilter
    order: ClassVar[tuple[str, ...]] = ("due_at", "pk")

    @extend_schema(operation_id="list_tickets", responses=TicketRow(many=True))
    def get(self, _request: Request) -> Response:
        """List tickets, those due first at the top; where several people decide, your seat counts as your claim."""
        return self.show_page(scope_tickets(self.caller), SummaryRow)

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return a page of tickets that show the caller's own seats."""
        return sit_all(super().paginate_queryset(queryset) or (), self.person.pk)


class CountsRow(serializers.Serializer[Any]):
    """How many open tickets of your queues there are, each counted up to 1,000."""

    open = serializers.IntegerField(read_only=True)
    mine = serializers.IntegerField(read_only=True)
    free = serializers.IntegerField(read_only=True)
    breaching = serializers.IntegerField(read_only=True)


class TicketCounts(ApiView):
    """What the side bar counts."""

    @extend_schema(operation_id="count_tickets", responses=CountsRow)
    def get(self, _request: Request) -> Response:
        """Count the open tickets of your queues: all, yours, the free ones, and those about to be missed."""
        self.check_parameters()
        queues = list(find_queues(self.caller).values_list("pk", flat=True))
        return Response(asdict(count_inbox(self.person.pk, queues)))


def show_whole(view: ApiView, ticket: Ticket) -> Response:
    """Return a ticket with what is judged, and tell the audit first.

    Raises: AuditUnavailable.
    """
    record_seen(ticket, view.person)
    return Response(summarise_ticket(ticket, view.caller))


class TicketView(ApiView):
    """One ticket."""

    @extend_schema(operation_id="get_ticket", responses=TicketDetail)
    def get(self, _request: Request, ticket_id: int) -> Response:
        """Show a ticket with what is judged. Looking claims nothing."""
        return show_whole(self, find_ticket(self.caller, ticket_id))


class Deciding(ApiView):
    """What reviewers do with one ticket."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}

    def find(self, ticket_id: int) -> Ticket:
        """Return the ticket, for those who may decide it."""
        return find_ticket(self.caller, ticket_id, DeskRight.DECIDE)

    def show(self, ticket_id: int) -> Response:
        """Return the ticket as it stands now."""
        return show_whole(self, find_ticket(self.caller, ticket_id, DeskRight.DECIDE))


class TicketClaimNext(Deciding):
    """Claiming whatever is due first."""

    @extend_schema(operation_id="claim_next_ticket", request=None, responses=TicketDetail)
    def post(self, _request: Request) -> Response:
        """Claim the free ticket that is due first, of those that you did not request. 404: none is free."""
        return self.show(claim_next_ticket(self.person, self.caller).pk)


class TicketClaim(Deciding):
    """Claiming."""

    @extend_schema(operation_id="claim_ticket", request=None, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Claim a ticket, or a seat where several decide, or renew your claim. 409 names who holds it."""
        claim_ticket(self.find(ticket_id).pk, self.person)
        return self.show(ticket_id)


class TicketRelease(Deciding):
    """Giving a claim back."""

    @extend_schema(operation_id="release_ticket", request=ReleaseBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Give your claim back."""
        body = self.read_body(ReleaseBody)
        release_ticket(self.find(ticket_id).pk, self.person, body["note"])
        return self.show(ticket_id)


class TicketResolve(Deciding):
    """Deciding."""

    @extend_schema(operation_id="resolve_ticket", request=ResolveBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Decide a ticket, or vote, under your claim. 409: it, your claim or what is judged changed meanwhile."""
        body = self.read_body(ResolveBody)
        resolve_ticket(
            self.find(ticket_id).pk,
            self.person,
            ResolutionKind(body["resolution"]),
            claim_number=body["claim_number"],
            seen_digest=body["seen_digest"],
            output=body.get("output", NOT_GIVEN),
            feedback=body["feedback"],
            note=body["note"],
            agent=body["agent"],
            reason_code=body["reason_code"],
            scope=Scope(body["scope"]) if body["scope"] else None,
        )
        return self.show(ticket_id)


class TicketTakeBack(Deciding):
    """Taking back."""

    @extend_schema(operation_id="take_back_resolution", request=None, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Take back a decision that has not taken effect: your own, or any as a lead. 409: there is none."""
        ticket = self.find(ticket_id)
        as_lead = may_desk(self.caller, ticket.queue, DeskRight.LEAD)
        take_back_resolution(ticket.pk, self.person, as_lead=as_lead)
        return self.show(ticket_id)
