"""What a hold needs before it is written, and which errors end no attempt."""

from contextlib import AbstractContextManager, nullcontext

import structlog
from django.db import connection, transaction

from agents.domain.classification import describe_error
from agents.domain.interruption import is_order_to_end
from orchestration.conf import get_conf
from orchestration.errors import ClaimLost
from orchestration.outages import is_away
from orchestration.ports import Hold, load_escalator

log = structlog.get_logger(__name__)


def is_beyond_the_attempt(error: BaseException) -> bool:
    """Return whether an error is none of the attempt's own: its claim is lost, the database away, the process ends."""
    return issubclass(type(error), ClaimLost) or is_away(error) or is_order_to_end(error)


def savepoint() -> AbstractContextManager[None]:
    """Keep a transaction of the caller's usable for the next try when a conclusion fails in it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def plan_ticket(hold: Hold) -> object | None:
    """Work out what can be of a step's ticket, before the transaction that opens it; this can fail no hold."""
    try:
        with savepoint():
            return load_escalator(get_conf().ESCALATOR).plan_ticket(hold)
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        log.error(
            "ticket_not_planned",
            step=hold.step_id,
            error=describe_error(error),
            next="it opens as its SLA class says, with a note",
        )
        return None
