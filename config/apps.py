"""Makes the commands `services` and `demo` findable, and carries what the sign-in remembers."""

from django.apps import AppConfig


class ConfigAppConfig(AppConfig):
    """Management commands, and the tries to sign in."""

    name = "config"
    verbose_name = "Ringmaster"
