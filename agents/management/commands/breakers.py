"""`breakers`: which agents are kept away from work because they failed, and a way to let them work again."""

import getpass
import json
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from agents.admission import reset_breaker
from agents.admission.board import BreakerLine, list_breakers
from agents.management.base import EngineCommand

_HEADINGS: Final = ("AGENT", "STATE", "FAILURES", "OPENED (UTC)", "NEXT")
_MAX_WHO = 150


class Command(EngineCommand):
    """List or reset breakers."""

    help = "Lists the breakers of all agents, those that are not closed first; --reset closes one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--reset`, `--as` and `--json`."""
        parser.add_argument(
            "--reset", metavar="AGENT", help="close this agent's breaker; its steps go on at once"
        )
        parser.add_argument(
            "--as", dest="by", metavar="NAME", help="who resets it, for the history; else the system's user"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="write a JSON array")

    def handle(self, *, reset: str | None, by: str | None, as_json: bool, **options: Any) -> None:
        """Reset, if asked to, and write the list."""
        if reset is not None:
            self._reset(reset, by or _find_user())
        lines = list_breakers()
        self.stdout.write(_as_json(lines) if as_json else _as_table(lines))

    def _reset(self, agent: str, by: str) -> None:
        known = {line.agent for line in list_breakers()}
        if agent not in known:
            raise CommandError(
                f"--reset: there is no agent {agent!r:.120}; `manage.py breakers` lists those there are"
            )
        was_open = reset_breaker(agent, by=by[:_MAX_WHO])
        self.stderr.write(f"{agent}: closed." if was_open else f"{agent}: it was closed already.")


def _find_user() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"  # a container's user need not have a name


def _as_json(lines: list[BreakerLine]) -> str:
    return json.dumps([asdict(line) for line in lines], indent=2, default=lambda moment: moment.isoformat())


def _as_table(lines: list[BreakerLine]) -> str:
    rows = [_HEADINGS, *map(_row, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(line: BreakerLine) -> tuple[str, ...]:
    return (
        line.agent,
        line.state.replace("_", " "),
        f"{line.failures} of {max(line.calls, line.failures)} calls, opens above {line.allowed}",
        f"{line.opened_at:%Y-%m-%d %H:%M:%S}" if line.opened_at and line.state != "closed" else "-",
        _describe_next(line),
    )


def _describe_next(line: BreakerLine) -> str:
    if line.state == "closed":
        return "-"
    if line.is_probing:
        return "one probe is under way"
    if line.until is not None:
        return f"a probe from {line.until:%H:%M:%S} UTC"
    return "the next step is the probe"
