"""What the commands of the desk have in common: the audit says that somebody came through a shell, and as whom."""

from typing import Any

from agents.management.base import EngineCommand
from escalation.audit import enter
from escalation.audit.origin import find_system_user
from escalation.domain.acts import Door


class DeskCommand(EngineCommand):
    """A command of the desk. `--as` says who acts; the system's user says whose shell it was."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Enter through the door of commands, and run."""
        with enter(Door.COMMAND, find_system_user()):
            return super().execute(*args, **options)
