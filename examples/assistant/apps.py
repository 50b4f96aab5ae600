"""The assistant as a Django app."""

from django.apps import AppConfig


class AssistantConfig(AppConfig):
    """An example; an installation lists its own apps instead."""

    name = "examples.assistant"
    label = "assistant"
    verbose_name = "Assistant"
    default_auto_field = "django.db.models.BigAutoField"
