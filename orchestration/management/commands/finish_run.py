"""`finish_run`: ends a run early, as a success."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.management.arguments import add_json_switch, add_run, read_json, read_person, read_run
from orchestration.management.orders import add_person, obey, write_answer


class Command(EngineCommand):
    """Finish a run."""

    help = "End a run as a success with a result; what is open in it is cancelled, nothing is undone."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, its result, the reason and who asks."""
        add_run(parser)
        parser.add_argument(
            "--output", metavar="JSON|@FILE|-", default="null", help="The run's result; null if left out."
        )
        parser.add_argument("--reason", default="", help="Why, in words; kept in the run's history.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        run: str,
        output: str,
        reason: str,
        username: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Finish it and say how it stands."""
        found, person = read_run(run), read_person(username)
        value = read_json("--output", output)
        write_answer(self, obey(lambda: runs.finish(found.pk, value, reason, person)), as_json=as_json)
