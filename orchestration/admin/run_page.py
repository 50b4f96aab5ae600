"""What a run's page shows: how it stands, what is wrong, the plan, and one section of the details."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.actors.of_runs import link_turn
from orchestration.admin.addresses import stream_url, workflow_url
from orchestration.admin.chips import state_chip, tone_of
from orchestration.admin.kin import link_kin
from orchestration.admin.orders import list_orders
from orchestration.admin.picture import URGENCY
from orchestration.admin.plans import draw_run
from orchestration.admin.problems import Problems, find_problems
from orchestration.admin.run_sections import SECTIONS
from orchestration.admin.time_spent import draw_time_spent
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_duration, describe_run
from orchestration.domain.states import LIVE_RUN
from orchestration.models import Run
from orchestration.selectors.follow import find_horizon
from orchestration.selectors.plan_rows import load_plan
from orchestration.selectors.progress import read_clock
from orchestration.selectors.run_details import count_steps
from orchestration.usage.sums import sum_used


@dataclass(frozen=True, slots=True)
class Live:
    """Where the page hears of what happens, and from which place in the history on."""

    stream_url: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A way to a section."""

    name: str
    title: str
    is_shown: bool


def build_run_page(request: HttpRequest, run: Any) -> dict[str, Any]:
    """Return the page's context.

    Args:
        request: `?show=` names the section, `?page=` its page; `?unfold=1` draws every step, `?lanes=` names the
            page of the timeline.
        run: with `state`.
    """
    # Before anything else is read: what happens from here on is heard of.
    cursor = find_horizon()
    now = read_clock()
    counts = count_steps([run.pk])[run.pk]
    shown = request.GET.get("show", "")
    shown = shown if shown in SECTIONS else "steps"
    problems = find_problems(request, run, now)
    rows = load_plan(run.pk)
    return {
        "title": _title(run),
        "run": run,
        "workflow_url": workflow_url(run.workflow_id),
        "state": state_chip(run.state),
        "tone": tone_of(run.state),
        "sentence": describe_run(
            run.state, counts, describe_duration((run.finished_at or now) - run.created_at)
        ),
        "reason": _say_reason(run, problems),
        "used": sum_used([run.pk]).words,
        "problems": problems,
        "picture": draw_run(run, rows, now, unfold=request.GET.get("unfold") == "1"),
        "timeline": draw_time_spent(request, run, rows, now),
        "tabs": [Tab(name, title, name == shown) for name, (title, _) in SECTIONS.items()],
        "shown": shown,
        "counts": [(status, counts[status]) for status in URGENCY if status in counts],
        "section": SECTIONS[shown][1](request, run),
        "section_template": f"admin/orchestration/run/{shown}.html",
        "now": now,
        "orders": list_orders(request, run),
        "kin": link_kin(run),
        "turn": link_turn(run),
        "live": Live(stream_url(run.pk), str(cursor)) if run.status in LIVE_RUN else None,
    }


def _say_reason(run: Run, problems: Problems) -> SafeString:
    """Return why the run ended so, unless a problem below says it."""
    reason = mark_unseen(run.reason)
    is_told = any(problem.why and problem.why in reason for problem in problems.shown)
    return SafeString("") if is_told else reason


def _title(run: Run) -> str:
    return f"{run.workflow_name} · {str(run.pk)[:8]}"
