"""Reading the audit: which lines somebody may read, narrowed, and how one is told."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet

from escalation.audit.lines import record
from escalation.domain.acts import Act
from escalation.domain.desk_rights import DeskRight
from escalation.models import AuditLine
from escalation.selectors import find_queues
from orchestration.selectors.scope import Caller

_TOGETHER: Final = 500


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What lines are asked for; what is None narrows nothing.

    Attributes: project, queue: slugs.  person: user name as it was then.  since, until: until itself is left out.
    """

    project: str | None = None
    queue: str | None = None
    person: str | None = None
    ticket: int | None = None
    act: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, lines: QuerySet[AuditLine]) -> QuerySet[AuditLine]:
        """Return the lines that are asked for."""
        lookups = {
            "queue__project__slug": self.project,
            "queue__slug": self.queue,
            "actor_name": self.person,
            "ticket": self.ticket,
            "act": self.act,
            "at__gte": self.since,
            "at__lt": self.until,
        }
        return lines.filter(**{name: value for name, value in lookups.items() if value is not None})


def list_audit() -> QuerySet[AuditLine]:
    """Return all lines, the newest first."""
    return AuditLine.objects.select_related("queue__project").order_by("-pk")


def scope_audit(caller: Caller) -> QuerySet[AuditLine]:
    """Return the lines that a caller may read: of the queues whose audit is open to them.

    What belongs to no queue, such as a calendar of the whole installation, only superusers read.
    """
    readable = Q(queue__in=find_queues(caller, DeskRight.READ_AUDIT).order_by().values("pk"))
    if caller.sees_all:
        readable |= Q(queue__isnull=True)
    return list_audit().filter(readable)


def tell_line(line: AuditLine) -> dict[str, Any]:
    """Return one line as a JSON object, exactly."""
    return {
        "id": line.pk,
        "at": line.at.isoformat(),
        "act": line.act,
        "person": line.actor_name,
        "person_id": line.actor_id,
        "door": line.door,
        "address": line.address,
        "project": line.queue.project.slug if line.queue else None,
        "queue": line.queue.slug if line.queue else None,
        "ticket": line.ticket_id,
        "digest": line.digest,
        "data": json.loads(line.data_json),
    }


def export_lines(
    lines: QuerySet[AuditLine], asked: AuditFilter, user: AbstractBaseUser, form: str
) -> Iterator[AuditLine]:
    """Tell the audit that somebody takes a copy of it, then return the lines up to then, the oldest first.

    They are read a few hundred at a time, however many there are. What can't be told is not exported: this fails
    before the first line.

    Args: lines: those that the person may read.  form: in which the copy is written.
    """
    asked_for = {name: value for name, value in asdict(asked).items() if value is not None}
    record(Act.EXPORTED, user, form=form, asked_for=asked_for)
    last = AuditLine.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return _read(asked.narrow(lines).filter(pk__lt=last).order_by("pk"))


def _read(lines: QuerySet[AuditLine]) -> Iterator[AuditLine]:
    after = 0
    while True:
        page = list(lines.filter(pk__gt=after)[:_TOGETHER])
        yield from page
        if len(page) < _TOGETHER:
            return
        after = page[-1].pk
