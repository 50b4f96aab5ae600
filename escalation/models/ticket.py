"""Tickets: escrowed work that waits for a person."""

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from escalation.domain.alike import MOST_CHARACTERS
from escalation.domain.states import TicketStatus
from escalation.models.clock import ClockTimestamp
from escalation.models.queue import ReviewQueue
from escalation.models.ticket_checks import CHECKS
from orchestration.domain.hold_fields import Scope
from orchestration.domain.holds import SUBJECTS, HoldSubject, Way, find_ways
from orchestration.domain.states import ResolutionKind
from orchestration.models import AuditSample, Run, Step


class Ticket(models.Model):
    """One held step, or accepted answer of a sample, and what was decided of it. Written by `escalation.escrow` alone.

    What is judged never changes, nor does a closed ticket: a trigger sees to it.
    """

    queue = models.ForeignKey(ReviewQueue, on_delete=models.PROTECT, related_name="tickets")
    # No way back from runs and steps: their room asks for tickets through its port, and knows no table of this one.
    # No constraint: a foreign key would lock the run's row, the hot spot of all its steps, with every ticket.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="+")
    attempt = models.PositiveIntegerField(help_text="The attempt after which the step was held.")
    subject = models.CharField(
        max_length=10, choices=[(s, s) for s in HoldSubject], help_text="What the person is asked about."
    )
    # No constraint, as of the run. An audit ticket goes with its run, as the sample does.
    sample = models.OneToOneField(
        AuditSample,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        help_text="Of an audit: the accepted answer that was drawn.",
    )
    rule = models.CharField(max_length=60, help_text="The policy rule that escalated.")
    reason = models.TextField(help_text="Why, in words.")
    sla = models.CharField(max_length=100, help_text="SLA class, e.g. customer-facing.")

    requesters = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text="Ids of whoever asked for the root run, and for what that was forked from: they don't decide.",
    )

    seen_json = models.TextField(help_text="What is judged: canonical JSON of the proposal, or null.")
    seen_digest = models.CharField(max_length=64, help_text="SHA-256 of seen_json, hexadecimal.")
    has_proposal = models.BooleanField(help_text="There is something that can be approved.")
    confidence = models.FloatField(null=True, help_text="What the agent stated, 0 to 1.")
    agent = models.CharField(max_length=200, default="", help_text="Whose work is judged, as it was then.")
    alike = models.CharField(
        max_length=MOST_CHARACTERS,
        default="",
        help_text="What it has in common with alike tickets: project, workflow, step and rule.",
    )

    title = models.CharField(
        max_length=200, default="", help_text="What it is about, in a line; often empty."
    )
    tags = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="What one should know one's way about in.",
    )
    routed_by = models.CharField(max_length=200, default="", help_text="What chose its queue.")
    desk_note = models.TextField(
        default="", help_text="What could not be worked out when it opened, such as a rule that failed."
    )

    opened_at = models.DateTimeField()
    first_touch_due_at = models.DateTimeField()
    due_at = models.DateTimeField()
    touched_at = models.DateTimeField(null=True, help_text="First claim.")

    # The clocks. Written by `escrow/clock.py`; due times change only with a row of `Replan`.
    # No constraint: versions stay, and need not be locked. Null: around the clock.
    calendar_version = models.ForeignKey(
        "CalendarVersion", null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    first_touch_within = models.DurationField(null=True, help_text="Business time for the first claim.")
    resolution_within = models.DurationField(null=True, help_text="Business time for the decision.")
    replan_number = models.PositiveIntegerField(default=0, help_text="Of the last change of its due times.")
    paused_at = models.DateTimeField(null=True, help_text="Since when its clocks stand still.")
    snoozed_until = models.DateTimeField(null=True, help_text="Until then it is offered to nobody.")
    snooze_reason = models.TextField(default="")
    next_look_at = models.DateTimeField(
        null=True,
        db_default=ClockTimestamp(),
        help_text="When its clocks next have something to tell.",
    )

    claim_number = models.PositiveIntegerField(
        default=0, help_text="Counts claims; a resolution names its own."
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="claimed_tickets"
    )
    claimed_at = models.DateTimeField(null=True, help_text="When the claim of this number began.")
    claim_expires_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Who gave the open ticket back last: they are offered it after all others.",
    )
    # Written by a trigger, however a claim ends.
    worked_for = models.DurationField(
        null=True,
        help_text="How long people held it, in claims that ended. Null: in none, or none was counted.",
    )
    people_pots = ArrayField(
        models.BigIntegerField(),
        null=True,
        help_text="The budgets of people's time that it is booked in. Null: none.",
    )
    expected_seconds = models.PositiveIntegerField(
        null=True, help_text="What is reserved in them while it is open."
    )
    draft_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "no draft"
    decided_at = models.DateTimeField(
        null=True, help_text="When somebody decided, where that takes effect only after a while."
    )
    # How many people decide it, each on their own: as its queue said when it opened. Their claims are rows of `Seat`.
    seats = models.PositiveSmallIntegerField(default=1)
    votes_needed = models.PositiveSmallIntegerField(default=1)
    votes_cast = models.PositiveSmallIntegerField(default=0)
    needs_lead = models.BooleanField(
        default=False, help_text="Several people can't decide it, so one who leads its queue does."
    )
    # An assignment is no claim and no touch: it only says who is offered the ticket first, and until when.
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="assigned_tickets"
    )
    assigned_until = models.DateTimeField(null=True, help_text="Then it is free for all again.")

    status = models.CharField(
        max_length=10, choices=[(s, s) for s in TicketStatus], default=TicketStatus.OPEN
    )
    # NULL is "not decided".
    resolution = models.CharField(max_length=10, null=True, choices=[(k, k) for k in ResolutionKind])  # noqa: DJ001
    # PROTECT: who decided must stay known; a person who leaves is deactivated.
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="resolved_tickets"
    )
    resolved_rule = models.CharField(
        max_length=40, default="", help_text="What decided instead of a person, such as breach."
    )
    resolved_at = models.DateTimeField(null=True)
    resolution_output_json = models.TextField(null=True)  # noqa: DJ001 - NULL unless approved or edited
    feedback = models.TextField(default="", help_text="What the agent is told when work is sent back.")
    note = models.TextField(default="", help_text="For colleagues; no agent sees it.")
    reason_code = models.CharField(max_length=50, default="", help_text="Why, in a word that is counted.")
    handed_to = models.CharField(max_length=200, default="", help_text="The agent that does the step then.")
    scope = models.CharField(
        max_length=4,
        default="",
        choices=[(s.value, s.value) for s in Scope],
        help_text="How far it reached that the run was closed.",
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.TextField(default="")

    # By this, whoever follows the desk finds what was changed by a transaction that committed late.
    changed_in = models.BigIntegerField(
        default=0, editable=False, help_text="The transaction that wrote the row last; a trigger sets it."
    )

    own_seat: Any = None
    """Where several people decide: the row of `Seat` of whoever looks, once `selectors.seats.sit` has read it."""

    class Meta:
        ordering = ("due_at", "id")
        constraints = CHECKS
        indexes = (
            models.Index(fields=("queue", "due_at"), condition=Q(status="open"), name="ticket_queue_due"),
            models.Index(fields=("due_at",), condition=Q(status="open"), name="ticket_due"),
            models.Index(
                fields=("first_touch_due_at",),
                condition=Q(status="open", touched_at__isnull=True),
                name="ticket_touch_due",
            ),
            # What was decided on alike tickets, and how often an agent was right: the latest first.
            models.Index(
                fields=("alike", "-resolved_at"), condition=Q(status="resolved"), name="ticket_alike_resolved"
            ),
            models.Index(fields=("alike", "due_at"), condition=Q(status="open"), name="ticket_alike_open"),
            models.Index(
                fields=("agent", "-resolved_at"),
                condition=Q(status="resolved", has_proposal=True),
                name="ticket_agent_resolved",
            ),
            # By what the figures of an hour are counted.
            models.Index(fields=("opened_at",), name="ticket_opened"),
            models.Index(
                fields=("touched_at",), condition=Q(touched_at__isnull=False), name="ticket_touched"
            ),
            models.Index(
                fields=("resolved_at",), condition=Q(resolved_at__isnull=False), name="ticket_resolved"
            ),
            models.Index(
                fields=("withdrawn_at",), condition=Q(withdrawn_at__isnull=False), name="ticket_withdrawn"
            ),
            models.Index(fields=("next_look_at",), condition=Q(status="open"), name="ticket_next_look"),
            models.Index(
                fields=("snoozed_until",),
                condition=Q(status="open", snoozed_until__isnull=False),
                name="ticket_snoozed",
            ),
            models.Index(fields=("changed_in",), name="ticket_changed"),
            # What a ticket of the queue took of people's time, the latest first; and all that a budget of it counts.
            models.Index(
                fields=("queue", "-resolved_at"),
                condition=Q(worked_for__isnull=False, resolved_by__isnull=False),
                name="ticket_queue_worked",
            ),
            GinIndex(
                fields=("people_pots",), condition=Q(people_pots__isnull=False), name="ticket_people_pots"
            ),
        )

    def __str__(self) -> str:
        """Return the number."""
        return f"Ticket {self.pk}"

    @property
    def seen(self) -> Any:
        """Return what is judged, as a JSON value."""
        return json.loads(self.seen_json)

    @property
    def is_for_person(self) -> bool:
        """Tell whether people do the step: there is no agent whose work would be judged."""
        return self.subject == HoldSubject.TASK

    @property
    def is_question(self) -> bool:
        """Tell whether something is asked in words of its own, with a form, and the step goes on with the answer."""
        return self.subject in {HoldSubject.QUESTION, HoldSubject.BUDGET}

    @property
    def holds_step(self) -> bool:
        """Tell whether a step waits for the answer; an audit looks at work that was accepted, and holds nothing."""
        return SUBJECTS[HoldSubject(self.subject)].holds

    @property
    def ways(self) -> dict[ResolutionKind, Way]:
        """Return what can be chosen, by what the ticket is about and by what was proposed."""
        return find_ways(HoldSubject(self.subject), has_proposal=self.has_proposal)

    @property
    def form(self) -> dict[str, Any] | None:
        """Return the JSON Schema of what is to be filled in; None when anything may be put out."""
        asked = self.seen.get("form") if self.is_for_person or self.is_question else None
        return asked if isinstance(asked, dict) else None

    @property
    def resolution_output(self) -> Any:
        """Return what was approved, as a JSON value; None when nothing was."""
        return None if self.resolution_output_json is None else json.loads(self.resolution_output_json)

    @property
    def predicted_breach_at(self) -> datetime | None:
        """Return its due time, if it was foreseen when it came that it would be missed; None: not, or not yet."""
        forecast = getattr(self, "forecast", None)
        return forecast.predicted_breach_at if forecast else None

    @property
    def has_quorum(self) -> bool:
        """Tell whether several people decide it, each on their own, and have not failed to."""
        return self.seats > 1 and not self.needs_lead

    @property
    def is_open(self) -> bool:
        """Tell whether it still waits for a decision."""
        return self.status == TicketStatus.OPEN

    def is_claimed(self, now: datetime) -> bool:
        """Tell whether somebody holds a live claim at `now`, PostgreSQL's time: one who has decided holds on."""
        return (
            self.claimed_by_id is not None
            and self.claim_expires_at is not None
            and (self.claim_expires_at > now or self.decided_at is not None)
        )

    def is_assigned_to_another(self, user_id: int, now: datetime) -> bool:
        """Tell whether at `now` the ticket is first for somebody else."""
        return (
            self.assigned_to_id not in (None, user_id)
            and self.assigned_until is not None
            and self.assigned_until > now
        )

    def is_claimed_by(self, user_id: int, now: datetime) -> bool:
        """Tell whether this person holds a live claim at `now`, PostgreSQL's time."""
        return self.claimed_by_id == user_id and self.is_claimed(now)
