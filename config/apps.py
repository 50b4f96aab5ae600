"""Makes the commands `services` and `demo` findable, remembers tries to sign in, and lets log lines look alike."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, register
from django.utils.module_loading import import_string

from config.logs import route_logs


class ConfigAppConfig(AppConfig):
    """Management commands, and the tries to sign in."""

    name = "config"
    verbose_name = "Ringmaster"

    def ready(self) -> None:
        """Set logging up for every process: web, worker, maintainer, command."""
        route_logs()
        register(check_second_factor, Tags.security, deploy=True)


def check_second_factor(**options: Any) -> list[CheckMessage]:
    """Load the check when somebody checks a deployment: roles and rights are more than other commands need."""
    found: list[CheckMessage] = import_string("config.second_factor.checks.check_second_factor")(**options)
    return found
