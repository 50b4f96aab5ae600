"""The fraud desk as a Django app."""

from django.apps import AppConfig


class FraudConfig(AppConfig):
    """An example; an installation lists its own apps instead."""

    name = "examples.fraud"
    label = "fraud"
    verbose_name = "Fraud desk"
    default_auto_field = "django.db.models.BigAutoField"
