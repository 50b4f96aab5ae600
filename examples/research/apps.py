"""The research desk as a Django app."""

from django.apps import AppConfig


class ResearchConfig(AppConfig):
    """An example; an installation lists its own apps instead."""

    name = "examples.research"
    label = "research"
    verbose_name = "Research desk"
