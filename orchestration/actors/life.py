"""What people order for an actor: stop, start again, park its turn, send a dead letter again. All may come twice."""

from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from agents.domain.addresses import read_address
from agents.domain.classification import make_storable
from agents.errors import MessageRefused
from orchestration.actors.projects import find_project
from orchestration.actors.routing import pass_on
from orchestration.actors.turns import bury_queued, lock_actor, start_turns
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.errors import ActorNotFound, DeliveryNotDead, MessageInvalid, NothingToPark, TurnNotLatest
from orchestration.models import Actor, Delivery, Run
from orchestration.transitions.turn import park_turn as park_its_turn

_STOP: Final = """
UPDATE orchestration_actor SET stopped_at = clock_timestamp(), stopped_by = %(by)s, stop_reason = %(why)s
WHERE id = %(actor)s AND stopped_at IS NULL RETURNING id
"""
_RESTART: Final = """
UPDATE orchestration_actor SET stopped_at = NULL, stopped_by = '', stop_reason = '' WHERE id = %(actor)s RETURNING id
"""
_AGAIN: Final = """
UPDATE orchestration_delivery SET state = 'queued', run_id = NULL, turn = NULL, taken_at = NULL, ended_at = NULL,
    resent = resent + 1 WHERE id = %(delivery)s AND state = 'dead' RETURNING actor_id
"""
# Dead letters for now: when the parked turn ends well they are done all the same.
_LAY_ASIDE: Final = """
UPDATE orchestration_delivery SET state = 'dead', reason = 'its turn waits for a person, and was parked',
    ended_at = clock_timestamp() WHERE run_id = %(run)s RETURNING id
"""


def find_actor(address: str, *, project: str = "default") -> Actor:
    """Return an actor by its address.

    Raises: MessageInvalid: it is no address.  ProjectNotFound. ActorNotFound.
    """
    try:
        read = read_address(address)
    except MessageRefused as error:
        raise MessageInvalid(str(error)) from error
    found = Actor.objects.filter(project=find_project(project), name=read.name, key=read.key).first()
    if found is None:
        raise ActorNotFound(
            f"there is no actor '{address}' in project '{project}': its first message makes it"
        )
    return found


def stop(
    address: str, reason: str = "", by: AbstractBaseUser | None = None, *, project: str = "default"
) -> Actor:
    """Let an actor take no more messages: those that wait, and all that come, are dead letters.

    Its turn, if it has one, goes on to its end.

    Raises: as `find_actor`.
    """
    actor = find_actor(address, project=project)
    why = make_storable(reason).strip()[:2000]
    with transaction.atomic():
        lock_actor(actor.pk)
        name = "" if by is None else by.get_username()
        fetch_one(_STOP, {"actor": actor.pk, "by": name, "why": why})
        senders = bury_queued(actor.pk, "it is stopped")
        transaction.on_commit(lambda: pass_on(senders))
    actor.refresh_from_db()
    return actor


def restart(address: str, *, project: str = "default") -> Actor:
    """Let a stopped actor take messages again; dead letters stay dead until they are sent again."""
    actor = find_actor(address, project=project)
    with transaction.atomic():
        lock_actor(actor.pk)
        fetch_one(_RESTART, {"actor": actor.pk})
        transaction.on_commit(lambda: start_turns([actor.pk]))
    actor.refresh_from_db()
    return actor


def park(address: str, *, project: str = "default") -> Run:
    """Let an actor's turn that waits for a person be, and go on with the next; it answers when it ends.

    Returns: the parked turn.
    Raises: NothingToPark: no turn of it waits for a person.
    """
    actor = find_actor(address, project=project)
    parked = park_turn(actor.pk)
    if parked is None:
        raise NothingToPark(f"no turn of '{address}' waits for a person; `show_actor` tells how it stands")
    return parked


def park_turn(actor_id: int) -> Run | None:
    """As `park`, by the actor's id; None: nothing waits."""
    with transaction.atomic():
        lock_actor(actor_id)
        run_id = park_its_turn(actor_id)
        if run_id is None:
            return None
        fetch_all(_LAY_ASIDE, {"run": run_id})
        transaction.on_commit(lambda: start_turns([actor_id]))
    return Run.objects.get(pk=run_id)


def send_again(delivery_id: int) -> Delivery:
    """Put a dead letter into its mailbox once more; it is read before those that were sent after it.

    Raises: DeliveryNotDead.
    """
    row = fetch_one(_AGAIN, {"delivery": delivery_id})
    if row is None:
        state = Delivery.objects.filter(pk=delivery_id).values_list("state", flat=True).first()
        raise DeliveryNotDead(
            f"delivery {delivery_id} is {state or 'not there'}; only dead letters are sent again"
        )
    transaction.on_commit(lambda: start_turns([row.actor_id]))
    return Delivery.objects.get(pk=delivery_id)


def require_latest_turn(run: Run) -> None:
    """Refuse to do a turn anew once its actor has gone on; a run that is no turn passes.

    Holds the actor until the transaction ends, so that no next turn begins beside the retry.

    Raises: TurnNotLatest.
    """
    if run.actor_id is None:
        return
    lock_actor(run.actor_id)
    later = (
        Run.objects.filter(actor=run.actor_id, created_at__gt=run.created_at).order_by("created_at").first()
    )
    if later is not None:
        raise TurnNotLatest(
            f"run {run.pk} is a turn of an actor that has gone on since, with run {later.pk}; send its messages again"
        )
