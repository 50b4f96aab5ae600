"""What stands around a decision: what a yes sets off, what an abort undoes, how alike work ended, the forecast."""

from dataclasses import asdict
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.models import Forecast, Ticket
from escalation.selectors import (
    find_similar,
    find_ticket,
    foresee_blast,
    measure_reliability,
    read_plan,
)
from orchestration.api.base import ApiView
from orchestration.holds import foresee_abort

_MOST_UNDONE: Final = 200


class FollowerRow(serializers.Serializer[Any]):
    """A step that follows."""

    key = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    runs_next = serializers.BooleanField(read_only=True, help_text="It waits for nothing else.")
    condition = serializers.CharField(read_only=True, help_text="Under which it runs; empty: always.")
    effects = serializers.ListField(child=serializers.CharField(), read_only=True)
    is_reversible = serializers.BooleanField(read_only=True)
    undone_by = serializers.CharField(
        read_only=True, help_text="The agent that would, if the run is aborted."
    )


class OutlookRow(serializers.Serializer[Any]):
    """What stands around a decision."""

    own = FollowerRow(read_only=True, allow_null=True, help_text="The step itself: what it did has happened.")
    followers = FollowerRow(
        many=True, read_only=True, help_text="What an accepted output sets off, the next first."
    )
    is_cut = serializers.BooleanField(read_only=True, help_text="More steps follow.")
    cannot_be_undone = serializers.BooleanField(read_only=True, help_text="Something that comes can't be.")
    undone_by_abort = serializers.ListField(
        child=serializers.DictField(),
        read_only=True,
        help_text="Done steps (`key`) and the `agent` that undoes each.",
    )
    stopped_by_abort = serializers.IntegerField(read_only=True, help_text="Open steps that would end.")
    similar = serializers.DictField(
        read_only=True,
        help_text="How alike tickets were decided: `counts` by resolution, and some of the `latest`.",
    )
    reliability = serializers.DictField(
        read_only=True, allow_null=True, help_text="How often the agent was right at about this confidence."
    )
    forecast = serializers.DictField(
        read_only=True, allow_null=True, help_text="What was foreseen when the ticket came; null: not yet."
    )


class TicketOutlook(ApiView):
    """What stands around a decision."""

    @extend_schema(operation_id="get_ticket_outlook", responses=OutlookRow)
    def get(self, _request: Request, ticket_id: int) -> Response:
        """Show what a yes to a ticket sets off, what an abort would undo, how alike work ended, and the forecast."""
        self.check_parameters()
        ticket = find_ticket(self.caller, ticket_id)
        similar = find_similar(self.caller, ticket)
        found = measure_reliability(ticket)
        told = {
            **_foresee(ticket),
            "similar": {
                "counts": dict(similar.counts),
                "is_cut": similar.is_cut,
                "latest": [{"ticket": one.pk, "resolution": one.resolution} for one in similar.latest],
            },
            "reliability": asdict(found) if found else None,
            "forecast": _tell_forecast(ticket),
        }
        return Response(OutlookRow(told).data)


def _foresee(ticket: Ticket) -> dict[str, Any]:
    """Return what a decision sets off; nothing of a ticket that is closed, or that holds no step."""
    if not (ticket.is_open and ticket.holds_step):
        nothing: dict[str, Any] = {"followers": [], "undone_by_abort": [], "stopped_by_abort": 0}
        return {"own": None, "is_cut": False, "cannot_be_undone": False, **nothing}
    blast, abort = foresee_blast(ticket, read_plan(ticket)), foresee_abort(ticket.run_id)
    return {
        "own": blast.own,
        "followers": blast.followers,
        "is_cut": blast.is_cut,
        "cannot_be_undone": blast.cannot_be_undone,
        "undone_by_abort": [{"key": key, "agent": agent} for key, agent in abort.undone[:_MOST_UNDONE]],
        # The step that waits here fails; what else is open is cancelled with it.
        "stopped_by_abort": max(0, abort.stopped - 1),
    }


def _tell_forecast(ticket: Ticket) -> dict[str, Any] | None:
    names = ("made_at", "ahead", "pace", "expected_at", "predicted_breach_at")
    found: dict[str, Any] | None = Forecast.objects.filter(ticket=ticket.pk).values(*names).first()
    return found
