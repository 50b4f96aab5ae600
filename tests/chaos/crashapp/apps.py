import os

from django.apps import AppConfig


class CrashAppConfig(AppConfig):
    name = "tests.chaos.crashapp"
    label = "crashapp"

    def ready(self) -> None:
        from tests.chaos.crashapp import journal, mail_points, mutants, points, repeating

        if journal.FOLDER_VARIABLE not in os.environ:
            return
        points.install()
        mail_points.install()
        mutants.install(os.environ.get(mutants.VARIABLE, ""))
        repeating.install()
