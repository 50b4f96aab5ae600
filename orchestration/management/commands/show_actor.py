"""`show_actor`: how an actor does, its mailbox, its turns, and who made whom."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration.management.mail import (
    DELIVERY_HEAD,
    add_address,
    delivery_row,
    describe_actor,
    describe_delivery,
    describe_turn,
    find_with_life,
    suggest_next,
    tell_counts,
    tell_family,
    turn_row,
)
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Delivery, Run
from orchestration.selectors.mailboxes import list_deliveries

_MOST = 20


class Command(EngineCommand):
    """Show an actor."""

    help = "Show an actor: how it does, its latest mail and turns, who made it and whom it made."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its address."""
        add_address(parser)

    def handle(self, *args: Any, address: str, project: str, as_json: bool, **options: Any) -> None:
        """Write how it does."""
        actor, family = find_with_life(address, project)
        mail = list(list_deliveries(Delivery.objects.filter(actor=actor.pk)).order_by("-message_id")[:_MOST])
        turns = list(Run.objects.filter(actor=actor.pk).defer("input_json").order_by("-created_at")[:_MOST])
        if as_json:
            said = {
                **describe_actor(actor),
                "mail": [describe_delivery(row) for row in mail],
                "latest_turns": [describe_turn(run) for run in turns],
                "family": [asdict(relative) for relative in family],
                "next": suggest_next(actor),
            }
            self.stdout.write(json.dumps(said, indent=2))
            return
        lines = [f"actor {show_text(actor.address)} is {actor.life}: {tell_counts(actor)}"]
        lines.append(f"made by {show_text(actor.made_by)} at {show_time(actor.made_at)} (UTC)")
        if actor.stopped_at is not None:
            lines.append(f"stopped at {show_time(actor.stopped_at)}: {show_text(actor.stop_reason) or '-'}")
        if mail:
            lines += ["\nMAIL", *show_table(DELIVERY_HEAD, [delivery_row(row) for row in mail], "  ")]
        if turns:
            head = ("RUN", "STATUS", "BEGUN AT (UTC)", "REASON")
            lines += ["\nTURNS", *show_table(head, [turn_row(run) for run in turns], "  ")]
        lines += ["\nWHO MADE WHOM", *(f"  {line}" for line in tell_family(family))]
        lines.append(f"\nnext: {suggest_next(actor)}")
        self.stdout.write("\n".join(lines))
