"""After the commit of an attempt's end: what it sent is routed, and the turn that ended with it is settled."""

import structlog

from agents.domain.classification import describe_error
from orchestration.actors.routing import route_of_run
from orchestration.actors.settling import settle_turn
from orchestration.domain.work import Claim

log = structlog.get_logger(__name__)


def pass_on(claim: Claim, *, sends: bool) -> None:
    """Route and settle; what fails of it is the maintainer's, and no fault of the attempt.

    Args: sends: messages were written with its end.
    """
    if not sends and claim.run.actor is None:
        return
    try:
        if sends:
            route_of_run(claim.run.run_id)
        if claim.run.actor is not None:
            settle_turn(claim.run.run_id)
    except Exception as error:  # noqa: BLE001 - as said above
        log.warning(
            "mail_not_passed_on",
            step=claim.step_id,
            error=describe_error(error),
            next="the maintainer does it",
        )
