"""The page that asks before an order is given to a run, and what it says afterwards."""

from typing import Any
from uuid import uuid4

from django.http import HttpRequest

from orchestration.admin.access import caller_of
from orchestration.admin.addresses import run_url
from orchestration.admin.chips import state_chip, tone_of
from orchestration.admin.orders import Order
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_duration, describe_run
from orchestration.domain.visible import pretty_json
from orchestration.errors import OrchestrationError
from orchestration.models import Run
from orchestration.selectors.progress import read_clock
from orchestration.selectors.run_details import (
    MOST_DRAWN_STEPS,
    count_steps,
    find_first_trouble,
    list_planned_keys,
)
from orchestration.selectors.withheld import hides_input


def build_order_page(
    request: HttpRequest, run: Any, order: Order, fault: OrchestrationError | None
) -> dict[str, Any]:
    """Return the page's context.

    Args: run: with `state`.  fault: why the order that was just given was refused; what was filled in is kept.
    """
    is_fork = order.give is None
    given = request.POST if request.method == "POST" else request.GET
    keys = list(list_planned_keys(run.pk)[:MOST_DRAWN_STEPS]) if is_fork else []
    counts = count_steps([run.pk])[run.pk]
    took = describe_duration((run.finished_at or read_clock()) - run.created_at)
    return {
        "title": f"{order.label}: {run}",
        "run": run,
        "run_url": run_url(run.pk),
        "state": state_chip(run.state),
        "tone": tone_of(run.state),
        "sentence": describe_run(run.state, counts, took),
        "order": order,
        "is_fork": is_fork,
        "form": given.get("form") or uuid4().hex,
        "fault": mark_unseen(str(fault)) if fault else "",
        "keys": keys,
        "from_step": given.get("from_step") or (find_first_trouble(run.pk) if is_fork else ""),
        "given": given.get("input", _write_input(request, run)) if is_fork else given.get("reason", ""),
    }


def _write_input(request: HttpRequest, run: Run) -> str:
    """Return the run's input, to be changed; "" keeps one that is not to be shown."""
    return "" if hides_input(run, caller_of(request).user_id) else pretty_json(run.input)


def say_obeyed(run: Run, obeyed: Run, order: Order) -> str:
    """Return what came of an order."""
    if obeyed.pk != run.pk:
        return f"This is the fork of {run}; what was done before was taken over."
    return f"{order.label}: the run is {obeyed.status} now."
