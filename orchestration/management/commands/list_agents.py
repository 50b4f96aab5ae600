"""`list_agents`: which agents this installation knows and where they are defined; which of them workers have."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import CommandParser

from agents.domain.contract import AgentContract
from agents.domain.model_result import describe_schema
from agents.management.base import EngineCommand
from agents.selectors import list_contracts
from orchestration.management.offers import describe_standing, show_standings
from orchestration.selectors.offers import list_standings

_HEADINGS: Final = ("NAME", "KIND", "VERSION", "QUEUE", "TIMEOUT", "EFFECTS", "DEFINED IN")


class Command(EngineCommand):
    """List the agents of this installation."""

    help = (
        "Lists the agents found in the installed apps: kind, version, queue, timeout, effects, where defined. "
        "--workers lists what present workers tell instead: models, tools, what could not be built, differences."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--json`, `--workers` and `--schema`."""
        parser.add_argument(
            "--json",
            action="store_true",
            dest="as_json",
            help="write a JSON array, with schemas and descriptions",
        )
        parser.add_argument(
            "--workers",
            action="store_true",
            help="list what present workers tell of their agents, from the database",
        )
        parser.add_argument(
            "--schema",
            action="store_true",
            help="write the JSON Schema of what is kept of a model's answer, the same for all providers",
        )

    def handle(self, *, as_json: bool, schema: bool, workers: bool, **options: Any) -> None:
        """Write a list, or the schema."""
        if schema:
            self.stdout.write(json.dumps(describe_schema(), indent=2))
            return
        if workers:
            standings = list_standings()
            told = [describe_standing(standing) for standing in standings]
            self.stdout.write(json.dumps(told, indent=2) if as_json else "\n".join(show_standings(standings)))
            return
        contracts = list_contracts()
        self.stdout.write(_as_json(contracts) if as_json else _as_table(contracts))


def _as_json(contracts: list[AgentContract]) -> str:
    return json.dumps(
        [asdict(contract) | {"defined_in": contract.defined_in} for contract in contracts],
        indent=2,
    )


def _as_table(contracts: list[AgentContract]) -> str:
    if not contracts:
        return (
            "No agents: decorate a function with @agent or @model_agent in the agents.py of an installed app."
        )
    rows = [_HEADINGS, *map(_row, contracts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(contract: AgentContract) -> tuple[str, ...]:
    timeout = "-" if contract.timeout_seconds is None else f"{contract.timeout_seconds:g} s"
    effects = "; ".join(contract.effects) or "-"
    marked = effects if contract.reversible else f"{effects} (irreversible)"
    return (
        contract.name,
        contract.kind,
        str(contract.version),
        contract.queue,
        timeout,
        marked,
        contract.defined_in,
    )
