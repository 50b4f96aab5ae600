"""What the commands about actors and their mail share: arguments, refusals, and how rows look."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from agents.domain.redaction import redact
from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, add_project, say_argument
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.selectors.actors import ActorWithLife, Relative, list_family, with_life
from orchestration.selectors.mailboxes import read_body

MOST_LISTED: Final = 1_000
ACTOR_HEAD: Final = ("ADDRESS", "STATE", "QUEUED", "DEAD", "TURNS", "MADE BY")
DELIVERY_HEAD: Final = ("ID", "ACTOR", "FROM", "TOPIC", "SENT AT (UTC)", "STATE", "TURN", "REASON")
MAIL_HEAD: Final = ("ID", "SENT AT (UTC)", "FROM", "TOPIC", "BODY")


def add_address(parser: CommandParser) -> None:
    """Add the address of an actor and its project."""
    parser.add_argument("address", metavar="ADDRESS", help="An actor's address, such as support.case/4711.")
    add_home(parser)


def add_home(parser: CommandParser) -> None:
    """Add --project, for the `default` one, and --json."""
    add_project(parser, "Of this project; default: default.", default="default")
    add_json_switch(parser)


def add_limit(parser: CommandParser, default: int) -> None:
    """Add --limit."""
    parser.add_argument(
        "--limit", type=int, default=default, metavar="N", help=f"At most so many; {default}."
    )


def check_limit(limit: int) -> None:
    """Refuse a limit that is none.

    Raises: CommandError.
    """
    if not 1 <= limit <= MOST_LISTED:
        raise CommandError(f"--limit: give a whole number from 1 to {MOST_LISTED:,}.")


@contextmanager
def telling() -> Iterator[None]:
    """Tell a refusal of the engine in the command's words.

    Raises: CommandError.
    """
    try:
        yield
    except OrchestrationError as error:
        raise CommandError(f"{say_argument(error)}.") from None


def write_rows(command: EngineCommand, head: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> None:
    """Write a table, or what it means that it is empty."""
    command.stdout.write("\n".join(show_table(head, rows)) if rows else none)


def write_actor(command: EngineCommand, actor: Actor, *, as_json: bool) -> None:
    """Write how an actor does after an order."""
    [found] = with_life(Actor.objects.filter(pk=actor.pk).select_related("project"))
    if as_json:
        command.stdout.write(json.dumps(describe_actor(found), indent=2))
    else:
        command.stdout.write(f"actor {found.address} is {found.life}: {tell_counts(found)}")


def tell_counts(actor: ActorWithLife) -> str:
    """Return in words what is in an actor's mailbox."""
    return f"{actor.queued:,} messages wait, {actor.dead:,} are dead letters, {actor.turns:,} turns begun"


def describe_actor(actor: ActorWithLife) -> dict[str, Any]:
    """Return an actor as JSON values."""
    return {
        "id": actor.pk,
        "project": actor.project.slug,
        "address": actor.address,
        "state": actor.life,
        "turn": None if actor.turn_id is None else str(actor.turn_id),
        "turns": actor.turns,
        "queued": actor.queued,
        "dead": actor.dead,
        "made_at": actor.made_at.isoformat(),
        "made_by": actor.made_by,
        "stopped_at": None if actor.stopped_at is None else actor.stopped_at.isoformat(),
        "stopped_by": actor.stopped_by,
        "stop_reason": actor.stop_reason,
    }


def actor_row(actor: ActorWithLife) -> tuple[str, ...]:
    """Return an actor as a line of a table."""
    counts = (str(actor.queued), str(actor.dead), str(actor.turns))
    return (show_text(actor.address), actor.life, *counts, show_text(actor.made_by))


