"""Makes the commands `services` and `demo` findable, remembers tries to sign in, and lets log lines look alike."""

from django.apps import AppConfig

from config.logs import route_logs


class ConfigAppConfig(AppConfig):
    """Management commands, and the tries to sign in."""

    name = "config"
    verbose_name = "Ringmaster"

    def ready(self) -> None:
        """Set logging up for every process: web, worker, maintainer, command."""
        route_logs()
