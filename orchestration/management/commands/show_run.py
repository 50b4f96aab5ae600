"""`show_run`: one run's plan, attempts, decisions, hand-offs and events, in order."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.management.account import describe_account, list_texts, write_account
from orchestration.management.arguments import add_json_switch, add_run, read_person, read_run
from orchestration.management.context import describe_context, write_context
from orchestration.selectors.account import load_account
from orchestration.selectors.context import load_context
from orchestration.selectors.withheld import UNTOLD, tell_shown


class Command(EngineCommand):
    """Show a run."""

    help = "Show a run: plan, attempts, decisions, hand-offs and events in order, and what to do next."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run and --json."""
        add_run(parser)
        add_json_switch(parser)
        parser.add_argument(
            "--context",
            action="store_true",
            dest="only_context",
            help="Only what its steps shared: memories, hand-offs and their losses, budgets, what happened last.",
        )
        parser.add_argument(
            "--as",
            dest="username",
            metavar="USER",
            help="Who looks, for the audit of what people were asked; without it, the system's user.",
        )

    def handle(
        self,
        *args: Any,
        run: str,
        as_json: bool,
        only_context: bool = False,
        username: str | None = None,
        **options: Any,
    ) -> None:
        """Write the account."""
        person = read_person(username)
        found = read_run(run)
        if only_context:
            context = load_context(found)
            told = json.dumps(describe_context(found, context), indent=2) if as_json else None
            self.stdout.write("\n".join(write_context(found, context)) if told is None else told)
            return
        account = load_account(found)
        if as_json:
            if tell_shown(list_texts(account), None if person is None else person.pk):
                raise CommandError(f"Nothing is shown: {UNTOLD}.")
            self.stdout.write(json.dumps(describe_account(found, account), indent=2))
        else:
            self.stdout.write("\n".join(write_account(found, account)))
