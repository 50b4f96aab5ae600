"""The desk team as a Django app."""

from django.apps import AppConfig


class DeskTeamConfig(AppConfig):
    """An example; an installation lists its own apps instead."""

    name = "examples.desk_team"
    label = "desk_team"
    verbose_name = "Desk team"
