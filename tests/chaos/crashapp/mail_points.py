"""Where a process dies on the way of a message: between any two of its commits. Armed as in `points.py`, at a sender's
or an actor's address."""

from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import UUID

from orchestration.domain.work import Claim
from orchestration.models import Actor, Run
from tests.chaos.crashapp.points import hit, is_armed

_sending: Any = import_module("orchestration.actors.sending")
_mailing: Any = import_module("orchestration.executor.mailing")
_awaiting: Any = import_module("orchestration.executor.awaiting")
_routing: Any = import_module("orchestration.actors.routing")
_settling: Any = import_module("orchestration.actors.settling")


def install() -> None:
    """Wrap what follows a commit of mail, where it is called."""
    _sending.pass_on = _before("inserted_unrouted", _sending.pass_on, lambda senders: senders[0][1])
    _mailing.route_of_run = _before("sent_unrouted", _mailing.route_of_run, _address_of_run)
    _mailing.settle_turn = _before("ended_unsettled", _mailing.settle_turn, _address_of_run)
    _routing.start_turns = _before("routed_unstarted", _routing.start_turns, _address_of_actors)
    _settling.dispatch = _before("begun_undispatched", _settling.dispatch, _address_of_steps)
    _routing.wake_answered = _before(
        "answered_unwoken", _routing.wake_answered, lambda steps: "*" if steps else ""
    )
    _awaiting.send_question = _before("asked_unsent", _awaiting.send_question, _address_of_claim)


def _before(point: str, original: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
    def go_on(about: Any, *rest: Any) -> Any:
        if is_armed(point):
            hit(point, name(about) or "-")
        return original(about, *rest)

    return go_on


def _address_of_run(run_id: UUID) -> str:
    actor = Run.objects.select_related("actor").get(pk=run_id).actor
    return "" if actor is None else actor.address


def _address_of_claim(claim: Claim) -> str:
    return _address_of_run(claim.run.run_id)


def _address_of_steps(steps: list[int]) -> str:
    return _address_of_run(Run.objects.get(steps__in=steps).pk)


def _address_of_actors(actors: list[int]) -> str:
    found = Actor.objects.filter(pk__in=actors).first()
    return "" if found is None else found.address
