"""Claims messages to send, and writes what became of them. Each write is fenced by the claim."""

import random
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet

from escalation.domain.reaching import MOST_TRIES, pause_after, wait_after
from escalation.models import ChannelState, ClockTimestamp, Delivery, read_clock
from escalation.models.delivery import WAITS
from orchestration.database.statements import fetch_one

LEASE_SECONDS: Final = 60
"""More than a sending takes; who has not said by then what became of it is held for dead."""

_CLAIM: Final = """
UPDATE escalation_delivery SET claim = gen_random_uuid(), tries = tries + 1, is_gathering = false,
    claimed_until = clock_timestamp() + make_interval(secs => %(lease)s::float8)
WHERE id = (
    SELECT id FROM escalation_delivery
    WHERE channel = %(channel)s::text AND sent_at IS NULL AND gave_up_at IS NULL AND due_at <= clock_timestamp()
        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, claim, tries
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send."""

    id: uuid.UUID
    claim: uuid.UUID
    tries: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not sent.

    Attributes: is_final: trying again can't help.  blames_channel: others over the same channel would fail alike.
        wait: what the other side asked for.
    """

    why: str
    is_final: bool = False
    blames_channel: bool = True
    wait: timedelta = timedelta(0)


def claim_next(channel: str) -> Claimed | None:
    """Claim the message over a channel that is due first; None: nothing is due."""
    row = fetch_one(_CLAIM, {"channel": channel, "lease": LEASE_SECONDS})
    return Claimed(row.id, row.claim, row.tries) if row else None


def mark_sent(claimed: Claimed, channel: str) -> bool:
    """Say that a message was sent; False: the claim had run out, and somebody else has it."""
    with transaction.atomic():
        written = _ours(claimed).update(
            sent_at=ClockTimestamp(), claim=None, claimed_until=None, last_error=""
        )
        state = _lock_state(channel)
        was_paused = pause_after(state.failures) is not None
        ChannelState.objects.filter(pk=channel).update(
            failures=0, paused_until=None, last_sent_at=ClockTimestamp()
        )
        if was_paused:
            _hurry(channel)
    return bool(written)


def mark_failed(claimed: Claimed, channel: str, failure: Failure) -> bool:
    """Say why a message was not sent: it is tried again later, unless that can't help or was tried often enough."""
    gives_up = failure.is_final or claimed.tries >= MOST_TRIES
    wait = max(failure.wait, wait_after(claimed.tries)) * random.uniform(0.9, 1.1)  # noqa: S311 - spreads tries
    with transaction.atomic():
        now = read_clock()
        written = _ours(claimed).update(
            due_at=now + wait,
            claim=None,
            claimed_until=None,
            last_error=failure.why,
            gave_up_at=now if gives_up else None,
        )
        state = _lock_state(channel)
        failures = state.failures + 1 if failure.blames_channel else state.failures
        pause = pause_after(failures) if failure.blames_channel else None
        ChannelState.objects.filter(pk=channel).update(
            failures=failures,
            paused_until=now + pause if pause else F("paused_until"),
            last_failed_at=now,
            last_error=failure.why,
        )
    return bool(written)


def is_paused(channel: str) -> bool:
    """Tell whether a channel is left alone for now."""
    return ChannelState.objects.filter(pk=channel, paused_until__gt=ClockTimestamp()).exists()


def _ours(claimed: Claimed) -> QuerySet[Delivery]:
    return Delivery.objects.filter(WAITS, pk=claimed.id, claim=claimed.claim)


def _lock_state(channel: str) -> ChannelState:
    ChannelState.objects.bulk_create([ChannelState(name=channel)], ignore_conflicts=True)
    return ChannelState.objects.select_for_update().get(pk=channel)


def _hurry(channel: str) -> None:
    """Let all that waits for a further try go at once: the channel works again."""
    behind = Delivery.objects.filter(WAITS, channel=channel, tries__gt=0, claim=None)
    behind.exclude(last_error="").filter(due_at__gt=ClockTimestamp()).update(due_at=ClockTimestamp())
