"""What recent tickets would have gone where, were the rules other ones. Reads only, and bounded."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import QuerySet

from escalation.domain.routing import Contents, Facts, Route, Rule, find_route
from escalation.models import DEFAULT_QUEUE, ReviewQueue, Ticket

MOST_TICKETS: Final = 200
_SECONDS: Final = 3.0
_TOGETHER: Final = 10


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One ticket: where it went, and where it would go.

    Attributes: by: the rule; "" if none matches.  notes: what was wrong with rules that were tried.
    """

    ticket_id: int
    went_to: str
    would_go_to: str
    by: str
    notes: tuple[str, ...]

    @property
    def is_moved(self) -> bool:
        """Tell whether it would go elsewhere."""
        return self.went_to != self.would_go_to


@dataclass(frozen=True, slots=True)
class Preview:
    """What the newest tickets of a project would do.

    Attributes: is_cut: there was no time for more of them.
    """

    lines: list[PreviewLine] = field(default_factory=list)
    is_cut: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Return how many would go into each queue, by slug."""
        return dict(Counter(line.would_go_to for line in self.lines).most_common())

    @property
    def moved(self) -> list[PreviewLine]:
        """Return those that would go elsewhere than they did."""
        return [line for line in self.lines if line.is_moved]


def preview_routes(
    project_id: int,
    rules: Sequence[Rule],
    queue_ids: Sequence[int],
    *,
    limit: int = MOST_TICKETS,
    clock: Callable[[], float] = time.monotonic,
) -> Preview:
    """Route the newest tickets of a project by these rules, for a few seconds at most.

    Args: queue_ids: of those that the caller may look into; tickets of others are not told.
    """
    slugs = dict(ReviewQueue.objects.filter(project=project_id).values_list("pk", "slug"))
    reads_contents = any(rule.expression for rule in rules)
    preview, until = Preview(), clock() + _SECONDS
    for ticket in _list_newest(queue_ids, reads_contents=reads_contents)[:limit].iterator(_TOGETHER):
        if clock() > until:
            return Preview(preview.lines, is_cut=True)
        route = find_route(
            rules, _describe(ticket), _read(ticket) if reads_contents else Contents("{}", "null")
        )
        preview.lines.append(_tell(ticket, route, slugs))
    return preview


def _list_newest(queue_ids: Sequence[int], *, reads_contents: bool) -> QuerySet[Ticket]:
    rows = Ticket.objects.filter(queue__in=queue_ids).select_related("run", "step", "queue").order_by("-pk")
    names = ("queue__slug", "run__workflow_name", "step__key", "step__agent", "rule", "confidence", "sla")
    return rows.only(*names, *(("seen_json", "run__input_json") if reads_contents else ()))


def _describe(ticket: Ticket) -> Facts:
    """Return what rules may ask; the agent is the one that has the step now."""
    return Facts(ticket.run.workflow_name, ticket.step.key, ticket.step.agent, ticket.rule, ticket.confidence)


def _read(ticket: Ticket) -> Contents:
    return Contents(ticket.run.input_json, ticket.seen_json)


def _tell(ticket: Ticket, route: Route, slugs: dict[int, str]) -> PreviewLine:
    chosen = slugs.get(route.rule.queue_id or 0) if route.rule else None
    by_class = ticket.sla if ticket.sla in slugs.values() else DEFAULT_QUEUE
    return PreviewLine(
        ticket_id=ticket.pk,
        went_to=ticket.queue.slug,
        would_go_to=chosen or by_class,
        by=route.rule.label if route.rule and chosen else "",
        notes=route.notes,
    )
