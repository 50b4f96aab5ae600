"""What the commands that order something of a run share: the run, the reason, who asks, and the answer."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import (
    add_json_switch,
    add_run,
    read_person,
    read_run,
    read_words,
    say_argument,
)
from orchestration.models import Run

Order = Callable[..., Run]


class OrderCommand(EngineCommand):
    """A command that orders one thing of one run, and says how the run stands then."""

    order: ClassVar[Order]

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, --reason, --as and --json."""
        add_run(parser)
        parser.add_argument("--reason", default="", help="Why, in words; kept in the run's history.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,  # noqa: ARG002 - Django's signature
        run: str,
        reason: str,
        username: str | None,
        as_json: bool,
        **options: Any,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Give the order and say how the run stands."""
        found, person = read_run(run), read_person(username)
        write_answer(self, obey(lambda: self.order(found.pk, reason, person)), as_json=as_json)


def add_person(parser: CommandParser) -> None:
    """Add `--as`."""
    parser.add_argument(
        "--as", dest="username", metavar="USER", type=read_words, help="Who asks; kept in the history."
    )


def obey(order: Callable[[], Run]) -> Run:
    """Carry out an order.

    Raises: CommandError: the engine refused, in its words.
    """
    try:
        return order()
    except OrchestrationError as error:
        raise CommandError(f"{say_argument(error)}.") from None


def write_answer(command: EngineCommand, run: Run, *, as_json: bool) -> None:
    """Write how a run stands after an order."""
    if as_json:
        command.stdout.write(json.dumps(describe_run(run), indent=2))
    else:
        command.stdout.write(f"run {run.pk} is {run.status}, in round {run.round}")


def describe_run(run: Run) -> dict[str, Any]:
    """Return the fields that every order answers with."""
    return {
        "id": str(run.pk),
        "workflow": run.workflow_name,
        "status": run.status,
        "round": run.round,
        "reason": run.reason,
        "forked_from": None if run.forked_from_id is None else str(run.forked_from_id),
        "forked_from_step": run.forked_from_step or None,
    }
