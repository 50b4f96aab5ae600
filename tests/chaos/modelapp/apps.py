from django.apps import AppConfig


class ModelAppConfig(AppConfig):
    """An agent that asks a model, for the workers that need it: building one takes each of them seconds."""

    name = "tests.chaos.modelapp"
    label = "modelapp"