def describe_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as JSON values."""
    message = delivery.message
    return {
        "id": delivery.pk,
        "address": delivery.actor.address,
        "message": message.pk,
        "kind": message.kind,
        "sender": message.sender,
        "topic": message.topic.name if message.topic else None,
        "sent_at": message.sent_at.isoformat(),
        "state": delivery.state,
        "reason": redact(delivery.reason),
        "run": None if delivery.run_id is None else str(delivery.run_id),
        "turn": delivery.turn,
        "resent": delivery.resent,
    }


def delivery_row(delivery: Delivery) -> tuple[str, ...]:
    """Return a delivery as a line of a table."""
    message = delivery.message
    return (
        str(delivery.pk),
        show_text(delivery.actor.address),
        show_text(message.sender),
        message.topic.name if message.topic else "-",
        show_time(message.sent_at),
        delivery.state,
        str(delivery.turn or "-"),
        show_text(redact(delivery.reason), 100),
    )


def describe_mail(message: Message) -> dict[str, Any]:
    """Return a message as JSON values, without secrets."""
    return {
        "id": message.pk,
        "kind": message.kind,
        "sender": message.sender,
        "to": f"{message.to_name}/{message.to_key}" if message.to_name else None,
        "topic": message.topic.name if message.topic else None,
        "schema_version": message.schema_version,
        "run": None if message.run_id is None else str(message.run_id),
        "sent_at": message.sent_at.isoformat(),
        "body": read_body(message),
    }


def mail_row(message: Message) -> tuple[str, ...]:
    """Return a message as a line of a table, without secrets."""
    body = json.dumps(read_body(message), ensure_ascii=False)
    topic = message.topic.name if message.topic else "-"
    return (
        str(message.pk),
        show_time(message.sent_at),
        show_text(message.sender),
        topic,
        show_text(body, 120),
    )


def write_sent(command: EngineCommand, message: Message, *, as_json: bool) -> None:
    """Write that a message was sent, and where it can be seen."""
    if as_json:
        command.stdout.write(json.dumps(describe_mail(message), indent=2))
        return
    to = f"'{message.to_name}/{message.to_key}'" if message.to_name else f"the topic '{message.topic}'"
    command.stdout.write(f"message {message.pk} to {to} is sent")


def describe_turn(run: Run) -> dict[str, Any]:
    """Return a turn as JSON values."""
    return {
        "run": str(run.pk),
        "status": run.status,
        "is_parked": run.is_parked,
        "reason": redact(run.reason),
        "created_at": run.created_at.isoformat(),
    }


def turn_row(run: Run) -> tuple[str, ...]:
    """Return a turn as a line of a table."""
    state = f"{run.status}, parked" if run.is_parked else run.status
    return (str(run.pk), state, show_time(run.created_at), show_text(redact(run.reason), 100))


def tell_family(family: Sequence[Relative]) -> Iterator[str]:
    """Yield who made whom as lines, each below whom it was made by."""
    top = min((relative.depth for relative in family), default=0)
    for relative in family:
        mark = "*" if relative.depth == 0 else "-"
        stopped = " (stopped)" if relative.is_stopped else ""
        yield f"{'  ' * (relative.depth - top)}{mark} {show_text(relative.address)}{stopped}"


def suggest_next(actor: ActorWithLife) -> str:
    """Return what a person can do for an actor now."""
    match actor.life:
        case "stopped":
            return f"`manage.py restart_actor {actor.address}` lets it take messages again"
        case "held":
            return (
                f"`manage.py list_tickets` says who decides; `park_actor {actor.address}` goes on without it"
            )
        case "waiting" | "running":
            return f"`manage.py show_run {actor.turn_id}` tells how its turn goes"
        case _:
            pass  # it is idle
    if actor.queued:
        return (
            "its next turn is about to start; if not, see that a workflow behaves as it and a maintainer runs"
        )
    if actor.dead:
        return f"`manage.py dead_letters --address {actor.address}` says why; `send_again ID` sends one again"
    return "nothing to do; `manage.py send_message` sends it something"


def find_with_life(address: str, project: str) -> tuple[ActorWithLife, list[Relative]]:
    """Return an actor with its life, and who made whom.

    Raises: CommandError: there is none.
    """
    with telling():
        found = actors.find_actor(address, project=project)
    return with_life(Actor.objects.select_related("project")).get(pk=found.pk), list_family(found.pk)
