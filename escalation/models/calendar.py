"""Business calendars, and each form that one of them has had."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.domain.calendar import BusinessCalendar, read_calendar
from escalation.models.clock import ClockTimestamp
from orchestration.models import Project


class Calendar(models.Model):
    """When a team works. What it says is in its versions; `current` is the one that tickets open with."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    current = models.ForeignKey("CalendarVersion", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("project", "name")
        constraints = (models.UniqueConstraint(fields=("project", "name"), name="calendar_name_once"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class CalendarVersion(models.Model):
    """One form of a calendar. A trigger refuses every change: tickets go by it as long as they are told of."""

    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    time_zone = models.CharField(max_length=100)
    hours_json = models.TextField(help_text="Weekday to open hours, as JSON.")
    holidays_json = models.TextField(help_text="Days with hours of their own, as JSON.")
    # The name stays when the account goes.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    made_by_name = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        ordering = ("calendar", "number")
        constraints = (
            models.UniqueConstraint(fields=("calendar", "number"), name="calendar_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="calendar_versions_count_from_one"),
        )

    def __str__(self) -> str:
        """Return the number."""
        return f"version {self.number}"

    @property
    def hours(self) -> dict[str, list[str]]:
        """Return weekday to open hours."""
        return json.loads(self.hours_json)  # type: ignore[no-any-return]

    @property
    def holidays(self) -> list[dict[str, Any]]:
        """Return the days with hours of their own."""
        return json.loads(self.holidays_json)  # type: ignore[no-any-return]

    def read(self) -> BusinessCalendar:
        """Return it as it is counted by.

        Raises: CalendarInvalid: what stands there can't be read, e.g. since a time zone was given up.
        """
        return read_calendar(self.time_zone, self.hours_json, self.holidays_json)
