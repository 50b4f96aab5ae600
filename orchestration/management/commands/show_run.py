"""`show_run`: one run's plan, attempts, decisions, hand-offs and events, in order."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration.management.account import describe_account, write_account
from orchestration.management.arguments import add_json_switch, add_run, read_run
from orchestration.selectors.account import load_account


class Command(EngineCommand):
    """Show a run."""

    help = "Show a run: plan, attempts, decisions, hand-offs and events in order, and what to do next."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run and --json."""
        add_run(parser)
        add_json_switch(parser)

    def handle(self, *args: Any, run: str, as_json: bool, **options: Any) -> None:
        """Write the account."""
        found = read_run(run)
        account = load_account(found)
        if as_json:
            self.stdout.write(json.dumps(describe_account(found, account), indent=2))
        else:
            self.stdout.write("\n".join(write_account(found, account)))
