"""`health`: for a supervisor that wants to know whether its worker, or a maintainer, does its work."""

import socket
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from orchestration.conf import get_conf
from orchestration.models import WorkerProcess
from orchestration.ports import load_looks
from orchestration.selectors.leads import find_leadership
from orchestration.selectors.worker_details import WorkerState, with_worker_state

WELL: Final = 0
NOT_WELL: Final = 1
CAN_NOT_TELL: Final = 2
_PRESENT: Final = frozenset({WorkerState.ALIVE, WorkerState.HUNG, WorkerState.BLOCKED})


class Command(BaseCommand):
    """Say in a line how something does, and end with 0, 1 or 2."""

    help = "Say how a worker, the maintainer or a channel does. Ends with 0: well, 1: not well, 2: can't be told."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to look at, and --name."""
        parser.add_argument(
            "what", help="whose health: worker, maintain, or one that RINGMASTER['LOOKS'] names"
        )
        parser.add_argument(
            "--name",
            default="",
            help="of the worker, as `-n` says, such as steps@desk; else one on this host that beats is enough",
        )

    def handle(self, *, what: str, name: str, **options: Any) -> None:
        """Write the line.

        Raises: SystemExit: unless it is well.
        """
        try:
            code, line = _look_at(what, name)
        except DatabaseError:
            code, line = (
                CAN_NOT_TELL,
                "The database can't be asked: see that it runs; starting this anew helps nothing.",
            )
        (self.stdout if code == WELL else self.stderr).write(line)
        if code != WELL:
            raise SystemExit(code)


def _look_at(what: str, name: str) -> tuple[int, str]:
    if what == "maintain":
        return _look_at_maintainer()
    if what == "worker":
        return _look_at_worker(name)
    looks = load_looks(get_conf().LOOKS)
    if what not in looks:
        raise CommandError(
            f"there is nothing called '{what}'; known: worker, maintain, {', '.join(sorted(looks))}."
        )
    condition = looks[what]()
    return WELL if condition.is_well else NOT_WELL, condition.said


def _look_at_maintainer() -> tuple[int, str]:
    leadership = find_leadership()
    if leadership.leads:
        return (
            WELL,
            f"A maintainer leads: {leadership.where}, since {leadership.since:%Y-%m-%d %H:%M:%S} UTC.",
        )
    return NOT_WELL, leadership.trouble


def _look_at_worker(name: str) -> tuple[int, str]:
    host = socket.gethostname()
    rows = WorkerProcess.objects.filter(stopped_at=None)
    # Each child of a prefork worker has a row of its own, with its number behind the name.
    rows = rows.filter(name__regex=rf"^{_quote(name)}(/\d+)?$") if name else rows.filter(host=host)
    states = [WorkerState(getattr(row, "state")) for row in with_worker_state(rows)]  # noqa: B009 - an annotation
    who = f"worker {name}" if name else f"worker on {host}"
    if not _PRESENT.intersection(states):
        return NOT_WELL, f"No {who} beats: start it again; its log says why it ended."
    counts = ", ".join(f"{states.count(state)} {state}" for state in WorkerState if state in states)
    return WELL, f"The {who} beats: {counts}."


def _quote(name: str) -> str:
    return "".join(letter if letter.isalnum() else f"\\{letter}" for letter in name)
