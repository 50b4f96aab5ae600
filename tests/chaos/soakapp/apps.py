import os

from django.apps import AppConfig


class SoakAppConfig(AppConfig):
    name = "tests.chaos.soakapp"
    label = "soakapp"

    def ready(self) -> None:
        from tests.chaos.crashapp import journal, points

        if journal.FOLDER_VARIABLE in os.environ:
            points.install()
