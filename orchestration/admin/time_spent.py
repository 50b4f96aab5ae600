"""A run's timeline on its page: a page of lanes at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.picture import APART, MOST_ABREAST, PlanNode
from orchestration.admin.picture.growing import Group, group_steps
from orchestration.admin.plans import describe_group, find_folded
from orchestration.admin.timeline import TONES, Lane, Times, build_lanes, draw_timeline, find_tone
from orchestration.models import Run
from orchestration.selectors.plan_rows import PlanRows
from orchestration.selectors.time_spent import load_time_spent

LANES_PER_PAGE = 60
_MARK_WORDS = {
    "run_cancelled": "cancelled",
    "run_ended_early": "ended early",
    "run_paused": "paused",
    "run_resumed": "resumed",
    "run_retried": "new round",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The timeline, drawn. `legend`: tones and what they mean.  `number`: its page, from 1, of `pages`."""

    svg: SafeString
    legend: list[tuple[str, str]]
    number: int
    pages: int


def draw_time_spent(request: HttpRequest, run: Run, rows: PlanRows, now: datetime) -> Timeline | None:
    """Return how a run spent its time; None before anything happened.

    Args: request: `?lanes=` names the page.
    """

    def describe(group: Group) -> PlanNode:
        node = describe_group(run, group, now)
        return node if node.href else replace(node, href=find_folded(node))

    spent = load_time_spent(run.pk)
    times = Times(run.created_at, run.finished_at or now)
    lanes = build_lanes(group_steps(rows.steps, MOST_ABREAST), rows.edges, spent, times, describe)
    if not lanes:
        return None
    number = _choose_page(request, lanes)
    shown = lanes[(number - 1) * LANES_PER_PAGE : number * LANES_PER_PAGE]
    marks = [(mark, _MARK_WORDS[mark.kind]) for mark in spent.marks if mark.kind in _MARK_WORDS]
    svg = draw_timeline(shown, times.start, times.until, marks, f"Timeline of {run}")
    tones = {find_tone(span) for lane in shown for span in lane.spans}
    legend = [(tone, words) for tone, words in TONES.items() if tone in tones]
    return Timeline(svg, legend, number, _count_pages(lanes))


def _choose_page(request: HttpRequest, lanes: Sequence[Lane]) -> int:
    """Return the page that is asked for, else the one with the first lane that needs a person's eye."""
    asked = request.GET.get("lanes", "")
    if asked.isdecimal() and len(asked) < 6:
        return min(max(int(asked), 1), _count_pages(lanes))
    first = next((place for place, lane in enumerate(lanes) if lane.status in APART), 0)
    return first // LANES_PER_PAGE + 1


def _count_pages(lanes: Sequence[Lane]) -> int:
    return -(-len(lanes) // LANES_PER_PAGE)
