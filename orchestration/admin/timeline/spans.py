"""What a step did when: waited for a worker, ran, waited for another try, for its children, for a person. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orchestration.domain.states import DecisionKind, StepStatus
from orchestration.selectors.time_spent import Try

# After these a step is done, or called off: it goes on only when what it needs was done anew.
_OVER: Final = frozenset(
    {
        DecisionKind.ACCEPT,
        DecisionKind.SKIP,
        DecisionKind.REWORK,
        DecisionKind.ABORT,
        DecisionKind.WITHDRAW,
    }
)


class SpanKind(StrEnum):
    """What a step is about in a span of time."""

    WAIT = "wait"
    RUN = "run"
    RETRY = "retry"
    CHILDREN = "children"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one kind. `tried`: the attempt that ran in it."""

    kind: SpanKind
    start: datetime
    end: datetime
    tried: Try | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one step's time.

    Attributes: ready: when it could have begun, as far as rows tell; the latest before each of its attempts counts.
        resolved: when people decided on it.  until: its end, or now.
    """

    tries: Sequence[Try]
    ready: Sequence[datetime]
    resolved: Sequence[datetime]
    status: str
    until: datetime


def tell_spans(story: Story) -> list[Span]:
    """Return the step's spans in order; those without a length are left out."""
    return [span for span in _tell(story) if span.end > span.start or span.kind is SpanKind.RUN]


def _tell(story: Story) -> Iterator[Span]:
    former: Try | None = None
    for tried in story.tries:
        if former is None:
            yield from _wait_since_ready(story, tried.started_at, after=None)
        else:
            yield from _tell_between(story, former, tried.started_at)
        yield Span(SpanKind.RUN, tried.started_at, tried.finished_at or story.until, tried)
        former = tried
    if former is None and story.status == StepStatus.AVAILABLE:
        yield from _wait_since_ready(story, story.until, after=None)
    elif former is not None and former.finished_at is not None:
        yield from _tell_rest(story, former)


def _tell_between(story: Story, former: Try, until: datetime) -> Iterator[Span]:
    """Tell what lies between an attempt and the next."""
    since = former.finished_at or until
    match former.decision:
        case DecisionKind.RETRY:
            due = min(former.due_at or since, until)
            yield Span(SpanKind.RETRY, since, due)
            yield Span(SpanKind.WAIT, due, until)
        case DecisionKind.ESCALATE:
            resolved = next((at for at in story.resolved if since <= at <= until), until)
            yield Span(SpanKind.HELD, since, resolved)
            yield Span(SpanKind.WAIT, resolved, until)
        case DecisionKind.WAIT:
            yield Span(SpanKind.CHILDREN, since, until)
        case decision if decision in _OVER:
            yield from _wait_since_ready(story, until, after=since)
        case _:
            yield Span(SpanKind.WAIT, since, until)


def _tell_rest(story: Story, last: Try) -> Iterator[Span]:
    """Tell what follows the last attempt."""
    is_over = last.decision in _OVER
    if story.status == StepStatus.AVAILABLE and is_over:
        yield from _wait_since_ready(story, story.until, after=last.finished_at)
    elif not is_over and last.decision is not None:
        yield from _tell_between(story, last, story.until)


def _wait_since_ready(story: Story, until: datetime, *, after: datetime | None) -> Iterator[Span]:
    ready = [at for at in story.ready if at <= until and (after is None or at >= after)]
    if ready:
        yield Span(SpanKind.WAIT, max(ready), until)
