"""What a message's page shows: what it says, whence it came, where it went, and what was answered."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.domain.redaction import redact_json
from orchestration.admin.access import caller_of, has_right
from orchestration.admin.actors.lines import (
    delivery_chip,
    kind_chip,
    link_receiver,
    link_sender,
    view_messages,
)
from orchestration.admin.addresses import actor_url, message_url, run_url, step_url
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.domain.mail import DeliveryState
from orchestration.domain.rights import Right
from orchestration.models import Delivery, Message
from orchestration.selectors.mailboxes import withhold_bodies
from orchestration.selectors.withheld import UNTOLD

_MOST_DELIVERIES = 50


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """Where a message went, and what became of it there."""

    row: Delivery
    address: SafeString
    actor_url: str
    state: SafeString
    turn_url: str
    reason: SafeString
    is_dead: bool


def build_message_page(request: HttpRequest, message: Message) -> dict[str, Any]:
    """Return the page's context. The message must be loaded whole."""
    user_id = caller_of(request).user_id
    why = withhold_bodies([message], user_id).get(message.pk, "")
    deliveries = list(message.deliveries.all())
    return {
        "title": f"Message {message.pk}",
        "message": message,
        "kind": kind_chip(message),
        "sender": link_sender(message),
        "receiver": link_receiver(message),
        "sent_from": _link_origin(message),
        "answers_url": message_url(message.answers_id) if message.answers_id else "",
        "hidden": why,
        "is_untold": why == UNTOLD,
        "body": None if why else show_json(redact_json(message.body_json)),
        "body_characters": len(message.body_json),
        "refusal": mark_unseen(message.refusal),
        "chain": [mark_unseen(address) for address in message.chain],
        "deliveries": [_view(each) for each in deliveries[:_MOST_DELIVERIES]],
        "more_deliveries": max(len(deliveries) - _MOST_DELIVERIES, 0),
        "replies": view_messages(list(message.replies.all()), user_id),
        "may_send_again": has_right(request, Right.RUN, message.project_id),
    }


def _link_origin(message: Message) -> tuple[str, str] | None:
    """Return the step, or the run, that sent it."""
    if message.step is not None and message.run_id is not None:
        return f"step {message.step.key} of run {str(message.run_id)[:8]}", step_url(
            message.run_id, message.step.key
        )
    return (f"run {str(message.run_id)[:8]}", run_url(message.run_id)) if message.run_id else None


def _view(delivery: Delivery) -> DeliveryLine:
    return DeliveryLine(
        row=delivery,
        address=mark_unseen(delivery.actor.address),
        actor_url=actor_url(delivery.actor_id),
        state=delivery_chip(delivery),
        turn_url=run_url(delivery.run_id) if delivery.run_id else "",
        reason=mark_unseen(delivery.reason),
        is_dead=delivery.state == DeliveryState.DEAD,
    )
