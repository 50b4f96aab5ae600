"""Figures of past hours: what the board adds up instead of a million tickets."""

from django.db import models
from django.db.models import F, Q

from escalation.models.queue import ReviewQueue
from orchestration.models import Project


class FoldedHour(models.Model):
    """An hour whose tickets were counted, and when: what happened or was found since asks for another count."""

    hour = models.DateTimeField(primary_key=True, help_text="Its beginning, UTC.")
    folded_at = models.DateTimeField()

    class Meta:
        ordering = ("-hour",)
        constraints = (
            models.CheckConstraint(condition=Q(folded_at__gt=F("hour")), name="folded_hour_has_begun"),
        )

    def __str__(self) -> str:
        """Return the hour."""
        return f"{self.hour:%Y-%m-%d %H:00}"


class Figure(models.Model):
    """One count. Written by `escalation.figures` alone, all rows of an hour or a day at once; counted anew at will."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="+", db_index=False)
    agent = models.CharField(
        max_length=200, help_text="Empty where nobody asks for it; see `domain/measures.py`."
    )
    rule = models.CharField(max_length=60, help_text="Empty where nobody asks for it.")
    measure = models.CharField(max_length=30)
    bucket = models.SmallIntegerField(help_text="Of a length of time; 0 where there is none.")
    count = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """Return what was counted."""
        return f"{self.count} {self.measure}"


class HourFigure(Figure):
    """A count of one hour."""

    hour = models.DateTimeField(help_text="Its beginning, UTC.")

    class Meta:
        ordering = ("hour", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("hour", "queue", "agent", "rule", "measure", "bucket"), name="hour_figure_once"
            ),
        )


class DayFigure(Figure):
    """A count of one day: the sum of its hours, since a board of three months would read a hundred times as many."""

    day = models.DateTimeField(help_text="Its beginning, UTC.")

    class Meta:
        ordering = ("day", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("day", "queue", "agent", "rule", "measure", "bucket"), name="day_figure_once"
            ),
        )


class AgentHour(models.Model):
    """How often an agent began to work in an hour: what its tickets are a share of."""

    hour = models.DateTimeField()
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    agent = models.CharField(max_length=200)
    attempts = models.PositiveIntegerField()

    class Meta:
        ordering = ("hour", "project", "agent")
        constraints = (models.UniqueConstraint(fields=("hour", "project", "agent"), name="agent_hour_once"),)

    def __str__(self) -> str:
        """Return how often."""
        return f"{self.agent}: {self.attempts}"
