"""How tickets are shown, and what a resolution may say."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from escalation.domain.states import TicketStatus
from orchestration.api.base import Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.domain.anew import Anew
from orchestration.domain.hold_fields import AGENT, FIELDS, OUTPUT, SCOPE_WORDS, Scope
from orchestration.domain.holds import CHOSEN_BY_PEOPLE, WAY_OF, HoldSubject, kinds_with
from orchestration.domain.states import ResolutionKind


class PendingRow(serializers.Serializer[Any]):
    """A decision that has not taken effect yet."""

    resolution = serializers.ChoiceField(choices=[k.value for k in ResolutionKind], read_only=True)
    decided_by = serializers.CharField(read_only=True)
    decided_at = serializers.DateTimeField(read_only=True)
    takes_effect_at = serializers.DateTimeField(read_only=True, help_text="Until then it can be taken back.")


class TicketRow(serializers.Serializer[Any]):
    """A ticket, in the words of `manage.py list_tickets --json`."""

    id = serializers.IntegerField(read_only=True)
    status = serializers.ChoiceField(choices=[(s.value, s.name) for s in TicketStatus], read_only=True)
    project = serializers.CharField(read_only=True)
    queue = serializers.CharField(read_only=True)
    sla = serializers.CharField(read_only=True)
    workflow = serializers.CharField(read_only=True)
    run = serializers.UUIDField(read_only=True)
    step = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    attempt = serializers.IntegerField(read_only=True)
    subject = serializers.ChoiceField(choices=[s.value for s in HoldSubject], read_only=True)
    rule = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    confidence = serializers.FloatField(read_only=True, allow_null=True)
    has_proposal = serializers.BooleanField(read_only=True)
    seen_digest = serializers.CharField(read_only=True)
    opened_at = serializers.DateTimeField(read_only=True)
    first_touch_due_at = serializers.DateTimeField(read_only=True)
    due_at = serializers.DateTimeField(read_only=True)
    predicted_breach_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="Its due time, if at the pace when it came it would be missed.",
    )
    touched_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resolved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    withdrawn_at = serializers.DateTimeField(read_only=True, allow_null=True)
    claim_number = serializers.IntegerField(read_only=True)
    claimed_by = serializers.CharField(read_only=True, allow_null=True)
    claim_expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resolution = serializers.ChoiceField(
        choices=[k.value for k in ResolutionKind], read_only=True, allow_null=True
    )
    resolved_by = serializers.CharField(read_only=True, allow_null=True)
    resolved_rule = serializers.CharField(read_only=True, help_text="What decided instead of a person.")
    reason_code = serializers.CharField(read_only=True)
    withdrawn_reason = serializers.CharField(read_only=True)
    pending = PendingRow(
        read_only=True, allow_null=True, help_text="What was decided and has not taken effect; null: nothing."
    )
    seats = serializers.IntegerField(
        read_only=True, help_text="How many people decide it, each on their own."
    )
    votes_needed = serializers.IntegerField(read_only=True, help_text="How many of them must agree.")
    votes_cast = serializers.IntegerField(read_only=True, help_text="How many have voted.")
    needs_lead = serializers.BooleanField(
        read_only=True, help_text="Several people can't decide it, so a lead of its queue does."
    )
    seat = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Where several people decide: the number of yours; claim and draft are those of the seat.",
    )


@extend_schema_field({"description": "Any JSON value."})
class AnyJson(serializers.Field[Any, Any, Any, Any]):
    """A JSON value as it is, null included."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take null as a value."""
        return (True, None) if data is None else super().validate_empty_values(data)

    def to_representation(self, value: Any) -> Any:
        """Return the value."""
        return value

    def to_internal_value(self, data: Any) -> Any:
        """Return the value."""
        return data


