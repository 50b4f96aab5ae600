"""What somebody can take on: how much, what they know, and when they are away."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.models import ReviewerProfile
from escalation.queues import describe_profile, record_change


def change_profile(
    user: AbstractBaseUser, person: AbstractBaseUser, changed: Mapping[str, Any]
) -> ReviewerProfile:
    """Change the profile of a person, made if they have none; what is left out stays. The caller may.

    Args: user: who changes it.  changed: columns of the profile with their new values.
    Raises: django.core.exceptions.ValidationError: by field; nothing was changed.
    """
    with transaction.atomic():
        ReviewerProfile.objects.get_or_create(user_id=person.pk)
        # Two who change it at once do so one after the other, so that each tells what they found.
        profile = ReviewerProfile.objects.select_for_update().get(user=person.pk)
        before = describe_profile(profile)
        for name, value in changed.items():
            setattr(profile, name, value)
        profile.clean()
        profile.save()
        record_change(user, None, _name(person), before, describe_profile(profile))
    return profile


def remove_profile(user: AbstractBaseUser, person: AbstractBaseUser) -> None:
    """Take the profile of a person away: they are present, with room for any number of tickets and without tags."""
    with transaction.atomic():
        for profile in ReviewerProfile.objects.select_for_update().filter(user=person.pk):
            record_change(user, None, _name(person), describe_profile(profile), {})
            profile.delete()


def _name(person: AbstractBaseUser) -> str:
    return f"profile of {person.get_username()}"
