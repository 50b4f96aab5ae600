"""Questions that people ask about messages: what was published, and what nobody will read."""

from datetime import datetime

from django.db.models import Q, QuerySet, Subquery

from agents.domain.addresses import read_address
from agents.errors import MessageRefused
from orchestration.actors.projects import find_project, is_storable
from orchestration.domain.mail import DeliveryState
from orchestration.errors import MessageInvalid
from orchestration.models import Delivery, Message, Topic


def published(
    *,
    by: str | None = None,
    topic: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    project: str = "default",
) -> QuerySet[Message]:
    """Return what was published, oldest first: a range of one index where topic and sender are named.

    Args: by: the sender: an address, `user:<name>`, `workflow:<name>`.  since: included.  until: not included.
    Raises: ProjectNotFound. MessageInvalid: names the field.
    """
    owner = find_project(project)
    asked = Q(project=owner, topic__isnull=False)
    for name, text in (("by", by), ("topic", topic)):
        if text is not None and not is_storable(text):
            raise MessageInvalid(f"{name}: {text!r:.120} is no name")
    _check_times(since=since, until=until)
    if by is not None:
        asked &= Q(sender=by)
    if topic is not None:
        # Its id, not its name: that is what the index begins with.
        asked &= Q(topic=Subquery(Topic.objects.filter(project=owner, name=topic).values("pk")[:1]))
    if since is not None:
        asked &= Q(sent_at__gte=since)
    if until is not None:
        asked &= Q(sent_at__lt=until)
    return Message.objects.filter(asked).select_related("topic").order_by("sent_at", "id")


def _check_times(**times: object) -> None:
    for name, time in times.items():
        if time is not None and (not isinstance(time, datetime) or time.utcoffset() is None):
            raise MessageInvalid(
                f"{name}: give a time with its zone, such as datetime.now(UTC), not {time!r:.80}"
            )


def dead_letters(*, project: str = "default", address: str | None = None) -> QuerySet[Delivery]:
    """Return what nobody will read, with why, latest first.

    Raises: ProjectNotFound. MessageInvalid: it is no address.
    """
    found = Delivery.objects.filter(actor__project=find_project(project), state=DeliveryState.DEAD)
    if address is not None:
        try:
            read = read_address(address)
        except MessageRefused as error:
            raise MessageInvalid(str(error)) from error
        found = found.filter(actor__name=read.name, actor__key=read.key)
    return found.select_related("message__topic", "actor").order_by("-message")
