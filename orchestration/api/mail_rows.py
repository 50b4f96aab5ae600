"""How actors, topics and what goes between them are shown. Lists leave out what messages say."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.domain.outbox import MessageKind
from agents.domain.redaction import redact
from orchestration.api.fields import JsonText, word
from orchestration.api.rows import Row
from orchestration.domain.mail import DeliveryState, Life


class RelativeRow(Row):
    """An actor that made another, or that it made."""

    id = serializers.IntegerField(read_only=True)
    address = serializers.CharField(read_only=True)
    depth = serializers.IntegerField(
        read_only=True, help_text="0: the actor itself; -1: its maker, -2: that one's; 1: whom it made."
    )
    is_stopped = serializers.BooleanField(read_only=True)


class ActorRow(Row):
    """An actor."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    address = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    key = serializers.CharField(read_only=True)
    state = word(
        Life,
        source="life",
        help_text="`held`: only people can move its turn; `waiting`: its turn waits for a time, a signal, an answer or "
        "a slot, or is paused.",
    )
    turn = serializers.UUIDField(
        source="turn_id", read_only=True, allow_null=True, help_text="The run that is its live turn."
    )
    turns = serializers.IntegerField(read_only=True, help_text="How many it has begun.")
    queued = serializers.IntegerField(read_only=True, help_text="Messages that wait in its mailbox.")
    dead = serializers.IntegerField(read_only=True, help_text="Messages that nobody will read.")
    made_at = serializers.DateTimeField(read_only=True)
    made_by = serializers.CharField(read_only=True, help_text="Who sent its first message.")
    stopped_at = serializers.DateTimeField(read_only=True, allow_null=True)
    stopped_by = serializers.CharField(read_only=True)
    stop_reason = serializers.CharField(read_only=True)


class ActorDetail(ActorRow):
    """An actor with who made whom."""

    family = serializers.SerializerMethodField()

    @extend_schema_field(RelativeRow(many=True))
    def get_family(self, _actor: Any) -> list[dict[str, Any]]:
        """Who made it, the first of all first; itself; whom it made, each before whom that one made, at most 200."""
        return [dict(row) for row in RelativeRow(self.context["family"], many=True).data]


class MailRow(Row):
    """A message, without what it says."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    kind = word(MessageKind)
    sender = serializers.CharField(
        read_only=True,
        help_text="An actor's address, `user:<name>`, `workflow:<name>`, or a way such as `code`.",
    )
    to = serializers.SerializerMethodField()
    topic = serializers.CharField(source="topic.name", read_only=True, default=None, allow_null=True)
    schema_version = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Of the topic's schema that it met."
    )
    run = serializers.UUIDField(source="run_id", read_only=True, allow_null=True, help_text="That sent it.")
    step = serializers.IntegerField(source="step_id", read_only=True, allow_null=True)
    attempt = serializers.IntegerField(read_only=True, allow_null=True)
    asks = serializers.SerializerMethodField()
    answers = serializers.IntegerField(
        source="answers_id",
        read_only=True,
        allow_null=True,
        help_text="Id of the message that it is the answer to.",
    )
    is_failure = serializers.BooleanField(read_only=True, help_text="It says why there is no answer.")
    hops = serializers.IntegerField(read_only=True, help_text="Turns between it and somebody outside.")
    digest = serializers.CharField(read_only=True)
    sent_at = serializers.DateTimeField(read_only=True)
    due_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Before then it goes nowhere."
    )
    routed_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When it was put into mailboxes; null: not yet."
    )
    refusal = serializers.SerializerMethodField()

    def get_to(self, message: Any) -> str | None:
        """An actor's address; null for what was published, and for answers."""
        return f"{message.to_name}/{message.to_key}" if message.to_name else None

    def get_asks(self, message: Any) -> bool:
        """Whether somebody waits for an answer."""
        return message.asked_by_id is not None

    def get_refusal(self, message: Any) -> str:
        """What could not be delivered, and why."""
        return redact(message.refusal)


