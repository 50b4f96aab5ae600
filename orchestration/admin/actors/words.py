"""What actors and messages say, in words a person reads at night. Pure."""

from agents.domain.outbox import MessageKind
from orchestration.domain.mail import DeliveryState, Life
from orchestration.selectors.actors import MOST_COUNTED, ActorWithLife

LIFE_TONES: dict[str, str] = {
    Life.IDLE: "pending",
    Life.RUNNING: "running",
    Life.WAITING: "waiting",
    Life.HELD: "held",
    Life.STOPPED: "failed",
}
KIND_WORDS: dict[str, str] = {
    MessageKind.DIRECT: "message",
    MessageKind.TOPIC: "published",
    MessageKind.ASK: "question",
    MessageKind.REPLY: "answer",
    MessageKind.TIMER: "reminder",
}
DELIVERY_TONES: dict[str, str] = {
    DeliveryState.QUEUED: "waiting",
    DeliveryState.TAKEN: "running",
    DeliveryState.DONE: "succeeded",
    DeliveryState.DEAD: "failed",
}
DELIVERY_WORDS: dict[str, str] = {
    DeliveryState.QUEUED: "in the mailbox",
    DeliveryState.TAKEN: "in a turn",
    DeliveryState.DONE: "read",
    DeliveryState.DEAD: "dead letter",
}


def count_up(number: int) -> str:
    """Return a count that goes no further than it was counted."""
    return f"{MOST_COUNTED:,}+" if number > MOST_COUNTED else f"{number:,}"


def count_messages(number: int) -> str:
    """Return how many messages, in words."""
    return "1 message" if number == 1 else f"{count_up(number)} messages"


def describe_life(actor: ActorWithLife, *, has_behaviour: bool) -> str:
    """Return how an actor stands and what to do about it."""
    queued = actor.queued
    rest = (
        f"{count_messages(queued)} {'waits' if queued == 1 else 'wait'}" if queued else "Nothing else waits"
    )
    if actor.life == Life.STOPPED:
        turn = " Its turn goes on to its end." if actor.turn_id else ""
        return f"Stopped: all that comes to it is a dead letter.{turn} Start it again to let it go on."
    if actor.life == Life.HELD:
        return (
            f"Its turn waits for a person, and its mailbox waits with it. {rest}. "
            "Decide the ticket, or park the turn: then the next one begins."
        )
    if actor.life == Life.WAITING:
        return f"Its turn waits for an answer, a signal, a time or another run. {rest}."
    if actor.life == Life.RUNNING:
        return f"Its turn is at work. {rest}."
    return _describe_idle(actor, rest, has_behaviour=has_behaviour)


def _describe_idle(actor: ActorWithLife, rest: str, *, has_behaviour: bool) -> str:
    if not has_behaviour:
        return (
            f"No published workflow behaves as '{actor.name}', so that it has no turns. {rest}. "
            f"Publish one with WorkflowSpec(actor='{actor.name}', ...)."
        )
    if actor.unsettled:
        return f"Its last turn has ended, and whoever waits for it is being told. {rest}."
    if actor.queued:
        return f"{rest} for its next turn, which the maintainer begins at its next sweep."
    return "It has nothing to do. The next message to it begins a turn."
