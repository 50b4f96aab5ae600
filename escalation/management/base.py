"""What the commands of the desk have in common: the audit says that somebody came through a shell, and as whom."""

import os
import pwd
from typing import Any

from agents.management.base import EngineCommand
from escalation.audit import enter
from escalation.domain.acts import Door


class DeskCommand(EngineCommand):
    """A command of the desk. `--as` says who acts; the system's user says whose shell it was."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Enter through the door of commands, and run."""
        with enter(Door.COMMAND, find_system_user()):
            return super().execute(*args, **options)


def find_system_user() -> str:
    """Return the name of the account that the process belongs to; its number when it has no name.

    Asked of the system, not of the environment, which whoever calls may set.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
