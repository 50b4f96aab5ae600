"""The support desk as a Django app."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    """An example; an installation lists its own apps instead."""

    name = "examples.support"
    label = "support"
    verbose_name = "Support desk"
    default_auto_field = "django.db.models.BigAutoField"
