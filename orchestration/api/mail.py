"""Messages to actors and topics: sending them, what was sent, where it went, and what nobody will read."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import actors
from orchestration.api.base import ApiView
from orchestration.api.bodies import MailBody
from orchestration.api.filters import DeadLetterFilter, DeliveryFilter, MailFilter
from orchestration.api.mail_rows import DeliveryRow, MailDetail, MailRow
from orchestration.api.problems import AuditSilent
from orchestration.api.runs import read_key
from orchestration.domain.rights import Right
from orchestration.errors import MessageInvalid
from orchestration.models import Delivery, Message
from orchestration.selectors.mailboxes import (
    count_deliveries,
    find_delivery,
    find_mail,
    list_dead_letters,
    list_deliveries,
    list_mail,
    order_mail,
    show_body,
)
from orchestration.selectors.scope import find_project
from orchestration.selectors.withheld import UNTOLD

_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 200 printable ASCII characters: the same key and message of a sender are one message.",
)


class MailList(ApiView):
    """All messages; sending one."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}
    queryset = Message.objects.none()
    filterset_class = MailFilter

    @extend_schema(operation_id="list_mail", responses=MailRow(many=True))
    def get(self, _request: Request) -> Response:
        """List messages, the newest first, without what they say: by sender, topic and time from one index."""
        return self.show_page(list_mail(self.caller), MailRow)

    def find_order(self) -> tuple[str, ...]:
        """Return the order that an index has for what is asked."""
        return order_mail(self.request.query_params)

    @extend_schema(operation_id="send_mail", parameters=[_KEY], request=MailBody, responses={201: MailDetail})
    def post(self, request: Request) -> Response:
        """Send a message to an actor, or publish it to a topic. Once this is answered, the message is durable."""
        body, key = self.read_body(MailBody), read_key(request)
        project = find_project(self.caller, body["project"], Right.RUN)
        if (body["to"] is None) == (body["topic"] is None):
            raise MessageInvalid("to: give either an actor's address, or `topic` instead")
        way = actors.send if body["topic"] is None else actors.publish
        sent = way(
            body["to"] if body["topic"] is None else body["topic"],
            body["body"],
            sender=self.person,
            idempotency_key=key,
            project=project.slug,
            through="api",
        )
        return Response(_show(self, find_mail(self.caller, sent.pk, Right.RUN)), status=201)


class MailView(ApiView):
    """One message."""

    @extend_schema(operation_id="get_mail", responses=MailDetail)
    def get(self, _request: Request, mail_id: int) -> Response:
        """Show a message with what it says, without secrets, and in how many mailboxes it is."""
        return Response(_show(self, find_mail(self.caller, mail_id)))


def _show(view: ApiView, message: Message) -> Any:
    body = show_body(message, view.caller.user_id)
    if body.hidden == UNTOLD:
        raise AuditSilent(UNTOLD)
    context = {"body": body, "deliveries": count_deliveries(message.pk)}
    return MailDetail(message, context=context).data


class MailDeliveries(ApiView):
    """Where a message went."""

    queryset = Delivery.objects.none()
    filterset_class = DeliveryFilter

    @extend_schema(operation_id="list_mail_deliveries", responses=DeliveryRow(many=True))
    def get(self, _request: Request, mail_id: int) -> Response:
        """List the mailboxes that a message was put into, and what became of it there."""
        message = find_mail(self.caller, mail_id)
        return self.show_page(list_deliveries(Delivery.objects.filter(message=message.pk)), DeliveryRow)


class DeadLetterList(ApiView):
    """Dead letters."""

    queryset = Delivery.objects.none()
    filterset_class = DeadLetterFilter
    order: ClassVar[tuple[str, ...]] = ("-message_id", "-pk")

    @extend_schema(operation_id="list_dead_letters", responses=DeliveryRow(many=True))
    def get(self, _request: Request) -> Response:
        """List what nobody will read, with why, the newest first."""
        return self.show_page(list_dead_letters(self.caller), DeliveryRow)


class DeliveryAgain(ApiView):
    """Sending again."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="send_again", request=None, responses=DeliveryRow)
    def post(self, _request: Request, delivery_id: int) -> Response:
        """Put a dead letter into its mailbox once more; it is read before those that were sent after it."""
        actors.send_again(find_delivery(self.caller, delivery_id, Right.RUN).pk)
        return Response(DeliveryRow(find_delivery(self.caller, delivery_id, Right.RUN)).data)
