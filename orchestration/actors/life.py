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
from orchestration.domain.mail import DeliveryState
from orchestration.domain.words import LIVE
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
# Not from under a turn that may still end well, be it parked or retried: two would read it then, and what the turn
# sends would not know how far it is from whoever began, nor who waits for it.
_AGAIN: Final = f"""
UPDATE orchestration_delivery d SET state = 'queued', run_id = NULL, turn = NULL, taken_at = NULL, ended_at = NULL,
    resent = resent + 1 WHERE d.id = %(delivery)s AND d.state = 'dead'
    AND NOT EXISTS (SELECT 1 FROM orchestration_run r WHERE r.id = d.run_id AND (r.status IN {LIVE} OR r.untold))
RETURNING d.actor_id
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
        # What was delivered meanwhile, and found it busy, is buried too.
        transaction.on_commit(lambda: start_turns([actor.pk]))
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

    It stays as many turns away from whoever began as it was.

    Raises: DeliveryNotDead: or the turn that has it goes on.
    """
    known = Delivery.objects.filter(pk=delivery_id).first()
    if known is None:
        raise DeliveryNotDead(
            f"delivery {delivery_id} is not there; `dead_letters` lists what can be sent again"
        )
    with transaction.atomic():
        lock_actor(known.actor_id)
        if fetch_one(_AGAIN, {"delivery": delivery_id}) is None:
            known.refresh_from_db()
            raise DeliveryNotDead(_say_why_not(known))
        transaction.on_commit(lambda: start_turns([known.actor_id]))
    known.refresh_from_db()
    return known


def _say_why_not(delivery: Delivery) -> str:
    if delivery.state != DeliveryState.DEAD:
        return f"delivery {delivery.pk} is {delivery.state}; only dead letters are sent again"
    return (
        f"delivery {delivery.pk} belongs to turn {delivery.run_id}, which goes on; decide what that waits for, or "
        "cancel it and send again"
    )


def require_latest_turn(run: Run) -> None:
    """Refuse to do a turn anew once its actor has gone on; a run that is no turn passes.

    Holds the actor until the transaction ends, so that no next turn begins beside the retry.

    Raises: TurnNotLatest: also where its messages were sent again.
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
    sent_again = len(run.input["messages"]) - Delivery.objects.filter(run=run).count()
    if sent_again:
        raise TurnNotLatest(
            f"run {run.pk} is a turn of which {sent_again} messages were sent again; another turn reads them"
        )
