"""`top_up`: raises limits of a run's budget; what waited for it goes on."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, add_run, read_person, read_run
from orchestration.management.budgets import POT_HEAD, describe_pot, pot_rows
from orchestration.management.orders import add_person
from orchestration.management.terminal import show_table


class Command(EngineCommand):
    """Raise limits of a run's budget."""

    help = (
        "Add to limits of a run's budget, or of a step's own; steps that waited for it go on. "
        "Without --key, twice adds twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, how much more, whose budget and who asks."""
        add_run(parser)
        parser.add_argument("--usd", metavar="AMOUNT", help='So many dollars more, such as "1.00".')
        parser.add_argument("--tokens", type=int, metavar="N", help="So many tokens more.")
        parser.add_argument("--calls", type=int, metavar="N", help="So many calls more.")
        parser.add_argument("--human-minutes", type=int, metavar="N", help="So many minutes of people more.")
        parser.add_argument("--step", metavar="KEY", help="Of this step's own budget, not the run's.")
        parser.add_argument("--key", help="The same top-up once more under it adds nothing.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        run: str,
        username: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Raise the limits and say how the pots stand."""
        found, person = read_run(run), read_person(username)
        more = {name: options[name] for name in ("usd", "tokens", "calls", "human_minutes", "step", "key")}
        try:
            pots = runs.top_up(found.pk, **more, by=person)
        except OrchestrationError as error:
            raise CommandError(_say(error)) from None
        if as_json:
            self.stdout.write(json.dumps([describe_pot(pot) for pot in pots], indent=2))
        else:
            self.stdout.write("\n".join(show_table(POT_HEAD, pot_rows(pots))))


def _say(error: OrchestrationError) -> str:
    """Return a refusal in terms of the command's options."""
    words = str(error).removeprefix("budget.")
    return f"--{words.replace('human_minutes:', 'human-minutes:', 1)}."
