"""running -> succeeded of a step whose spec says that its run ends with it."""

from django.db import transaction

from orchestration.domain.receipts import canonical
from orchestration.domain.signing import Signer
from orchestration.domain.work import AttemptEnd, Claim, EarlyEnd, FinalOutput
from orchestration.transitions.finish import finish_step
from orchestration.transitions.stop import finish_run
from orchestration.transitions.tree import lock_run


def finish_with_step(
    claim: Claim, end: AttemptEnd, final: FinalOutput, early: EarlyEnd, signer: Signer
) -> None:
    """Move a running step to `succeeded` and its run with it.

    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)  # before the step, as everybody who orders something
        finish_step(claim, end, final)
        event = canonical({"by": early.by, "reason": early.reason})
        finish_run(claim.run.run_id, early, signer, event_json=event)
