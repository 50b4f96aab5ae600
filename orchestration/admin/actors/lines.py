"""Messages and deliveries as tables show them: whose they are, where they went, how they begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.domain.redaction import redact_json
from orchestration.admin.actors.words import DELIVERY_TONES, DELIVERY_WORDS, KIND_WORDS
from orchestration.admin.addresses import actor_url, message_url, run_url, topic_url
from orchestration.admin.chips import chip, show_excerpt
from orchestration.admin.visible import mark_unseen
from orchestration.models import Delivery, Message
from orchestration.selectors.mailboxes import withhold_bodies

# An excerpt is of the beginning: what stands behind it is not worth looking through for secrets.
_MOST_LOOKED_AT = 4_000


@dataclass(frozen=True, slots=True)
class MailLine:
    """A message in a table. `state`: of its delivery, where the table is of one mailbox."""

    row: Message
    url: str
    kind: SafeString
    sender: SafeString
    receiver: SafeString
    said: SafeString
    state: SafeString
    reason: SafeString
    run_url: str
    delivery: Delivery | None


def view_messages(messages: Sequence[Message], user_id: int | None) -> list[MailLine]:
    """Return messages as tables show them. Their topics must be loaded."""
    hidden = withhold_bodies(messages, user_id)
    return [_view(message, None, hidden) for message in messages]


def view_deliveries(deliveries: Sequence[Delivery], user_id: int | None) -> list[MailLine]:
    """Return what came to mailboxes as tables show it. Messages and their topics must be loaded."""
    hidden = withhold_bodies([each.message for each in deliveries], user_id)
    return [_view(each.message, each, hidden) for each in deliveries]


def _view(message: Message, delivery: Delivery | None, hidden: Mapping[int, str]) -> MailLine:
    why = hidden.get(message.pk)
    said = f"Not shown: {why}." if why else excerpt_of(message.body_json)
    return MailLine(
        row=message,
        url=message_url(message.pk),
        kind=kind_chip(message),
        sender=link_sender(message),
        receiver=link_receiver(message),
        said=show_excerpt(said),
        state=delivery_chip(delivery) if delivery else SafeString(""),
        reason=show_excerpt(delivery.reason if delivery else message.refusal),
        run_url=run_url(delivery.run_id) if delivery and delivery.run_id else "",
        delivery=delivery,
    )


def excerpt_of(body_json: str) -> str:
    """Return how a body begins, without secrets. A body that is cut can't be read as JSON: it is left out then."""
    if len(body_json) > _MOST_LOOKED_AT:
        return f"{len(body_json):,} characters"
    return redact_json(body_json)


def kind_chip(message: Message) -> SafeString:
    """Return what kind of message it is."""
    if message.is_failure:
        return chip("failed", "no answer")
    return chip("planned", KIND_WORDS.get(message.kind, message.kind))


def delivery_chip(delivery: Delivery) -> SafeString:
    """Return what became of a delivery."""
    return chip(DELIVERY_TONES[delivery.state], DELIVERY_WORDS[delivery.state])


def link_sender(message: Message) -> SafeString:
    """Return who sent it, with a way to the actor."""
    name = mark_unseen(message.sender)
    if message.sender_actor_id is None:
        return name
    return format_html('<a class="rm-key" href="{}">{}</a>', actor_url(message.sender_actor_id), name)


def link_receiver(message: Message) -> SafeString:
    """Return where it went, with a way to the topic; an answer goes to whoever asked. The topic must be loaded."""
    if message.topic is not None:
        return format_html('<a href="{}">{}</a>', topic_url(message.topic.pk), message.topic.name)
    if message.to_name:
        return mark_unseen(f"{message.to_name}/{message.to_key}")
    return format_html(
        'who asked in <a href="{}">{}</a>', message_url(message.answers_id or 0), message.answers_id
    )
