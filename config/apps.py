"""Makes the commands `services` and `demo` findable."""

from django.apps import AppConfig


class ConfigAppConfig(AppConfig):
    """An app without models: it only carries management commands."""

    name = "config"
    verbose_name = "Ringmaster"
