"""What a person asks of the notifier: a message that was given up once more, or a test."""

import uuid

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.notices import Happening
from escalation.models import ClockTimestamp, Delivery
from escalation.notify.announce import announce


def send_again(delivery_id: uuid.UUID, user: AbstractBaseUser) -> bool:
    """Let a message that was given up be tried anew, under its old id; False: it was not given up."""
    with transaction.atomic():
        lost = Delivery.objects.filter(pk=delivery_id, gave_up_at__isnull=False)
        if not lost.update(gave_up_at=None, tries=0, due_at=ClockTimestamp()):
            return False
        record(Act.TOLD, user, message=str(delivery_id), again=True)
    return True


def send_test(user: AbstractBaseUser, channel: str = "") -> None:
    """Send a test at once: to the person, as they chose to be told, or over a channel to whom its settings name."""
    people, channels = ([], [channel]) if channel else ([user.pk], [])
    with transaction.atomic():
        announce(Happening.TEST, key=f"test:{uuid.uuid4()}", people=people, channels=channels)
        record(Act.TOLD, user, test=True, channel=channel)
