"""System checks: settings of this app that would otherwise fail with the first ticket."""

from typing import Any

from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - Django's word
from django.core.exceptions import ImproperlyConfigured

from escalation.conf import get_conf


def check_values(**_: Any) -> list[CheckMessage]:
    """Refuse clocks that make no sense, and say which."""
    try:
        get_conf()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="See escalation/conf.py for what is expected.", id="escalation.E001")]
    return []


def check_channels(**_: Any) -> list[CheckMessage]:
    """Say where the team of a queue that has chosen no channel is told nothing, not even of a missed deadline."""
    try:
        conf = get_conf()
    except ImproperlyConfigured:
        return []  # check_values says what is wrong
    if conf.team_channels:
        return []
    has_none = (
        "names no channel" if not conf.channels else "has no channel for mail that says whom it goes 'to'"
    )
    return [
        Info(
            f"RINGMASTER['CHANNELS'] {has_none}: of a review queue that has chosen no channel, nobody is told of "
            "warnings and missed deadlines",
            hint="Add one with 'kind': 'mail' and 'to', or choose channels at each review queue.",
            id="escalation.I001",
        )
    ]


def check_own_decisions(**_: Any) -> list[CheckMessage]:
    """Warn where people may decide what they asked for: `check --deploy` says so each time."""
    try:
        is_on = get_conf().OWN_DECISIONS
    except ImproperlyConfigured:
        return []  # check_values says what is wrong
    if not is_on:
        return []
    return [
        Warning(
            "RINGMASTER['OWN_DECISIONS'] is on: whoever asks for a run may approve what its agents do for them",
            hint="Switch it off as soon as two people work with this installation.",
            id="escalation.W001",
        )
    ]
