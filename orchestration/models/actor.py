"""Actors, and the topics that they hear. Messages to them: `message.py`. docs/adr/0045."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.domain.addresses import MOST_KEY, MOST_NAME
from orchestration.models.workflow import Project

MOST_SENDER = 320
"""`name/key`, or who else sends: `user:<name>`, `workflow:<name>`, `code`."""


class Actor(models.Model):
    """An address that mail comes to. Its turns are runs (`run.actor`), of which one is live at most."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="actors", db_index=False)
    name = models.CharField(
        max_length=MOST_NAME, help_text="Of its behaviour: of the workflow with this `actor`."
    )
    key = models.CharField(max_length=MOST_KEY)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.CharField(max_length=MOST_SENDER, help_text="Who sent its first message.")
    made_by_actor = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="made", db_constraint=False
    )
    turns = models.IntegerField(db_default=0, help_text="How many it has begun.")
    stopped_at = models.DateTimeField(null=True, help_text="Since when it takes no messages.")
    stopped_by = models.CharField(max_length=200, db_default="")
    stop_reason = models.TextField(db_default="")

    class Meta:
        ordering = ("name", "key")
        constraints = (models.UniqueConstraint(fields=("project", "name", "key"), name="actor_address_once"),)

    def __str__(self) -> str:
        """Return the address."""
        return self.address

    @property
    def address(self) -> str:
        """Return the address."""
        return f"{self.name}/{self.key}"


class Topic(models.Model):
    """Something to publish to. Its schema has versions; the latest holds."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="topics", db_index=False)
    name = models.CharField(max_length=MOST_NAME)
    description = models.TextField(db_default="")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("project", "name"), name="topic_name_once"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class TopicSchema(models.Model):
    """One version of what a topic's messages must meet. Written once."""

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="schemas", db_index=False)
    version = models.PositiveIntegerField(help_text="Counts up from 1.")
    schema_json = models.TextField(help_text="JSON Schema, canonical.")
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.CharField(max_length=200)
    forced = models.BooleanField(db_default=False, help_text="Although it may break subscribers.")

    class Meta:
        ordering = ("topic", "-version")
        constraints = (models.UniqueConstraint(fields=("topic", "version"), name="topic_schema_once"),)

    def __str__(self) -> str:
        """Return topic and version."""
        return f"{self.topic_id} v{self.version}"


class Subscription(models.Model):
    """Who gets what is published to a topic: one actor, or of a behaviour the one whose key the message says.

    A member has a key of its own; a rule reads the key, and whether the message is for it at all, from the message.
    """

    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="subscriptions", db_index=False)
    name = models.CharField(max_length=MOST_NAME, help_text="Of the behaviour.")
    key = models.CharField(max_length=MOST_KEY, db_default="", help_text="Of a member; empty for a rule.")
    key_from = models.TextField(
        db_default="", help_text="CEL over {body, sender}: the key, or null for nobody."
    )
    where = models.TextField(db_default="", help_text="CEL over {body, sender}; false: not for it.")
    source = models.CharField(
        max_length=100,
        db_default="",
        help_text="The workflow whose spec says so; empty: made by people or code.",
    )
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.CharField(max_length=200, db_default="")

    class Meta:
        ordering = ("topic", "name", "key")
        constraints = (
            models.UniqueConstraint(
                fields=("topic", "name", "key", "key_from", "where"), name="subscription_once"
            ),
            models.CheckConstraint(
                condition=(~Q(key="") & Q(key_from="", where="")) | (Q(key="") & ~Q(key_from="")),
                name="subscription_member_or_rule",
            ),
        )

    def __str__(self) -> str:
        """Return who subscribes."""
        return f"{self.name}/{self.key or '...'}"
