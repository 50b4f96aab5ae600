"""What an actor's page shows: how it stands and why, its mailbox, its turns, its mail, and its kin."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of
from orchestration.admin.actors.lines import view_deliveries, view_messages
from orchestration.admin.actors.orders import list_orders
from orchestration.admin.actors.words import LIFE_TONES, count_up, describe_standing
from orchestration.admin.addresses import actor_url, dead_letters_url, mail_url, run_url, workflow_url
from orchestration.admin.chips import chip, show_excerpt, state_chip
from orchestration.admin.memory.of_runs import show_memory_of_actor
from orchestration.admin.paging import turn_page
from orchestration.admin.problems import link_ticket
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_span
from orchestration.domain.mail import DeliveryState
from orchestration.domain.rows import TURN
from orchestration.domain.states import StepStatus
from orchestration.models import Actor, Run, Step
from orchestration.publishing import find_behaviour
from orchestration.selectors import actors_shown as actors
from orchestration.selectors import run_details
from orchestration.selectors.actors_shown import Standing

_MOST_SHOWN = 20
_MOST_MADE = 50
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


def build_actor_page(request: HttpRequest, actor: Actor, standing: Standing) -> dict[str, Any]:
    """Return the page's context. The actor's project must be loaded."""
    behaviour = find_behaviour(actor.project_id, actor.name)
    user_id = caller_of(request).user_id
    queued = list(actors.list_mailbox(actor.pk, DeliveryState.QUEUED)[:_MOST_SHOWN])
    dead = list(actors.list_mailbox(actor.pk, DeliveryState.DEAD)[:_MOST_SHOWN])
    received = list(actors.list_received(actor.pk)[:_MOST_SHOWN])
    page = turn_page(request, actors.list_turns(actor.pk), _TURNS_PER_PAGE)
    made = list(actors.list_made(actor.pk)[: _MOST_MADE + 1])
    return {
        "title": actor.address,
        "actor": actor,
        "life": chip(LIFE_TONES[standing.life], standing.life),
        "tone": LIFE_TONES[standing.life],
        "sentence": describe_standing(standing, actor.name, has_behaviour=behaviour is not None),
        "stop_reason": mark_unseen(actor.stop_reason),
        "orders": list_orders(request, actor, standing),
        "live_turn": _name_run(standing),
        "ticket": _find_ticket(request, standing),
        "behaviour": (str(behaviour), workflow_url(behaviour.pk)) if behaviour else None,
        "queued_count": count_up(standing.queued),
        "dead_count": count_up(standing.dead),
        "dead_url": dead_letters_url(actor.address),
        "queued": view_deliveries(queued, user_id),
        "dead": view_deliveries(dead, user_id),
        "received": view_deliveries(received, user_id),
        "sent": view_messages(list(actors.list_sent(actor)[:_MOST_SHOWN]), user_id),
        "sent_url": mail_url(sender=actor.address),
        **show_memory_of_actor(actor, user_id),
        "page": page,
        "turns": _view_turns(page.rows),
        "makers": [(each.address, actor_url(each.pk)) for each in actors.find_makers(actor)],
        "made": _view_made(made[:_MOST_MADE]),
        "has_more_made": len(made) > _MOST_MADE,
    }


def _name_run(standing: Standing) -> tuple[str, str] | None:
    return (str(standing.run_id)[:8], run_url(standing.run_id)) if standing.run_id else None


def _find_ticket(request: HttpRequest, standing: Standing) -> Any:
    """Return a way to the ticket that holds the turn; None: there is none."""
    if standing.run_id is None:
        return None
    held = list(Step.objects.filter(run=standing.run_id, status=StepStatus.HELD).select_related("run")[:1])
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


def _view_made(made: list[Actor]) -> list[tuple[str, str, SafeString]]:
    standings = actors.find_standings([each.pk for each in made])
    return [
        (
            each.address,
            actor_url(each.pk),
            chip(LIFE_TONES[standings[each.pk].life], standings[each.pk].life),
        )
        for each in made
    ]
