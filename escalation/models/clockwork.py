"""What was done to the clocks of a ticket, and what they have told: rows that stay."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from escalation.domain.clocks import PauseEnd, PauseStart, ReplanCause
from escalation.domain.states import DeadlineKind
from escalation.models.calendar import CalendarVersion
from escalation.models.clock import ClockTimestamp
from escalation.models.queue import ReviewQueue


class Pause(models.Model):
    """A time in which both clocks of a ticket stand still. It ends once; nothing else of it ever changes."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="pauses")
    started_at = models.DateTimeField()
    resume_at = models.DateTimeField(null=True, help_text="When it ends by itself.")
    cause = models.CharField(max_length=10, choices=[(c, c) for c in PauseStart])
    reason = models.TextField()
    # No constraint: the name beside it stays when the account goes.
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    by_name = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True, help_text="When it was to end, however late that was found.")
    end_cause = models.CharField(max_length=10, choices=[(c, c) for c in PauseEnd], default="")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    ended_by_name = models.CharField(max_length=150, default="")

    class Meta:
        ordering = ("started_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("ticket",), condition=Q(ended_at__isnull=True), name="pause_open_once"
            ),
            models.CheckConstraint(condition=Q(cause__in=list(PauseStart)), name="pause_cause_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="pause_has_reason"),
            models.CheckConstraint(
                condition=Q(resume_at__isnull=True) | Q(resume_at__gt=F("started_at")),
                name="pause_resumes_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end_cause="")
                | Q(ended_at__gte=F("started_at"), end_cause__in=list(PauseEnd)),
                name="pause_end_is_whole",
            ),
        )
        indexes = (
            models.Index(fields=("resume_at",), condition=Q(ended_at__isnull=True), name="pause_resumes"),
        )

    def __str__(self) -> str:
        """Return which ticket stands still."""
        return f"pause of ticket {self.ticket_id}"


class Replan(models.Model):
    """A change of due times, numbered by ticket. Without one the guard of tickets lets no due time change."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="replans")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(help_text="From when on the new times count.")
    made_at = models.DateTimeField(db_default=ClockTimestamp())
    cause = models.CharField(max_length=10, choices=[(c, c) for c in ReplanCause])
    pause = models.OneToOneField(Pause, null=True, on_delete=models.CASCADE, related_name="replan")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    by_name = models.CharField(max_length=150)
    note = models.TextField(default="", help_text="Such as a calendar that could not be counted by.")
    first_touch_due_before = models.DateTimeField()
    first_touch_due_after = models.DateTimeField()
    due_before = models.DateTimeField()
    due_after = models.DateTimeField()
    # No constraints: versions stay, and need not be locked.
    calendar_before = models.ForeignKey(
        CalendarVersion, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    calendar_after = models.ForeignKey(
        CalendarVersion, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )

    class Meta:
        ordering = ("ticket", "number")
        constraints = (
            models.UniqueConstraint(fields=("ticket", "number"), name="replan_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="replans_count_from_one"),
            models.CheckConstraint(condition=Q(cause__in=list(ReplanCause)), name="replan_cause_known"),
            models.CheckConstraint(
                condition=Q(cause=ReplanCause.RESUMED, pause__isnull=False)
                | (~Q(cause=ReplanCause.RESUMED) & Q(pause__isnull=True)),
                name="replan_goes_with_its_pause",
            ),
        )

    def __str__(self) -> str:
        """Return which change it was."""
        return f"change {self.number} of ticket {self.ticket_id}"


class ClockWarning(models.Model):
    """A clock of a ticket that has used so much of its time: one row each, with the true time however late found."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="warnings")
    deadline = models.CharField(max_length=12, choices=[(k, k) for k in DeadlineKind])
    percent = models.PositiveSmallIntegerField()
    reached_at = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        ordering = ("reached_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("ticket", "deadline", "percent"), name="warning_once"),
            models.CheckConstraint(
                condition=Q(deadline__in=list(DeadlineKind)), name="warning_deadline_known"
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100), name="warning_percent_in_range"
            ),
            models.CheckConstraint(
                condition=Q(found_at__gte=F("reached_at")), name="warning_found_afterwards"
            ),
        )

    def __str__(self) -> str:
        """Return what was warned of."""
        return f"{self.percent} % of {self.deadline} of ticket {self.ticket_id}"


class SnoozeReason(models.Model):
    """Why tickets of a queue are put off until later, in words that can be counted."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="snooze_reasons")
    code = models.SlugField(max_length=50)
    label = models.CharField(max_length=200)
    stops_clock = models.BooleanField(
        default=False, help_text="Meanwhile the clocks stand still, e.g. as the customer has to answer."
    )

    class Meta:
        ordering = ("queue", "code")
        constraints = (models.UniqueConstraint(fields=("queue", "code"), name="snooze_reason_once"),)

    def __str__(self) -> str:
        """Return the words that people read."""
        return self.label
