"""The board: what a lead steers by, as tables of plain values. Console, API, CSV and command show the same ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from escalation.domain.desk_rights import DeskRight
from escalation.domain.measures import Figures, Measure, summarise_figures
from escalation.escrow.auditing import AUDIT_SAMPLE
from escalation.figures.present import AGES, DeskNow, QueueNow, look_at_desk
from escalation.figures.reading import Period, Reading, read_figures
from escalation.models import ReviewQueue, read_clock
from escalation.selectors import find_queues
from orchestration.selectors.scope import Caller

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the board tells.

    Attributes: queues: by id, in the order in which they are shown.  leads: the people of some of them are told.
    """

    queues: Mapping[int, ReviewQueue]
    now: datetime
    reading: Reading
    desk: DeskNow
    leads: bool


def build_board(caller: Caller | None, period: Period, queue_ids: list[int] | None = None) -> Board:
    """Return the board of the queues that a caller may see, or of those of them that are asked for.

    Args: caller: None for a command, which acts as the system.
    """
    rows = ReviewQueue.objects.order_by("project", "slug") if caller is None else find_queues(caller)
    queues = {queue.pk: queue for queue in rows.select_related("project")}
    if queue_ids is not None:
        queues = {pk: queue for pk, queue in queues.items() if pk in queue_ids}
    led = set(queues)
    if caller is not None:
        led &= set(find_queues(caller, DeskRight.LEAD).values_list("pk", flat=True))
    now = read_clock()
    projects = {queue.project_id for queue in queues.values()}
    reading = read_figures(period, queues, projects, now)
    return Board(queues, now, reading, look_at_desk(queues, now, people_of=led), leads=bool(led))


def summarise_board(board: Board) -> Row:
    """Return the board in the words of the public interface."""
    reading = board.reading
    return {
        "since": reading.period.since,
        "until": reading.period.until,
        "now": board.now,
        "reaches_back_to": reading.reaches_back_to,
        "missing_since": reading.missing_since,
        "total": summarise_figures(reading.total),
        **{name: list(part(board)) for name, part in PARTS.items()},
    }


def _name(board: Board, queue: ReviewQueue) -> Row:
    """Return how programs name a queue, and what people call it: with its project, where there are several."""
    is_alone = len({one.project_id for one in board.queues.values()}) == 1
    title = queue.name if is_alone else f"{queue.name} ({queue.project.name})"
    return {"project": queue.project.slug, "queue": queue.slug, "title": title}


def _tell_queues(board: Board) -> Iterator[Row]:
    for pk, queue in board.queues.items():
        figures = board.reading.by_queue.get(pk, Figures())
        yield {**_name(board, queue), **summarise_figures(figures)}


def _tell_backlog(board: Board) -> Iterator[Row]:
    for pk, queue in board.queues.items():
        yield {**_name(board, queue), **_tell_backlog_of(board.desk.queues[pk], board.now)}


def _tell_backlog_of(found: QueueNow, now: datetime) -> Row:
    return {
        "open": found.open,
        "claimed": found.claimed,
        "overdue": found.overdue,
        "audits": found.audits,
        **{
            f"open_{name.replace(' ', '_')}": count for (name, _), count in zip(AGES, found.ages, strict=True)
        },
        "arrivals_per_hour": found.arrivals,
        "resolved_last_hour": found.decided,
        "reviewers_present": found.present,
        "capacity_per_hour": None if found.pace is None else found.pace * 3600,
        "predicted_wait_seconds": found.wait_seconds,
        "predicted_breaches": found.late_ahead,
        "predicted_breach_at": found.first_late_at,
        "falls_behind_at": found.find_overrun(now),
    }


def _tell_time(board: Board) -> Iterator[Row]:
    reading = board.reading
    for slot in reading.period.list_slots():
        if slot <= board.now:
            yield {"at": slot, **summarise_figures(reading.by_slot.get(slot, Figures()))}


def _tell_agents(board: Board) -> Iterator[Row]:
    reading = board.reading
    for agent, figures in sorted(reading.by_agent.items()):
        if agent:
            yield {
                "agent": agent,
                **_tell_escalated(figures, reading.attempts.get(agent)),
                "judged": figures.judged,
                "overturned": figures.count(Measure.WRONG),
                "overturn_share": figures.overturn_share,
                "edits": figures.edits,
                "edit_share": figures.edit_share,
            }


def _tell_rules(board: Board) -> Iterator[Row]:
    reading = board.reading
    for (agent, rule), figures in sorted(reading.by_rule.items()):
        # An audit is no escalation.
        if agent and rule and rule != AUDIT_SAMPLE:
            yield {"agent": agent, "rule": rule, **_tell_escalated(figures, reading.attempts.get(agent))}


def _tell_escalated(figures: Figures, attempts: int | None) -> Row:
    """Return how much was escalated, and of how much; the hour under way is in the first and not in the second."""
    escalated = figures.count(Measure.OPENED)
    share = min(1.0, escalated / attempts) if attempts else None
    return {"escalated": escalated, "attempts": attempts, "escalation_share": share}


def _tell_reviewers(board: Board) -> Iterator[Row]:
    for reviewer in board.desk.reviewers:
        yield {
            "reviewer": reviewer.name,
            "open_claims": reviewer.claims,
            "capacity": reviewer.capacity,
            "resolved_last_hour": reviewer.decided,
        }


PARTS: Final[Mapping[str, Callable[[Board], Iterator[Row]]]] = {
    "queues": _tell_queues,
    "backlog": _tell_backlog,
    "time": _tell_time,
    "agents": _tell_agents,
    "rules": _tell_rules,
    "reviewers": _tell_reviewers,
}
"""The tables of the board, by name. Each row is flat but for `by_resolution`."""
