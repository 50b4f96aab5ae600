"""What is known of devices and merchants: asked of an outside service, or read from the bank's own older copy.

The service is ours and only looks like somebody else's: it can be switched off (`manage.py reputation --down`), it
counts its calls, and it answers as slowly or as wrongly as it is told to. It stands for what no bank controls.
"""

from collections.abc import Mapping
from typing import Any

from examples.fraud.books import Payment
from examples.fraud.models import ServiceCall, ServiceSwitch
from examples.fraud.signs import read_reputation


def ask_service(known: Mapping[str, float], payment: Payment) -> dict[str, Any]:
    """Ask the outside service.

    Raises: ConnectionError: it does not answer.
    """
    is_down = ServiceSwitch.is_down()
    ServiceCall.objects.create(payment=payment.id, was_answered=not is_down)
    if is_down:
        raise ConnectionError("the reputation service does not answer")
    return read_reputation(known, payment) | {"said_by": "service"}


def read_copy(known: Mapping[str, float], payment: Payment) -> dict[str, Any]:
    """Look into the bank's own copy."""
    return read_reputation(known, payment) | {"said_by": "copy"}
