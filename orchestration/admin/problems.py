"""What an operator must know first: the steps that failed or wait, why, and where to act."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.domain.circuit import OF_MODELS
from orchestration.admin.access import has_right
from orchestration.admin.addresses import flower_task_url, run_url, step_url
from orchestration.admin.attempt_view import describe_error
from orchestration.admin.budgets import PotView, view_used_up
from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_duration, describe_wait
from orchestration.domain.policy.rules import describe_rule
from orchestration.domain.rights import Right
from orchestration.domain.states import RunStatus, StepStatus
from orchestration.domain.waits import find_wait
from orchestration.models import Attempt, Run, Step
from orchestration.ports import TicketRef
from orchestration.selectors.kin import RunName, find_below
from orchestration.selectors.leads import Leadership, find_leadership, waits_for_maintainer
from orchestration.selectors.offers import find_waited_builds
from orchestration.selectors.run_details import (
    count_troubled,
    find_latest_attempts,
    find_tickets,
    find_unserved_queues,
    list_troubled_steps,
)

_MOST_SHOWN = 5
# So many are looked at for those that are not just the consequence of another.
_MOST_LOOKED_AT = 40
_MOST_OTHERS = 12
_CONSEQUENCE = "child_failed"


@dataclass(frozen=True, slots=True)
class TicketLink:
    """A step's ticket as a page links to it. `may_decide`: it is open, and who looks may decide it.

    Attributes: late_at: while it is open, until when it is to be decided, if it was foreseen that it would not be.
    """

    number: int
    url: str
    may_decide: bool
    late_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One step that an operator must look at.

    Attributes: run_name: of the child run it belongs to; "" for the run itself.  others: keys and addresses of steps
        with the same trouble.
    """

    key: str
    url: str
    run_name: str
    run_url: str
    tone: str
    status: SafeString
    since: str
    why: SafeString
    rule: str
    rule_words: str
    error: SafeString
    traceback: SafeString
    flower_url: str
    ticket: TicketLink | None
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class More:
    """A way to the steps in trouble that are not shown."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Problems:
    """The problems of a run and of the runs below it, the worst first.

    Attributes: more: ways to those that are not shown.  no_maintainer: what is wrong, if something here waits for one.
        used_up: budgets of people's time.
    """

    shown: list[Problem]
    more: list[More]
    unserved_queues: list[str]
    no_maintainer: str = ""
    used_up: Sequence[PotView] = ()


def find_problems(request: HttpRequest, run: Run, now: datetime) -> Problems:
    """Return what keeps a run from going on, or made it fail; causes, not their consequences."""
    if run.status == RunStatus.SUCCEEDED:
        return Problems([], more=[], unserved_queues=[])
    below = find_below(run)
    steps = list(list_troubled_steps([run.pk, *below])[:_MOST_LOOKED_AT])
    attempts, tickets = find_latest_attempts(steps), find_tickets(steps)
    # A step that failed because its child run did says nothing that the child run does not say better,
    # unless it is there that a person can act.
    steps = [
        step
        for step in steps
        if not _is_consequence(attempts.get(step.pk)) or _is_to_decide(tickets.get(step.pk))
    ] or steps
    is_needed = any(waits_for_maintainer(step, now) for step in steps)
    leadership = find_leadership() if is_needed else Leadership(leads=True, read_at=now)
    builds = find_waited_builds(steps)
    described = [
        _add_builds(
            builds.get(step.pk),
            _describe(
                step,
                attempts.get(step.pk),
                link_ticket(request, run, tickets.get(step.pk)),
                below.get(step.run_id),
                now,
                leadership,
            ),
        )
        for step in steps
    ]
    problems = _join_alike(described)
    queues = find_unserved_queues(run.pk) if run.status == RunStatus.RUNNING else []
    is_all = len(problems) <= _MOST_SHOWN and len(described) < _MOST_LOOKED_AT
    return Problems(
        problems[:_MOST_SHOWN],
        more=[] if is_all else _list_more(run),
        unserved_queues=queues,
        no_maintainer=leadership.trouble,
        used_up=view_used_up(run),
    )


def _join_alike(problems: Sequence[Problem]) -> list[Problem]:
    """Put steps that one cause may have struck together: the first of them, and ways to the others."""
    alike: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.tone, problem.rule, problem.why, problem.error), []).append(problem)
    return [
        replace(first, others=tuple((other.key, other.url) for other in others[:_MOST_OTHERS]))
        for first, *others in alike.values()
    ]


def _is_consequence(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.failure_kind == _CONSEQUENCE


def _is_to_decide(ticket: TicketRef | None) -> bool:
    return ticket is not None and ticket.is_open


def _list_more(run: Run) -> list[More]:
    counts = count_troubled([run.pk])
    return [
        More(f"All {count:,} {status} steps of this run", f"?show=steps&status={status}#details")
        for status, count in counts.items()
        if count > 1
    ] or [More("All child runs", "?show=children#details")]


def link_ticket(request: HttpRequest, run: Run, ticket: TicketRef | None) -> TicketLink | None:
    """Return a ticket as a link.

    Args: run: of the step, or one above it: a tree of runs is of one project.
    """
    if ticket is None:
        return None
    # Who sees a run sees its tickets: both belong to its project.
    may_decide = _is_to_decide(ticket) and has_right(request, Right.REVIEW, run.project_id)
    late_at = ticket.late_at if ticket.is_open else None
    return TicketLink(ticket.number, ticket.url, may_decide=may_decide, late_at=late_at)


def _describe(
    step: Step,
    attempt: Attempt | None,
    ticket: TicketLink | None,
    run: RunName | None,
    now: datetime,
    leadership: Leadership,
) -> Problem:
    decision = getattr(attempt, "decision", None)
    since = (attempt.finished_at or attempt.started_at) if attempt else step.dispatched_at
    return Problem(
        key=step.key,
        url=step_url(step.run_id, step.key),
        run_name=str(run) if run else "",
        run_url=run_url(run.pk) if run else "",
        tone="people" if step.waits_for else step.status,
        status=chip("people", describe_wait(step.waits_for)) if step.waits_for else chip(step.status),
        since=_say_since(step, since, now) if since else "",
        why=_say_why(step, decision.reason if decision else "", now, leadership),
        rule=decision.rule if decision else "",
        rule_words=describe_rule(decision.rule) if decision else "",
        error=describe_error(attempt) if attempt else SafeString(""),
        traceback=mark_unseen(attempt.traceback_tail if attempt else ""),
        flower_url=flower_task_url(attempt.task_id) if attempt else "",
        ticket=ticket,
    )


def _add_builds(said: str | None, problem: Problem) -> Problem:
    """Say of a step that waits for an agent who could not build it."""
    return replace(problem, why=format_html("{} {}", problem.why, said)) if said else problem


def _say_since(step: Step, since: datetime, now: datetime) -> str:
    span = describe_duration(now - since)
    return f"{span} ago" if step.status == StepStatus.FAILED else f"for {span}"


def _say_why(step: Step, decided: str, now: datetime, leadership: Leadership) -> SafeString:
    if step.waits_for:
        return _say_wait(step)
    if step.status == StepStatus.RETRYABLE and step.due_at:
        return format_html("Attempt {} failed; {}", step.attempt, _say_next_try(step.due_at, now, leadership))
    return mark_unseen(step.reason or decided or "No reason was recorded.")


def _say_next_try(due_at: datetime, now: datetime, leadership: Leadership) -> str:
    if due_at > now:
        return f"the next one starts in {describe_duration(due_at - now)}."
    if leadership.leads:
        return "the next one starts in a moment."
    return f"the next one was due {describe_duration(now - due_at)} ago and waits for a maintainer."


def _say_wait(step: Step) -> SafeString:
    sentence = find_wait(step.waits_for).sentence
    return format_html(
        sentence, agent=step.agent, queue=step.queue, pools=_name_pools(step), kept_away=_name_kept_away(step)
    )


def _name_kept_away(step: Step) -> str:
    if step.waits_on.startswith(OF_MODELS):
        return f"The model “{step.waits_on.removeprefix(OF_MODELS)}”"
    return f"The agent “{step.agent}”"


def _name_pools(step: Step) -> str:
    names = " and ".join(f"“{name}”" for name in step.pools)
    return f"the pool {names}" if len(step.pools) == 1 else f"the pools {names}"
