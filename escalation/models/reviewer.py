"""What a reviewer can take on: how much, which kinds of work, and when not at all."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q


class ReviewerProfile(models.Model):
    """One person at the desk. Who has none is present, has room for any number of tickets, and has no tags."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviewer_profile"
    )
    capacity = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How many tickets they may hold at once. Empty: any number."
    )
    tags = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="What they know their way about in.",
    )
    absent_from = models.DateTimeField(null=True, blank=True)
    absent_until = models.DateTimeField(null=True, blank=True, help_text="Empty: until further notice.")
    substitute = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who is assigned their tickets while they are absent.",
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(capacity__isnull=True) | Q(capacity__gte=1), name="reviewer_has_room"
            ),
            models.CheckConstraint(
                condition=Q(absent_until__isnull=True)
                | Q(absent_from__isnull=False, absent_until__gt=F("absent_from")),
                name="reviewer_comes_back",
            ),
            models.CheckConstraint(
                condition=Q(substitute__isnull=True) | ~Q(substitute=F("user")),
                name="reviewer_is_no_own_substitute",
            ),
        )

    def __str__(self) -> str:
        """Return whose it is."""
        return f"profile of {self.user_id}"

    def clean(self) -> None:
        """Refuse an absence that ends before it begins, and somebody who stands in for themselves.

        Raises: ValidationError: by field.
        """
        faults = {}
        if self.capacity is not None and self.capacity < 1:
            faults["capacity"] = "At least 1; leave it empty for any number."
        if self.absent_until and not (self.absent_from and self.absent_from < self.absent_until):
            faults["absent_until"] = "It must be after the absence begins."
        if self.substitute_id is not None and self.substitute_id == self.user_id:
            faults["substitute"] = "Somebody else must stand in."
        if faults:
            raise ValidationError(faults)

    def is_absent(self, now: datetime) -> bool:
        """Tell whether the person is away at `now`, PostgreSQL's time."""
        if self.absent_from is None or now < self.absent_from:
            return False
        return self.absent_until is None or now < self.absent_until
