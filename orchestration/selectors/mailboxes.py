"""Messages and deliveries for whoever looks: scoped, narrowed along an index, without what is not theirs."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Prefetch, QuerySet

from agents.domain.redaction import redact_json
from orchestration.domain.mail import DeliveryState
from orchestration.domain.rights import Right
from orchestration.errors import DeliveryNotFound, MailNotFound
from orchestration.models import Actor, Delivery, Message, Topic
from orchestration.selectors.scope import Caller, find_projects, require, scope_rows
from orchestration.selectors.withheld import find_hidden_senders, withhold


class Body(NamedTuple):
    """What a message says, without secrets. Attributes: value: None, too, when hidden.  hidden: why; "" when not."""

    value: Any
    hidden: str


def list_mail(caller: Caller) -> QuerySet[Message]:
    """Return the messages that somebody may see, without what they say."""
    return _list_whole_mail(caller).defer("body_json", "chain")


def _list_whole_mail(caller: Caller) -> QuerySet[Message]:
    return scope_rows(caller, Message.objects.select_related("project", "topic"))


def narrow_mail(
    caller: Caller,
    mail: QuerySet[Message],
    *,
    sender: str = "",
    topic: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Message]:
    """Return those of messages that a sender sent, that a topic of this name heard, between two times.

    Of names the ids are asked for first, since these are what the indexes begin with. `until` is not included.
    """
    if sender:
        # With the projects said also of whoever sees all: the index begins with them.
        projects = find_projects(caller).order_by().values("pk")
        mail = mail.filter(project__in=projects, sender=sender.replace("\x00", " "))
    if topic:
        named = scope_rows(caller, Topic.objects.filter(name=topic.replace("\x00", " ")))
        mail = mail.filter(topic__in=list(named.values_list("pk", flat=True)))
    if since:
        mail = mail.filter(sent_at__gte=since)
    return mail.filter(sent_at__lt=until) if until else mail


def order_mail(asked: Collection[str]) -> tuple[str, ...]:
    """Return the order that an index has for what is asked, the newest first: by number where nothing narrows it."""
    by_time = {"sender", "topic", "since", "until"} & set(asked)
    return ("-sent_at", "-pk") if by_time else ("-pk",)


def find_mail(caller: Caller, mail_id: int, right: Right = Right.VIEW) -> Message:
    """Return a message that the caller may see and do this with.

    Raises: MailNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    found = _list_whole_mail(caller).filter(pk=mail_id).first()
    if found is None:
        raise MailNotFound(f"no message {mail_id}; the list of mail shows those you may see")
    require(caller, found.project, right)
    return found


def list_pages_of_mail(caller: Caller) -> QuerySet[Message]:
    """Return the messages with what the page of one shows: whence it came, its deliveries and its answer."""
    deliveries = Delivery.objects.select_related("actor").order_by("pk")
    rows = _list_whole_mail(caller).select_related("topic", "step", "project", "answers__topic")
    return rows.prefetch_related(
        Prefetch("deliveries", deliveries), Prefetch("replies", Message.objects.order_by("pk"))
    )


def list_deliveries(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return deliveries with what a list shows of their messages, without what those say."""
    found = rows.select_related("message__topic", "actor__project")
    return found.defer("message__body_json", "message__chain")


def list_dead_letters(caller: Caller) -> QuerySet[Delivery]:
    """Return what nobody will read of what somebody may see."""
    return list_deliveries(
        scope_rows(caller, Delivery.objects.filter(state=DeliveryState.DEAD), "actor__project")
    )


def find_delivery(caller: Caller, delivery_id: int, right: Right) -> Delivery:
    """Return a delivery that the caller may see and do this with.

    Raises: DeliveryNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    rows = scope_rows(caller, list_deliveries(Delivery.objects.all()), "actor__project")
    found = rows.filter(pk=delivery_id).first()
    if found is None:
        raise DeliveryNotFound(f"no delivery {delivery_id}; the list of dead letters shows those you may see")
    require(caller, found.actor.project, right)
    return found


def list_mailbox(actor_id: int, state: DeliveryState) -> QuerySet[Delivery]:
    """Return what is so in an actor's mailbox: what waits in the order of reading, else the latest first."""
    rows = Delivery.objects.filter(actor=actor_id, state=state).select_related("message__topic")
    return rows.order_by("message" if state == DeliveryState.QUEUED else "-message")


def list_received(actor_id: int) -> QuerySet[Delivery]:
    """Return all that came to an actor, the latest first."""
    return Delivery.objects.filter(actor=actor_id).select_related("message__topic").order_by("-message")


def list_sent(actor: Actor) -> QuerySet[Message]:
    """Return what an actor sent, the latest first."""
    sent = Message.objects.filter(project=actor.project_id, sender=actor.address)
    return sent.select_related("topic").order_by("-sent_at", "-id")


def list_published(topic_id: int) -> QuerySet[Message]:
    """Return what was published to a topic, the latest first."""
    return Message.objects.filter(topic=topic_id).select_related("topic").order_by("-sent_at", "-id")


def list_mail_of_run(run_id: UUID) -> tuple[QuerySet[Delivery], QuerySet[Message]]:
    """Return what a turn was given, and what the steps of a run have sent, in their orders."""
    given = Delivery.objects.filter(run=run_id).select_related("message__topic", "actor").order_by("message")
    sent = Message.objects.filter(run=run_id).select_related("topic", "step").order_by("pk")
    return given, sent


def list_mail_of_step(step_id: int, run_id: UUID) -> QuerySet[Message]:
    """Return what a step has sent, in its order."""
    # Of a run's messages an index knows, of a step's none.
    return Message.objects.filter(run=run_id, step=step_id).select_related("topic").order_by("pk")


def count_deliveries(message_id: int) -> dict[str, int]:
    """Return how many deliveries of a message are in each state; only those states that occur."""
    rows = Delivery.objects.filter(message=message_id).order_by().values("state")
    return {row["state"]: row["count"] for row in rows.annotate(count=Count("pk"))}


def withhold_bodies(messages: Sequence[Message], user_id: int | None) -> dict[int, str]:
    """Return why the bodies of messages are not shown to somebody, by the message's id; the rest may be, and is told.

    What a step said is hidden as its output is, and an answer without a step as its turn's result.
    """
    said: dict[int, list[str | None]] = {}
    for message in messages:
        if message.step_id is not None:
            said.setdefault(message.step_id, []).append(message.body_json)
    of_steps = withhold(said, user_id)
    of_turns = find_hidden_senders(
        [each for each in messages if each.step_id is None and each.run_id is not None], user_id
    )
    return of_turns | {each.pk: of_steps[each.step_id] for each in messages if each.step_id in of_steps}


def withhold_answers(call_ids: Collection[int], user_id: int | None) -> dict[int, str]:
    """Return why what these calls were answered is not shown to somebody, by the call's id: it is another's answer."""
    if not call_ids:
        return {}
    answers = list(Message.objects.filter(answers__asked_by__in=call_ids).select_related("answers"))
    hidden = withhold_bodies(answers, user_id)
    return {
        each.answers.asked_by_id: hidden[each.pk]
        for each in answers
        if each.pk in hidden and each.answers is not None and each.answers.asked_by_id is not None
    }


def show_body(message: Message, user_id: int | None) -> Body:
    """Return what a message says, without secrets; or why somebody may not see it."""
    hidden = withhold_bodies([message], user_id).get(message.pk, "")
    return Body(None, hidden) if hidden else Body(read_body(message), "")


def read_body(message: Message) -> Any:
    """Return what a message says, without secrets, for whoever may see all."""
    return json.loads(redact_json(message.body_json))
