"""How the ways out of the desk do: what waits, what fails, what was given up. Reads only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q, QuerySet

from escalation.conf import get_conf
from escalation.domain.desk_rights import DeskRight
from escalation.models import ChannelState, Delivery, Notice, QueueChannel, ReviewQueue, read_clock
from escalation.models.delivery import WAITS
from escalation.selectors.scope import find_queues
from orchestration.ports import Condition
from orchestration.selectors.scope import Caller

_LATE: Final = timedelta(minutes=1)
_PLANNED_WITHIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One channel.

    Attributes:
        kind: "": the settings name none of this name, though messages wait for it or a queue has chosen it.
        waiting: messages still to be sent.  failing: those of them that failed before.  lost: given up.
        late_since: when the oldest was due that is due; None: none is.  paused_until: it is left alone until then.
    """

    name: str
    kind: str
    waiting: int = 0
    failing: int = 0
    lost: int = 0
    late_since: datetime | None = None
    last_sent_at: datetime | None = None
    last_failed_at: datetime | None = None
    paused_until: datetime | None = None
    last_error: str = ""
    is_late: bool = False

    @property
    def trouble(self) -> str:
        """Return what is wrong, and what to do, in a sentence; "" when nothing is."""
        if not self.kind and self.waiting:
            return f"{self.waiting} messages wait for it, but RINGMASTER['CHANNELS'] has no such channel: add it again."
        if self.paused_until is not None:
            return f"It does not take messages ({self.last_error}); {self.waiting} wait. It is tried again by itself."
        if self.failing:
            return f"{self.failing} messages failed and are tried again; the last said: {self.last_error}"
        if self.is_late:
            return f"{self.waiting} messages wait since {self.late_since:%H:%M} UTC: see that a maintainer leads."
        if self.lost:
            return f"{self.lost} messages were given up: look at why, then send them again."
        return ""


def list_channels() -> list[ChannelLine]:
    """Return every channel that the settings name, or that messages wait for, by name."""
    now = read_clock()
    known = get_conf().channels
    due = WAITS & Q(due_at__lte=now)
    counts = {
        row["channel"]: row
        for row in Delivery.objects.filter(WAITS | Q(gave_up_at__isnull=False))
        .order_by()
        .values("channel")
        .annotate(
            waiting=Count("pk", filter=WAITS),
            failing=Count("pk", filter=WAITS & ~Q(last_error="")),
            lost=Count("pk", filter=Q(gave_up_at__isnull=False)),
            late_since=Min("due_at", filter=due),
        )
    }
    states = {state.pk: state for state in ChannelState.objects.all()}
    lines = []
    for name in sorted({*known, *counts}):
        kind = known[name].kind.value if name in known else ""
        lines.append(_line(name, kind, counts.get(name, {}), states.get(name), now))
    return lines


def _line(
    name: str, kind: str, counts: Mapping[str, object], state: ChannelState | None, now: datetime
) -> ChannelLine:
    late_since = counts.get("late_since")
    figures = {key: value for key, value in counts.items() if key != "channel"}
    said = {}
    if state is not None:
        paused_until = state.paused_until if state.paused_until and state.paused_until > now else None
        said = {
            "last_sent_at": state.last_sent_at,
            "last_failed_at": state.last_failed_at,
            "last_error": state.last_error,
            "paused_until": paused_until,
        }
    is_late = isinstance(late_since, datetime) and late_since < now - _LATE
    return ChannelLine(name=name, kind=kind, is_late=is_late, **figures, **said)  # type: ignore[arg-type]


STATES: Final = {
    "waiting": WAITS,
    "failing": WAITS & ~Q(last_error=""),
    "lost": Q(gave_up_at__isnull=False),
    "sent": Q(sent_at__isnull=False),
}
"""How messages can stand, for those who ask for some of them."""


def scope_messages(caller: Caller) -> QuerySet[Delivery]:
    """Return the messages that a caller may see: their own, and those about queues that they manage."""
    rows = Delivery.objects.select_related("person").order_by("-made_at", "-pk")
    if caller.sees_all:
        return rows
    managed = find_queues(caller, DeskRight.MANAGE).order_by().values("pk")
    theirs = Delivery.objects.filter(notices__queue__in=managed).order_by().values("pk")
    return rows.filter(Q(person=caller.user_id) | Q(pk__in=theirs))


def may_try_channels(caller: Caller) -> bool:
    """Return whether a caller manages any queue, so that they see how channels do and may try them."""
    return caller.sees_all or find_queues(caller, DeskRight.MANAGE).exists()


def find_channel_trouble() -> list[ChannelLine]:
    """Return the channels that do not do as they should."""
    return [line for line in list_channels() if line.trouble]


def describe_team_channels(queue: ReviewQueue) -> str:
    """Say in a sentence over which channels the team of a queue is told."""
    chosen = (
        list(QueueChannel.objects.filter(queue=queue.pk).values_list("channel", flat=True))
        if queue.pk
        else []
    )
    known = get_conf().channels
    if not chosen:
        usual = get_conf().team_channels
        if usual:
            return f"Over {usual[0]}, since no channel is chosen here."
        return (
            "Nobody is told: no channel is chosen here, and RINGMASTER['CHANNELS'] has none for mail that says whom "
            "it goes 'to'. People with a role here are still told as they chose themselves."
        )
    gone = [name for name in chosen if name not in known]
    words = f"Over {', '.join(chosen)}."
    return f"{words} The settings name no {', '.join(gone)}: messages over it wait." if gone else words


def find_untold_queues(queue_ids: Collection[int]) -> list[str]:
    """Return those of some queues whose team is told nothing, by name: no channel is chosen, and none stands in."""
    if get_conf().team_channels:
        return []
    queues = ReviewQueue.objects.filter(pk__in=queue_ids, channels__isnull=True)
    return list(queues.order_by("project__slug", "slug").values_list("name", flat=True))


def _describe_unplanned(waiting: int, failed: int) -> str:
    """Say how many notices wait to be sent, and why as far as it is known."""
    if not failed:
        return f"{waiting} notices wait to be sent: see that a maintainer leads; its log says more."
    return (
        f"{waiting} notices wait to be sent, {failed} of them as it failed to work out how: "
        "the maintainer's log says at notice_not_planned what to mend; they are tried again by themselves."
    )


def look_at_channels() -> Condition:
    """Say in a line how messages go out; for `manage.py health channels`, probes and the board."""
    unplanned = Notice.objects.filter(planned_at=None, made_at__lt=read_clock() - _PLANNED_WITHIN)
    counts = unplanned.aggregate(waiting=Count("pk"), failed=Count("retry_at"))
    if counts["waiting"]:
        return Condition(is_well=False, said=_describe_unplanned(**counts))
    trouble = find_channel_trouble()
    if trouble:
        return Condition(
            is_well=False, said=" ".join(f"Channel {line.name}: {line.trouble}" for line in trouble)
        )
    return Condition(is_well=True, said="Messages to people go out.")
