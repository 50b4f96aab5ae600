"""How somebody wants to be told: a line for all review queues, and one for each that differs."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import F, QuerySet
from django.forms import model_to_dict

from escalation.models import Preference
from escalation.queues import record_change


def list_preferences(person: AbstractBaseUser) -> QuerySet[Preference]:
    """Return the lines of a person, that for all other queues first."""
    own = Preference.objects.filter(user=person.pk).select_related("queue__project")
    return own.order_by(F("queue__project__slug").asc(nulls_first=True), "queue__slug")


def save_preferences(person: AbstractBaseUser, lines: Sequence[Preference]) -> None:
    """Put other lines in the place of a person's, in one piece. They were checked, and are about a queue once each."""
    with transaction.atomic():
        # Two windows at once count one after the other.
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        before = describe_preferences(person)
        Preference.objects.filter(user=person.pk).delete()
        Preference.objects.bulk_create(lines)
        tell_change(person, before)


def tell_change(person: AbstractBaseUser, before: dict[str, Any]) -> None:
    """Tell the audit what a person changed about how they are told: an auditor asks why somebody was not."""
    after = describe_preferences(person)
    record_change(person, None, f"notifications of {person.get_username()}", before, after)


def describe_preferences(person: AbstractBaseUser) -> dict[str, Any]:
    """Return how a person is told as JSON values, by what it is about."""
    return {
        f"{line.queue.project.slug}/{line.queue.slug}" if line.queue else "everything else": {
            name: str(value) if name.startswith("quiet") and value is not None else value
            for name, value in model_to_dict(line, exclude=("id", "user", "queue")).items()
        }
        for line in list_preferences(person)
    }
