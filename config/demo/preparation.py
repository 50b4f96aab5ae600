"""What must be there before the processes start; all of it may be done again without harm."""

from django.apps import apps
from django.core.management import call_command


def prepare_database() -> None:
    """Bring the tables up to date, publish the workflows and load the sample shop."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("publish_workflows", verbosity=0)
    if apps.is_installed("examples.support"):
        call_command("load_shop", verbosity=0)
