"""System checks: settings of this app that would otherwise fail with the first ticket."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from escalation.conf import get_conf


def check_values(**_: Any) -> list[CheckMessage]:
    """Refuse clocks that make no sense, and say which."""
    try:
        get_conf()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="See escalation/conf.py for what is expected.", id="escalation.E001")]
    return []
