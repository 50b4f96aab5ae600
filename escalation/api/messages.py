"""How messages to people go out: each channel, every message, a test, and sending again what was given up."""

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.wording import both_ends
from escalation.errors import MessageNotFound, MessageNotLost
from escalation.models import Delivery
from escalation.notify import send_again, send_test
from escalation.selectors.channels import STATES, list_channels, may_try_channels, scope_messages
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text
from orchestration.domain.rights import Right
from orchestration.errors import RightMissing

_MANAGERS = "how channels do, and trying one, is for those who manage a review queue"


class ChannelRow(serializers.Serializer[Any]):
    """A channel that the settings name, or that messages wait for."""

    name = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True, help_text="Empty: the settings name it no more.")
    waiting = serializers.IntegerField(read_only=True, help_text="Messages still to be sent.")
    failing = serializers.IntegerField(read_only=True, help_text="Those of them that failed before.")
    lost = serializers.IntegerField(read_only=True, help_text="Given up.")
    late_since = serializers.DateTimeField(read_only=True, allow_null=True)
    last_sent_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_failed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    paused_until = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="It is left alone until then."
    )
    last_error = serializers.CharField(read_only=True)
    is_late = serializers.BooleanField(read_only=True)
    trouble = serializers.CharField(read_only=True, help_text="What is wrong and what to do; empty: nothing.")


class MessageRow(serializers.Serializer[Any]):
    """A message, in the words of `manage.py notices --json`; what it says stands in no list."""

    id = serializers.UUIDField(read_only=True)
    channel = serializers.CharField(read_only=True)
    person = serializers.CharField(
        read_only=True, allow_null=True, help_text="Null: to whom the channel's settings name."
    )
    state = serializers.CharField(read_only=True)
    tries = serializers.IntegerField(read_only=True)
    made_at = serializers.DateTimeField(read_only=True)
    due_at = serializers.DateTimeField(read_only=True)
    sent_at = serializers.DateTimeField(read_only=True, allow_null=True)
    gave_up_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_error = serializers.SerializerMethodField()

    def get_last_error(self, row: Delivery) -> str:
        """Return it on one line, of a very long one its beginning and its end."""
        return both_ends(row.last_error)


class MessageFilter(filters.FilterSet):
    """Messages."""

    channel = filters.CharFilter(max_length=60)
    state = filters.ChoiceFilter(choices=[(name, name) for name in STATES], method="narrow_to_state")

    def narrow_to_state(self, rows: QuerySet[Delivery], _name: str, state: str) -> QuerySet[Delivery]:
        """Return those that stand so."""
        return rows.filter(STATES[state])


class TestBody(Body):
    """Where a test goes."""

    channel = Text(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="Over this channel, to whom its settings name; empty: to you, as you chose to be told.",
    )


class ChannelList(ApiView):
    """Channels."""

    pagination_class = None

    @extend_schema(operation_id="list_channels", responses=ChannelRow(many=True))
    def get(self, _request: Request) -> Response:
        """Show how the channels to people do, those of the settings and those that messages wait for."""
        self.check_parameters()
        if not may_try_channels(self.caller):
            raise RightMissing(_MANAGERS)
        lines = [{**asdict(line), "trouble": line.trouble} for line in list_channels()]
        return Response(ChannelRow(lines, many=True).data)


class MessageList(ApiView):
    """Messages."""

    queryset = Delivery.objects.none()
    filterset_class = MessageFilter
    order: ClassVar[tuple[str, ...]] = ("-made_at", "-pk")

    @extend_schema(operation_id="list_messages", responses=MessageRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the messages to you and about queues that you manage, the newest first, without what they say."""
        return self.show_page(scope_messages(self.caller), MessageRow)


class MessageTest(ApiView):
    """A test."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}

    @extend_schema(operation_id="send_test", request=TestBody, responses={204: None})
    def post(self, _request: Request) -> Response:
        """Send a test: to you, as you chose to be told; or over a channel, for those who manage a queue."""
        channel = self.read_body(TestBody)["channel"]
        if channel and not may_try_channels(self.caller):
            raise RightMissing(_MANAGERS)
        known = [line.name for line in list_channels()] if channel else []
        if channel and channel not in known:
            listed = ", ".join(known) or "none"
            raise serializers.ValidationError({"channel": f"there is no such channel; known are: {listed}"})
        send_test(self.person, channel)
        return Response(status=204)


class MessageAgain(ApiView):
    """Sending again."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}

    @extend_schema(operation_id="send_message_again", request=None, responses=MessageRow)
    def post(self, _request: Request, message_id: UUID) -> Response:
        """Try a message that was given up anew, under its old id. 409: it was not given up."""
        rows = scope_messages(self.caller).filter(pk=message_id)
        message = rows.first()
        if message is None:
            raise MessageNotFound
        if not send_again(message.pk, self.person):
            raise MessageNotLost(message.state)
        return Response(MessageRow(rows.get()).data)
