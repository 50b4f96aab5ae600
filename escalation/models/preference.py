"""Over which channels queues and people are told."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from escalation.domain.reaching import MOST_DIGEST_MINUTES, Reach, is_time_zone
from escalation.models.queue import ReviewQueue


class QueueChannel(models.Model):
    """A channel that a review queue has chosen for what its team is told."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="channels")
    channel = models.CharField(max_length=60, help_text="As RINGMASTER['CHANNELS'] names it.")
    happenings = ArrayField(
        models.CharField(max_length=10),
        default=list,
        blank=True,
        help_text="What is told over it, such as breached; empty: everything.",
    )
    from_level = models.PositiveSmallIntegerField(
        default=0, help_text="Of escalation levels, only this and higher ones."
    )

    class Meta:
        ordering = ("queue", "channel")
        constraints = (models.UniqueConstraint(fields=("queue", "channel"), name="queue_channel_once"),)

    def __str__(self) -> str:
        """Return the channel."""
        return self.channel

    def carries(self, happening: str, level: int) -> bool:
        """Tell whether it is chosen for this."""
        return (not self.happenings or happening in self.happenings) and (
            level == 0 or level >= self.from_level
        )


class Preference(models.Model):
    """How a person wants to be reached: about one queue, or about all that have no row of their own."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences"
    )
    queue = models.ForeignKey(
        ReviewQueue,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: all review queues that have no line of their own.",
    )
    is_off = models.BooleanField("tell me nothing", default=False)
    channels = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    from_level = models.PositiveSmallIntegerField(
        default=0, help_text="Of escalation levels, only this and higher ones."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="Of the quiet hours, such as Europe/Berlin."
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    digest_minutes = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MOST_DIGEST_MINUTES)]
    )
    urgent_level = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From this escalation level on, at once and at any hour."
    )

    class Meta:
        ordering = ("user", "queue")
        verbose_name = "notification"
        constraints = (
            models.UniqueConstraint(fields=("user", "queue"), nulls_distinct=False, name="preference_once"),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | (Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until"))),
                name="preference_quiet_has_two_ends",
            ),
            models.CheckConstraint(
                condition=Q(digest_minutes__lte=MOST_DIGEST_MINUTES), name="preference_digest_within_a_day"
            ),
        )

    def __str__(self) -> str:
        """Return whose it is."""
        return f"preferences of {self.user_id}"

    def clean(self) -> None:
        """Refuse quiet hours with one end, and a zone that nobody knows.

        Raises: ValidationError: by field.
        """
        faults = {}
        start, end = self.quiet_from, self.quiet_until
        if (start is None) != (end is None) or (start is not None and start == end):
            faults["quiet_until"] = "Quiet hours need a beginning and another end, or neither."
        if not is_time_zone(self.time_zone):
            faults["time_zone"] = (
                f"There is no time zone “{self.time_zone}”; write one such as Europe/Berlin."
            )
        if faults:
            raise ValidationError(faults)

    @property
    def reach(self) -> Reach:
        """Return it as a value."""
        return Reach(
            channels=tuple(self.channels),
            is_off=self.is_off,
            from_level=self.from_level,
            quiet_from=self.quiet_from,
            quiet_until=self.quiet_until,
            time_zone=self.time_zone,
            digest_minutes=self.digest_minutes,
            urgent_level=self.urgent_level,
        )
