"""What must be there before the processes start; all of it may be done again without harm."""

import secrets

from django.contrib.auth import get_user_model
from django.core.management import call_command

ADMIN_NAME = "admin"


def prepare_database() -> None:
    """Bring the tables up to date, publish the workflows and load the sample shop."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("publish_workflows", verbosity=0)
    call_command("load_shop", verbosity=0)


def ensure_admin() -> str | None:
    """Create the admin user; return the password this once, None when the user was there already."""
    users = get_user_model().objects
    if users.filter(username=ADMIN_NAME).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(username=ADMIN_NAME, password=password)
    return password
