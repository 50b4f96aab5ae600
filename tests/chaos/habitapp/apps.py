from django.apps import AppConfig


class HabitAppConfig(AppConfig):
    """Agents with bad habits, and some that look what is left of them."""

    name = "tests.chaos.habitapp"
    label = "habitapp"