class VoteRow(serializers.Serializer[Any]):
    """What one of several people voted."""

    seat = serializers.IntegerField(read_only=True)
    person = serializers.CharField(read_only=True)
    resolution = serializers.ChoiceField(choices=[k.value for k in ResolutionKind], read_only=True)
    output_digest = serializers.CharField(
        read_only=True, help_text="SHA-256 of what would take effect; votes agree by it and the resolution."
    )
    feedback = serializers.CharField(read_only=True)
    note = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    reason_code = serializers.CharField(read_only=True)
    scope = serializers.CharField(read_only=True)
    at = serializers.DateTimeField(read_only=True)


class WayRow(serializers.Serializer[Any]):
    """One way in which a ticket can be resolved."""

    resolution = serializers.ChoiceField(choices=[k.value for k in ResolutionKind], read_only=True)
    effect = serializers.CharField(read_only=True, help_text="What it does to the step, in words.")
    needs = serializers.ChoiceField(
        choices=[field.name for field in FIELDS],
        read_only=True,
        allow_null=True,
        help_text="The field of the decision that it can't do without, beside the note.",
    )
    agents = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Of hand_on: who can do the step from now on.",
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[s.value for s in Scope]),
        read_only=True,
        help_text="Of close, in a run that another one started: how far it can reach; one has to be chosen.",
    )
    reason_codes = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="The reasons that the review queue knows for it.",
    )
    needs_reason = serializers.BooleanField(
        read_only=True, help_text="The review queue asks for a reason with it."
    )


class TicketDetail(TicketRow):
    """A ticket with what is judged and what was decided."""

    resolutions = WayRow(
        many=True, read_only=True, help_text="What the ticket can be resolved by; empty once it is closed."
    )
    send_back = serializers.ChoiceField(
        choices=[a.value for a in Anew],
        read_only=True,
        allow_null=True,
        help_text="What the step does if it is sent back, and under which idempotency key.",
    )
    skips_along = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Steps that are skipped along if the step is: they need its output, or that of one which does.",
    )
    seen = AnyJson(read_only=True, help_text="What is judged.")
    output = AnyJson(read_only=True, help_text="What was approved.")
    feedback = serializers.CharField(read_only=True)
    note = serializers.CharField(read_only=True)
    handed_to = serializers.CharField(read_only=True, help_text="The agent that does the step since.")
    scope = serializers.CharField(read_only=True, help_text="How far it reached that the run was closed.")
    votes = VoteRow(
        many=True,
        read_only=True,
        help_text="Yours; those of all once they decided, and for leads once a lead has to.",
    )


class ReleaseBody(Body):
    """Why a claim is given back; nothing need be sent."""

    note = Text(
        required=False, allow_blank=True, default="", help_text="For colleagues; it is kept in the audit."
    )


class SaidBody(Body):
    """What goes with a decision, of one ticket or of several."""

    feedback = Text(required=False, allow_blank=True, default="", trim_whitespace=False)
    note = Text(required=False, allow_blank=True, default="", trim_whitespace=False)
    agent = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text=f"With {' or '.join(kinds_with(AGENT))}: who shall do the step.",
    )
    reason_code = Text(
        required=False, allow_blank=True, default="", max_length=50, help_text="One of the review queue's."
    )
    scope = serializers.ChoiceField(
        choices=[s.value for s in Scope],
        required=False,
        allow_null=True,
        default=None,
        help_text="With close, in a run that another one started: "
        + "; ".join(f"{scope}: {words}" for scope, words in SCOPE_WORDS.items()),
    )


class ResolveBody(SaidBody):
    """A decision, bound to a claim and to what was seen."""

    resolution = serializers.ChoiceField(
        choices=[k.value for k in CHOSEN_BY_PEOPLE],
        help_text="; ".join(f"{kind}: {WAY_OF[kind].effect}" for kind in CHOSEN_BY_PEOPLE),
    )
    claim_number = WholeNumber(min_value=1, max_value=2**31 - 1, help_text="Of your claim.")
    seen_digest = Text(max_length=64, help_text="Of the ticket as you saw it.")
    output = AnyJson(
        required=False,
        help_text=f"With {' or '.join(kinds_with(OUTPUT))}: what is approved; null has to be sent.",
    )
