"""running -> available under another agent: what the one before gave up, the next in the spec's chain is asked for."""

import json

from orchestration.domain.receipts import canonical
from orchestration.domain.work import AttemptEnd, Claim, NextAgent
from orchestration.history import EventKind
from orchestration.transitions.end import end_claim, ending_statement
from orchestration.transitions.revise import DETACH_CHILDREN, FORGET_CHILDREN

_FALL_BACK = ending_statement(
    EventKind.STEP_FELL_BACK,
    "status = 'available', agent = %(agent)s, queue = %(queue)s, timeout_seconds = %(seconds)s, "
    "pools = %(pools)s::text::jsonb, fallbacks = s.fallbacks + 1, failures = 0, waits_for = '', "
    f"dispatches = s.dispatches + 1, dispatched_at = clock_timestamp(), {FORGET_CHILDREN}",
    more=DETACH_CHILDREN,
)


def fall_back(claim: Claim, end: AttemptEnd, to: NextAgent) -> None:
    """Move a running step whose agent gave up to `available`, to be done by its next agent.

    Tries are counted afresh, crashes are not: they tell of the work as much as of the agent.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(
        _FALL_BACK,
        claim,
        end,
        event=canonical({"rule": end.rule, "from": claim.agent, "to": to.agent}),
        agent=to.agent,
        queue=to.queue,
        seconds=to.timeout_seconds,
        pools=json.dumps(dict(to.pools)),
    )
