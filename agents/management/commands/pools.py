"""`pools`: how many slots each pool has, who holds them, and a way to set the number."""

import json
from difflib import get_close_matches
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from agents.admission import set_pool_size
from agents.admission.board import PoolLine, list_pools
from agents.errors import AgentError
from agents.management.base import EngineCommand

_HEADINGS: Final = ("POOL", "HELD", "SIZE", "SET BY", "AGENTS", "HOLDERS")


class Command(EngineCommand):
    """List or size pools."""

    help = "Lists the pools with who holds what; --set changes how many slots one has."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--set` and `--json`."""
        parser.add_argument(
            "--set",
            nargs=2,
            dest="new_size",
            metavar=("POOL", "SIZE"),
            help="give a pool so many slots (fewer than are held evicts nobody); `settings` takes the number back",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="write a JSON array")

    def handle(self, *, new_size: list[str] | None, as_json: bool, **options: Any) -> None:
        """Set a size, if asked to, and write the list."""
        if new_size is not None:
            name, size = new_size
            _check_known(name)
            try:
                set_pool_size(name, _read_size(size))
            except AgentError as error:
                raise CommandError(f"--set: {error}") from None
        lines = list_pools()
        self.stdout.write(_as_json(lines) if as_json else _as_table(lines))


def _check_known(name: str) -> None:
    """Refuse a pool that nobody asks for: sized by a slip of the pen, it would change nothing, and say nothing."""
    known = [line.name for line in list_pools()]
    if name in known:
        return
    near = get_close_matches(name.lower(), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`manage.py pools` lists those there are."
    raise CommandError(
        f"--set: there is no pool {name!r:.120}; {hint} A new one is named by an agent or in RINGMASTER['POOLS'] first."
    )


def _read_size(text: str) -> int | None:
    if text == "settings":
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise CommandError(f"--set: SIZE is {text!r:.40}; give a whole number from 0, or `settings`")
    return int(text)


def _as_json(lines: list[PoolLine]) -> str:
    return json.dumps([_describe(line) for line in lines], indent=2)


def _describe(line: PoolLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "size": line.room.capacity,
        "held": line.room.held,
        "set_by": _who(line),
        "agents": list(line.agents),
        "holders": [
            {
                "step": slot.step,
                "holder": slot.holder,
                "amount": slot.amount,
                "taken_at": slot.taken_at.isoformat(),
            }
            for slot in line.slots
        ],
    }


def _as_table(lines: list[PoolLine]) -> str:
    if not lines:
        return 'No pools: an agent asks for one with @agent(..., pools={"gpu": 1}).'
    rows = [_HEADINGS, *map(_row, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(line: PoolLine) -> tuple[str, ...]:
    holders = (f"{slot.amount}: {slot.holder or f'step {slot.step}'}" for slot in line.slots)
    return (
        line.name,
        str(line.room.held),
        str(line.room.capacity),
        _who(line),
        ", ".join(line.agents) or "-",
        "; ".join(holders) or "-",
    )


def _who(line: PoolLine) -> str:
    return "a person" if line.is_set else "settings"