class MailDetail(MailRow):
    """A message with what it says, without secrets."""

    body = serializers.SerializerMethodField()
    hidden = serializers.SerializerMethodField()
    deliveries = serializers.SerializerMethodField()

    @extend_schema_field({"description": "Any JSON value; null, too, when it is hidden."})
    def get_body(self, _message: Any) -> Any:
        """What it says; null, too, when that is hidden."""
        return self.context["body"].value

    def get_hidden(self, _message: Any) -> str | None:
        """Why the body is not shown; null when it is."""
        return self.context["body"].hidden or None

    def get_deliveries(self, _message: Any) -> dict[str, int]:
        """State -> number of mailboxes in which it is so."""
        counts: dict[str, int] = self.context["deliveries"]
        return counts


class DeliveryRow(Row):
    """A message in a mailbox, and what became of it there."""

    id = serializers.IntegerField(read_only=True)
    actor = serializers.IntegerField(source="actor_id", read_only=True)
    address = serializers.CharField(source="actor.address", read_only=True)
    mail = serializers.IntegerField(source="message_id", read_only=True, help_text="Id of the message.")
    kind = word(MessageKind, source="message.kind")
    sender = serializers.CharField(source="message.sender", read_only=True)
    topic = serializers.CharField(source="message.topic.name", read_only=True, default=None, allow_null=True)
    sent_at = serializers.DateTimeField(source="message.sent_at", read_only=True)
    state = word(
        DeliveryState,
        help_text="`queued`: it waits; `taken`: a turn has it; `done`: that turn succeeded; or `dead`.",
    )
    reason = serializers.SerializerMethodField()
    run = serializers.UUIDField(
        source="run_id", read_only=True, allow_null=True, help_text="The turn that got it."
    )
    turn = serializers.IntegerField(read_only=True, allow_null=True, help_text="Number of that turn.")
    delivered_at = serializers.DateTimeField(read_only=True)
    taken_at = serializers.DateTimeField(read_only=True, allow_null=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resent = serializers.IntegerField(read_only=True, help_text="Times that it was sent again.")

    def get_reason(self, delivery: Any) -> str:
        """Why it is dead."""
        return redact(delivery.reason)


class TopicRow(Row):
    """A topic."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    name = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    made_at = serializers.DateTimeField(read_only=True)


class TopicSchemaRow(Row):
    """One version of what a topic's messages must meet."""

    version = serializers.IntegerField(read_only=True)
    schema = JsonText(source="schema_json")
    digest = serializers.CharField(read_only=True)
    made_at = serializers.DateTimeField(read_only=True)
    made_by = serializers.CharField(read_only=True)
    forced = serializers.BooleanField(read_only=True, help_text="Although it may break subscribers.")


class TopicDetail(TopicRow):
    """A topic with its schemas."""

    schemas = serializers.SerializerMethodField()
    subscriptions = serializers.SerializerMethodField()

    @extend_schema_field(TopicSchemaRow(many=True))
    def get_schemas(self, topic: Any) -> list[dict[str, Any]]:
        """The latest first, which holds; at most 50."""
        return [dict(row) for row in TopicSchemaRow(topic.schemas.all()[:50], many=True).data]

    def get_subscriptions(self, topic: Any) -> int:
        """How many there are; `topics/{id}/subscriptions` lists them."""
        count: int = topic.subscriptions.count()
        return count


class SubscriptionRow(Row):
    """Who hears a topic."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(read_only=True, help_text="Of the behaviour.")
    key = serializers.CharField(read_only=True, help_text="Of one actor; empty: as `key_from` says.")
    key_from = serializers.CharField(read_only=True)
    where = serializers.CharField(read_only=True)
    source = serializers.CharField(  # type: ignore[assignment]
        read_only=True, help_text="The workflow whose spec says so; empty: made by people or code."
    )
    made_at = serializers.DateTimeField(read_only=True)
    made_by = serializers.CharField(read_only=True)
