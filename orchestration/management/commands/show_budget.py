"""`show_budget`: what a run's tree may use, what is reserved, spent and lost of it, and which step used what."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration.budgets import list_pots, sum_by_step
from orchestration.management.arguments import add_json_switch, add_run, read_run
from orchestration.management.budgets import (
    POT_HEAD,
    SUM_HEAD,
    describe_pot,
    describe_sum,
    pot_rows,
    sum_rows,
)
from orchestration.management.terminal import show_table


class Command(EngineCommand):
    """Show the budgets of a run's tree."""

    help = "Show the budgets of a run and of all runs in its tree: limit, reserved, spent, lost, left; and by step."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run and --json."""
        add_run(parser)
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        run: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Write the pots, and what steps used."""
        found = read_run(run)
        pots, sums = list_pots(found.root_id), sum_by_step(found.root_id)
        if as_json:
            told = {"budgets": list(map(describe_pot, pots)), "steps": list(map(describe_sum, sums))}
            self.stdout.write(json.dumps(told, indent=2))
            return
        if pots:
            self.stdout.write("\n".join(show_table(POT_HEAD, pot_rows(pots))))
        else:
            self.stdout.write(
                f"run {found.pk} has no budget: give one when you start it, as start_run --budget does"
            )
        if sums:
            self.stdout.write("\n" + "\n".join(show_table(SUM_HEAD, sum_rows(sums))))
