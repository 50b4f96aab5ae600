"""From notices to messages: over which channel each goes, and when. Done once for each notice, in one transaction."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Q

from escalation.conf import get_conf
from escalation.domain.notices import Happening, identify_notice, name_recipient
from escalation.domain.reaching import Reach
from escalation.models import (
    ClockTimestamp,
    Delivery,
    Notice,
    Preference,
    QueueChannel,
    ReviewerProfile,
    read_clock,
)
from escalation.selectors.people import list_deciders
from orchestration.outages import is_away, is_of_statement

log = structlog.get_logger(__name__)
_LIMIT: Final = 200
_SHORTEST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(minutes=10)
_PERSONAL: Final = frozenset({Happening.ASSIGNED, Happening.MENTIONED, Happening.TEST})
"""What nobody can be told instead of somebody else."""


def plan_notices() -> int:
    """Work out how what was announced is sent; return for how many notices. Two at once share the work."""
    planned = 0
    with transaction.atomic():
        is_due = Q(retry_at=None) | Q(retry_at__lte=ClockTimestamp())
        waiting = Notice.objects.filter(is_due, planned_at=None)
        # Those that failed come behind all that are new: however many they are, they keep no other waiting.
        waiting = waiting.order_by(F("retry_at").asc(nulls_first=True), "made_at", "pk")
        for notice in waiting.select_for_update(skip_locked=True)[:_LIMIT]:
            planned += _plan_safely(notice)
    return planned


def _plan_safely(notice: Notice) -> int:
    """Plan one; where that fails, the log says so, it is tried again later, and the others are planned."""
    try:
        with transaction.atomic():
            _plan(notice, read_clock())
            Notice.objects.filter(pk=notice.pk).update(planned_at=ClockTimestamp())
    except Exception as error:
        if is_away(error) and not is_of_statement(error):
            raise
        retry_at = _put_behind(notice)
        log.exception(
            "notice_not_planned",
            notice=str(notice.pk),
            person=notice.person_id,
            queue=notice.queue_id,
            retry_at=retry_at.isoformat(),
            next="mend what the error names, such as this person's notifications or this queue's channels; "
            "it is tried again by itself",
        )
        return 0
    return 1


def _put_behind(notice: Notice) -> datetime:
    """Let one that failed wait once more as long as it has waited so far, within bounds; return until when."""
    now = read_clock()
    retry_at = now + min(max(now - notice.made_at, _SHORTEST_WAIT), _LONGEST_WAIT)
    Notice.objects.filter(pk=notice.pk).update(retry_at=retry_at)
    return retry_at


def _plan(notice: Notice, now: datetime) -> None:
    if notice.person_id is not None:
        _plan_for_person(notice, notice.person_id, now)
        return
    for channel in _find_channels(notice):
        _send(notice, channel, None, now)


def _find_channels(notice: Notice) -> list[str]:
    """Return the channel that was named, or those that the queue has chosen for this; without any, mail."""
    if notice.channel:
        return [notice.channel]
    chosen = list(QueueChannel.objects.filter(queue=notice.queue_id))
    if not chosen:
        return get_conf().team_channels
    return [row.channel for row in chosen if row.carries(notice.happening, notice.level)]


def _plan_for_person(notice: Notice, person: int, now: datetime) -> None:
    person = _find_stand_in(notice, person, now)
    if not get_user_model().objects.filter(pk=person, is_active=True).exists():
        return
    if person != notice.person_id and _is_told_already(notice, person):
        return
    reach = find_reach(person, notice.queue_id)
    if not reach.wants(notice.level):
        return
    is_test = notice.happening == Happening.TEST
    due, gathers = (now, False) if is_test else reach.find_due(notice.level, now)
    for channel in reach.channels:
        if gathers:
            _gather(notice, channel, person, due)
        else:
            _send(notice, channel, person, due)


def _find_stand_in(notice: Notice, person: int, now: datetime) -> int:
    """Return who is told: instead of somebody absent their substitute, if present and able to decide it."""
    if notice.happening in _PERSONAL or notice.queue is None:
        return person
    profile = ReviewerProfile.objects.filter(user=person).first()
    if profile is None or profile.substitute_id is None or not profile.is_absent(now):
        return person
    theirs = ReviewerProfile.objects.filter(user=profile.substitute_id).first()
    is_there = theirs is None or not theirs.is_absent(now)
    decides = list_deciders(notice.queue).filter(pk=profile.substitute_id).exists()
    return profile.substitute_id if is_there and decides else person


def _is_told_already(notice: Notice, substitute: int) -> bool:
    """Tell whether a substitute hears of it anyway: for themselves, or for another who is absent."""
    own = Notice.objects.filter(pk=identify_notice(notice.key, name_recipient(substitute, "")))
    same = Notice.objects.filter(ticket=notice.ticket_id, key=notice.key)
    return own.exists() or same.filter(deliveries__person=substitute).exists()


def find_reach(person: int, queue: int | None) -> Reach:
    """Return how a person wants to be reached about a queue; who has not said it gets mail, if there is a channel."""
    rows = {
        row.queue_id: row
        for row in Preference.objects.filter(user=person, queue__in=[queue] if queue else [])
    }
    row = rows.get(queue) or Preference.objects.filter(user=person, queue=None).first()
    if row is not None and (row.channels or row.is_off):
        return row.reach
    usual = tuple(get_conf().usual_channels)
    return Reach(channels=usual) if row is None else replace(row.reach, channels=usual)


def _send(notice: Notice, channel: str, person: int | None, due: datetime) -> None:
    """Write a message of one notice; its id is the notice's and the channel's, so that it is the same for ever."""
    delivery = Delivery.objects.create(
        pk=uuid.uuid5(notice.pk, channel), channel=channel, person_id=person, due_at=due
    )
    delivery.notices.add(notice)


def _gather(notice: Notice, channel: str, person: int, due: datetime) -> None:
    """Add to the message that still gathers for this person, or begin one. Who sends it waits for this, or ends it."""
    gathering = (
        Delivery.objects.select_for_update().filter(channel=channel, person=person, is_gathering=True).first()
    )
    if gathering is None:
        gathering = Delivery.objects.create(channel=channel, person_id=person, due_at=due, is_gathering=True)
    elif due < gathering.due_at:
        Delivery.objects.filter(pk=gathering.pk).update(due_at=due)
    gathering.notices.add(notice)
