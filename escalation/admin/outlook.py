"""What stands around a decision: what it sets off, how alike work was decided, what was used, and the plan."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils.safestring import SafeString

from escalation.domain.excerpt import excerpt
from escalation.models import Ticket
from escalation.selectors import (
    Follower,
    find_similar,
    foresee_blast,
    measure_reliability,
)
from orchestration.admin.picture import Picture
from orchestration.admin.plans import draw_run
from orchestration.admin.visible import mark_unseen
from orchestration.conf import get_conf
from orchestration.domain.holds import HoldSubject
from orchestration.domain.spec import StepSpec
from orchestration.holds import foresee_abort
from orchestration.models import Step
from orchestration.selectors.plan_rows import load_plan
from orchestration.selectors.scope import call_as
from orchestration.usage.sums import sum_used

# Drawing more takes longer than a page may; the run's own page has it.
_MOST_DRAWN: Final = 300
_MOST_NAMED: Final = 5
_FEWEST_JUDGED: Final = 5
_LONGEST_ARGUMENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class FollowerView:
    """One step that follows, ready to show. Attributes: condition: under which; "" for always."""

    row: Follower
    condition: SafeString
    effects: SafeString


@dataclass(frozen=True, slots=True)
class WantedView:
    """One call that waits for a person, ready to show. Attributes: arguments: name -> value, the long ones cut."""

    tool: SafeString
    arguments: list[tuple[SafeString, SafeString]]
    effects: SafeString
    is_reversible: bool


def build_outlook(
    ticket: Ticket, user: User, plan: Mapping[str, StepSpec], spec: StepSpec | None, now: datetime
) -> dict[str, Any]:
    """Return what the page shows around the decision; `spec` is that of the step."""
    return {
        **(_foresee(ticket, plan) if ticket.is_open and ticket.holds_step else {}),
        "wanted": _view_wanted(ticket),
        "threshold": _find_threshold(ticket, spec),
        "reliability": _say_reliability(ticket),
        **_show_similar(ticket, user),
        "used": sum_used([ticket.run_id]).words,
        "picture": _draw(ticket, now),
    }


def _foresee(ticket: Ticket, plan: Mapping[str, StepSpec]) -> dict[str, Any]:
    blast = foresee_blast(ticket, plan)
    views = [_view(follower) for follower in blast.followers]
    # What changes nothing outside is named only if it comes next: the others are many, and harmless.
    shown = [view for view in views if view.row.runs_next or view.row.effects]
    abort = foresee_abort(ticket.run_id)
    return {
        "own": _view(blast.own),
        "follows": shown[:_MOST_NAMED],
        "follows_unseen": max(0, len(views) - len(shown[:_MOST_NAMED])),
        "follows_more": blast.is_cut,
        "warns": blast.cannot_be_undone,
        "undone": abort.undone[:_MOST_NAMED],
        "undone_unseen": max(0, len(abort.undone) - _MOST_NAMED),
    }


def _view_wanted(ticket: Ticket) -> list[WantedView]:
    """Return the calls that are asked for; what their tools do is not done yet."""
    if ticket.subject != HoldSubject.CALLS:
        return []
    return [
        WantedView(
            mark_unseen(call["tool"]),
            [(mark_unseen(name), _show_value(value)) for name, value in call["arguments"].items()],
            mark_unseen("; ".join(call["effects"])),
            call["reversible"],
        )
        for call in ticket.seen["calls"]
    ]


def _show_value(value: Any) -> SafeString:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return mark_unseen(text[:_LONGEST_ARGUMENT] + ("…" if len(text) > _LONGEST_ARGUMENT else ""))


def _show_similar(ticket: Ticket, user: User) -> dict[str, Any]:
    similar = find_similar(call_as(user), ticket)
    lines = [(row, mark_unseen(excerpt(row.title or row.reason, 90))) for row in similar.latest]
    return {"similar": similar, "similar_lines": lines}


def _view(follower: Follower) -> FollowerView:
    return FollowerView(follower, mark_unseen(follower.condition), mark_unseen("; ".join(follower.effects)))


def _find_threshold(ticket: Ticket, spec: StepSpec | None) -> str:
    """Return the confidence that would have let the work pass, as people read it; "" where none was asked for."""
    if ticket.confidence is None:
        return ""
    own = spec.min_confidence if spec else None
    return f"{get_conf().DEFAULT_MIN_CONFIDENCE if own is None else own:.0%}"


def _say_reliability(ticket: Ticket) -> str:
    found = measure_reliability(ticket)
    if found is None or not found.judged:
        return ""
    band = f"at {found.low:.0%} to {found.high:.0%}"
    few = ", too few to judge by" if found.judged < _FEWEST_JUDGED else ""
    return f"right {found.right} of {found.judged} times {band}{few}"


def _draw(ticket: Ticket, now: datetime) -> Picture:
    most = Step.objects.filter(run=ticket.run_id).values("pk")[: _MOST_DRAWN + 1].count()
    if most > _MOST_DRAWN:
        return Picture(SafeString(""), (), note="The plan is large; the run's page has its picture.")
    return draw_run(ticket.run, load_plan(ticket.run_id), now, unfold=False, here=ticket.step.key)
