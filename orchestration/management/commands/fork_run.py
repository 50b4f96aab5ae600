"""`fork_run`: a new run that takes over what another has finished."""

from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.management.arguments import add_json_switch, add_run, read_json, read_person, read_run
from orchestration.management.orders import add_person, obey, write_answer


class Command(EngineCommand):
    """Fork a run."""

    help = "Start a run of the same version that does one step and all behind it anew and reuses the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, --from, --input, --key, --as and --json."""
        add_run(parser)
        parser.add_argument(
            "--from", dest="from_step", metavar="STEP", required=True, help="The first step done anew."
        )
        parser.add_argument("--input", metavar="JSON|@FILE|-", help="The new run's input, if another.")
        parser.add_argument("--key", help="Idempotency key; the same key never makes a second fork.")
        add_person(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        run: str,
        from_step: str,
        input: str | None,  # noqa: A002 - the option's name
        key: str | None,
        username: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Fork and say which run it is."""
        found, person = read_run(run), read_person(username)
        value = None if input is None else read_json("--input", input)
        fork = obey(lambda: runs.fork(found.pk, from_step, value, key, person))
        write_answer(self, fork, as_json=as_json)
