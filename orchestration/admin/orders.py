"""What people may order for a run, from its page: what each order means, and giving it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from orchestration import runs
from orchestration.admin.access import has_right
from orchestration.domain.receipts import digest_text
from orchestration.domain.rights import Right
from orchestration.domain.states import LIVE_RUN, RunStatus
from orchestration.errors import InputInvalid
from orchestration.models import Run

_ENDED = frozenset({RunStatus.FAILED, RunStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `is_final`: it can't be taken back.  give: what does it; a fork is given in its own way."""

    verb: str
    label: str
    title: str
    meaning: str
    possible: frozenset[RunStatus]
    is_final: bool = False
    give: Callable[..., Run] | None = None


ORDERS = {
    order.verb: order
    for order in (
        Order(
            "pause",
            "Pause",
            "Pause this run?",
            "Nothing new is begun, in it and in its child runs, until it is resumed. What runs is finished and kept; "
            "people can go on deciding its tickets.",
            frozenset({RunStatus.RUNNING}),
            give=runs.pause,
        ),
        Order(
            "resume",
            "Resume",
            "Let this run go on?",
            "It and its child runs go on where they stand.",
            frozenset({RunStatus.PAUSED}),
            give=runs.resume,
        ),
        Order(
            "retry",
            "Retry",
            "Try again what was not done?",
            "The run goes into its next round: failed and cancelled steps, also those of its child runs, start "
            "afresh. What was done stays done.",
            _ENDED,
            give=runs.retry,
        ),
        Order(
            "cancel",
            "Cancel",
            "Cancel this run?",
            "Nothing more of it is begun, and nothing of its child runs. What runs is told to stop, and what it still "
            "answers is refused. Open tickets are withdrawn. What agents have done to the world is not undone.",
            LIVE_RUN,
            is_final=True,
            give=runs.cancel,
        ),
        Order(
            "fork",
            "Fork",
            "Do a part of it anew, in a run of its own?",
            "A new run of the same workflow version takes over what was done before the step you choose, and says so "
            "in its receipts; that step and all behind it are done anew. This run stays as it is.",
            frozenset(RunStatus),
        ),
    )
}
"""What can be ordered, by the word in the address, in the order of the buttons."""


@dataclass(frozen=True, slots=True)
class OrderLink:
    """A button."""

    label: str
    url: str


def list_orders(request: HttpRequest, run: Run) -> list[OrderLink]:
    """Return the buttons for what the viewer may order and the run can obey."""
    if not has_right(request, Right.RUN, run.project_id):
        return []
    possible = [order for order in ORDERS.values() if run.status in order.possible]
    # A child run's next round is its parent's, and so is its going on.
    own = [order for order in possible if not (run.parent_step_id and order.verb == "retry")]
    return [OrderLink(order.label, order_url(run, order.verb)) for order in own]


def order_url(run: Run, verb: str) -> str:
    """Return the address of the page that asks whether to give an order."""
    return reverse("admin:orchestration_run_order", args=(run.pk, verb))


def give_order(request: HttpRequest, run: Run, order: Order) -> Run:
    """Give the order that a form asks for; return the run, or the new one of a fork.

    Raises: OrchestrationError: says why it can't be and what to do.
    """
    by: Any = request.user
    if order.give is not None:
        return order.give(run.pk, request.POST.get("reason", ""), by)
    form, from_step, text = (request.POST.get(name, "") for name in ("form", "from_step", "input"))
    return runs.fork(
        run.pk,
        from_step,
        _read_input(text),
        by=by,
        idempotency_key=_key_of(form, str(run.pk), from_step, text),
    )


def _key_of(form: str, *filled_in: str) -> str | None:
    """Return the key under which a form that is sent twice, filled in alike, counts once."""
    return f"form:{digest_text('|'.join((form, *filled_in)))}" if form else None


def _read_input(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return read_json(text)
    except UnreadableJson as error:
        raise InputInvalid(f"input: {error}; mend it, or empty the field to keep the input") from None
