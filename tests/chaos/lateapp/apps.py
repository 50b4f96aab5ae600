from django.apps import AppConfig


class LateAppConfig(AppConfig):
    """An app that is installed on some workers and not on others."""

    name = "tests.chaos.lateapp"
    label = "lateapp"
