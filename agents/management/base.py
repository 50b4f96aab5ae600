"""What the engine's commands have in common."""

from django.core.management.base import BaseCommand

from agents.domain.settings import SETTINGS


class EngineCommand(BaseCommand):
    """A command that reads or moves rows.

    Of the system checks it runs those of the engine's settings. All of them would load every page of the console and
    the API, which takes longer than most commands; `manage.py check` runs them.
    """

    requires_system_checks = (SETTINGS,)
