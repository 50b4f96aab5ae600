"""What `check --deploy` says of the second factor."""

from typing import Any

from django.contrib.auth.models import User
from django.core.checks import CheckMessage, Info
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from config.second_factor.policy import decides, is_on


def check_second_factor(**_: Any) -> list[CheckMessage]:
    """Say so where people decide with a password alone. No warning: a deployment that stops at those goes on."""
    try:
        if is_on() or not _do_people_decide():
            return []
    except (ImproperlyConfigured, DatabaseError):
        return []  # other checks say what is wrong; a database that is away says nothing of its people
    return [
        Info(
            "people decide tickets who sign in with their password alone",
            hint="RINGMASTER['TWO_FACTOR'] = 'deciders' asks them for a code of an authenticator app as well.",
            id="config.I001",
        )
    ]


def _do_people_decide() -> bool:
    people = User.objects.filter(is_active=True, is_staff=True).order_by("-is_superuser", "pk")
    return any(map(decides, people.iterator()))
