"""Who executes: one row per process that can hold claims. And who maintains: one row in all."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class WorkerProcess(models.Model):
    """A worker process (the thread worker, or one prefork child): its heartbeat and what it serves.

    It is alive as long as its session holds the advisory lock (LOCK_CLASS, id) and its beats come; see
    `orchestration/worker/`.
    """

    name = models.CharField(max_length=200, help_text="Celery node name; prefork children add their index.")
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    queues = ArrayField(models.CharField(max_length=100))
    agents = ArrayField(models.CharField(max_length=200), help_text="Agents this process can perform.")
    offers_json = models.TextField(
        db_default="",
        default="",
        help_text="What it tells of each agent: tools, effects, why it could not be built.",
    )
    concurrency = models.PositiveIntegerField()
    busy = models.PositiveIntegerField(default=0, help_text="Steps in flight at the last beat.")
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
    # What the maintainer compares to tell a lost message from a queued one.
    last_claim_at = models.DateTimeField(null=True, help_text="Last claim made from a message.")
    newest_dispatch_at = models.DateTimeField(
        null=True, help_text="Newest dispatch time among the steps claimed from messages."
    )
    hung = models.PositiveIntegerField(
        db_default=0, default=0, help_text="Threads lost to steps that are long past their deadline."
    )
    blocked_at = models.DateTimeField(
        null=True,
        help_text="Since when a step holds, or latest held, its interpreter: nothing else could run.",
    )
    blocked_until = models.DateTimeField(null=True, help_text="When that was over; empty while it lasts.")
    blocked_by = models.BigIntegerField(null=True, help_text="That step; empty when it can't be told.")
    stopped_at = models.DateTimeField(null=True, help_text="Left in order, or was found dead.")
    died = models.BooleanField(default=False, help_text="It was found dead; its steps were freed.")

    class Meta:
        verbose_name_plural = "worker processes"
        indexes = (
            models.Index(
                fields=("name",), condition=models.Q(stopped_at__isnull=True), name="process_present_name"
            ),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Lead(models.Model):
    """Which maintainer leads, or led last: one row, written every few seconds by the one that sweeps."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    led_since = models.DateTimeField()
    swept_at = models.DateTimeField(help_text="Its latest sweep, to a few seconds.")
    left_at = models.DateTimeField(null=True, help_text="It stopped in order.")

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="lead_only_one"),)

    def __str__(self) -> str:
        """Return where it runs."""
        return f"{self.host}, {self.pid}"
