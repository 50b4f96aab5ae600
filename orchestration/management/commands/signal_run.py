"""`signal_run`: sends a signal to a run."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import (
    add_json_switch,
    add_run,
    read_json,
    read_person,
    read_run,
    say_argument,
)
from orchestration.management.orders import add_person
from orchestration.models import Signal


class Command(EngineCommand):
    """Send a signal."""

    help = "Send a signal to a run: who waits for it goes on, who waits later finds it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, the signal's name and value, its key, whom it is for, and who sends it."""
        add_run(parser)
        parser.add_argument("name", metavar="NAME", help="The signal's name, as in task.wait_for(NAME).")
        parser.add_argument("--value", metavar="JSON|@FILE|-", default="null", help="Null if left out.")
        parser.add_argument("--key", help="The same signal once more under it is the same one.")
        parser.add_argument("--step", default="", help="Key of the step that it is for; else whoever waits.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        run: str,
        name: str,
        value: str,
        key: str | None,
        step: str,
        username: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Send it and say who took it."""
        found, person = read_run(run), read_person(username)
        read = read_json("--value", value)
        try:
            sent = runs.signal(found.pk, name, read, key=key, step=step, by=person, through="command")
        except OrchestrationError as error:
            raise CommandError(f"{say_argument(error)}.") from None
        self.stdout.write(json.dumps(_describe(sent), indent=2) if as_json else _say(sent))


def _describe(sent: Signal) -> dict[str, Any]:
    return {
        "id": sent.pk,
        "run": str(sent.run_id),
        "name": sent.name,
        "key": sent.key,
        "sent_at": sent.sent_at.isoformat(),
        "taken_by": None if sent.step is None else sent.step.key,
        "refusal": sent.refusal or None,
    }


def _say(sent: Signal) -> str:
    if sent.step is not None:
        return f"signal {sent.pk} '{sent.name}': taken by the step {sent.step.key}"
    if sent.refusal:
        return f"signal {sent.pk} '{sent.name}': who waits can't use it: {sent.refusal}"
    return f"signal {sent.pk} '{sent.name}': kept; nobody waits for it yet"
