"""What an actor's page shows: how it stands and why, its mailbox, its turns, its mail, and its kin."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of
from orchestration.admin.actors.lines import view_deliveries, view_messages
from orchestration.admin.actors.orders import list_orders
from orchestration.admin.actors.words import LIFE_TONES, count_up, describe_life
from orchestration.admin.addresses import actor_url, dead_letters_url, mail_url, run_url, workflow_url
from orchestration.admin.chips import chip, show_excerpt, state_chip
from orchestration.admin.lineage import trace_url
from orchestration.admin.memory.of_runs import show_memory_of_actor
from orchestration.admin.paging import turn_page
from orchestration.admin.problems import link_ticket
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_span
from orchestration.domain.mail import DeliveryState
from orchestration.domain.rows import TURN
from orchestration.domain.states import StepStatus
from orchestration.models import Run, Step
from orchestration.publishing import find_behaviour
from orchestration.selectors import run_details
from orchestration.selectors.actors import (
    MOST_FAMILY,
    ActorWithLife,
    Relative,
    find_lives,
    list_family,
    list_turns,
)
from orchestration.selectors.mailboxes import list_mailbox, list_received, list_sent

_MOST_SHOWN = 20
_DEEPEST = 4
_TURNS_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class TurnLine:
    """A turn in the table of turns."""

    row: Run
    number: str
    url: str
    state: SafeString
    took: str
    reason: SafeString


@dataclass(frozen=True, slots=True)
class RelativeLine:
    """An actor in the tree of who made whom. `depth`: as far as its line is set in.  `url`: "" of itself."""

    row: ActorWithLife
    url: str
    depth: int
    life: SafeString
    queued: str
    dead: str


def build_actor_page(request: HttpRequest, actor: ActorWithLife) -> dict[str, Any]:
    """Return the page's context. The actor's project must be loaded."""
    behaviour = find_behaviour(actor.project_id, actor.name)
    user_id = caller_of(request).user_id
    queued = list(list_mailbox(actor.pk, DeliveryState.QUEUED)[:_MOST_SHOWN])
    dead = list(list_mailbox(actor.pk, DeliveryState.DEAD)[:_MOST_SHOWN])
    received = list(list_received(actor.pk)[:_MOST_SHOWN])
    page = turn_page(request, list_turns(actor.pk), _TURNS_PER_PAGE)
    return {
        "title": actor.address,
        "actor": actor,
        "life": chip(LIFE_TONES[actor.life], actor.life),
        "tone": LIFE_TONES[actor.life],
        "sentence": describe_life(actor, has_behaviour=behaviour is not None),
        "stop_reason": mark_unseen(actor.stop_reason),
        "orders": list_orders(request, actor),
        "live_turn": _name_run(actor),
        "ticket": _find_ticket(request, actor),
        "behaviour": (str(behaviour), workflow_url(behaviour.pk)) if behaviour else None,
        "queued_count": count_up(actor.queued),
        "dead_count": count_up(actor.dead),
        "dead_url": dead_letters_url(actor.address),
        "queued": view_deliveries(queued, user_id),
        "dead": view_deliveries(dead, user_id),
        "received": view_deliveries(received, user_id),
        "sent": view_messages(list(list_sent(actor)[:_MOST_SHOWN]), user_id),
        "sent_url": mail_url(sender=actor.address),
        "trace_url": trace_url(about="actor", name=actor.address, project=actor.project.slug),
        **show_memory_of_actor(actor, user_id),
        "page": page,
        "turns": _view_turns(page.rows),
        "family": _view_family(list_family(actor.pk)),
        "most_family": MOST_FAMILY,
    }


def _name_run(actor: ActorWithLife) -> tuple[str, str] | None:
    return (str(actor.turn_id)[:8], run_url(actor.turn_id)) if actor.turn_id else None


def _find_ticket(request: HttpRequest, actor: ActorWithLife) -> Any:
    """Return a way to the ticket that holds the turn, or a run below it; None: there is none."""
    if actor.turn_id is None:
        return None
    steps = Step.objects.filter(run__root_id=actor.turn_id, status=StepStatus.HELD)
    held = list(steps.select_related("run")[:1])
    tickets = run_details.find_tickets(held)
    return link_ticket(request, held[0].run, tickets.get(held[0].pk)) if held else None


def _view_turns(turns: list[Run]) -> list[TurnLine]:
    states = run_details.find_states([run.pk for run in turns])
    return [
        TurnLine(
            row=run,
            number=read_turn(run),
            url=run_url(run.pk),
            state=chip("held", "parked")
            if run.is_parked and not run.finished_at
            else state_chip(states[run.pk]),
            took=describe_span(run.created_at, run.finished_at),
            reason=show_excerpt(run.reason),
        )
        for run in turns
    ]


def read_turn(run: Run) -> str:
    """Return which turn of its actor a run is: its key says so; "" where it does not."""
    key = run.idempotency_key or ""
    return key.rpartition(".")[2] if key.startswith(TURN) else ""


def _view_family(family: list[Relative]) -> list[RelativeLine]:
    """Return who made whom as lines: the first of all first, each before whom it made."""
    lives = find_lives([relative.id for relative in family])
    top = min((relative.depth for relative in family), default=0)
    return [
        RelativeLine(
            row=lives[relative.id],
            url="" if relative.depth == 0 else actor_url(relative.id),
            depth=min(relative.depth - top, _DEEPEST),
            life=chip(LIFE_TONES[lives[relative.id].life], lives[relative.id].life),
            queued=count_up(lives[relative.id].queued),
            dead=count_up(lives[relative.id].dead),
        )
        for relative in family
        if relative.id in lives
    ]
