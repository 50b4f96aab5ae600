"""How much the children of a step may put out together: the limit is told while most of them are not begun."""

from collections.abc import Sequence
from typing import Final

import structlog

from orchestration.conf import get_conf
from orchestration.domain.plan import name_generation
from orchestration.domain.states import StepKind
from orchestration.domain.work import Claim, Predecessor
from orchestration.selectors.trees import count_stopped, sum_outputs
from orchestration.transitions.stopping import stop_siblings

log = structlog.get_logger(__name__)
# Who puts out a sixteenth of the limit looks how much it is by now; of those with less, so many that the looks are as
# often. What puts out little never pays for it.
_LOOKS: Final = 16
_GROWN: Final = frozenset({StepKind.ITEM, StepKind.SPAWNED})


def stop_beyond_limit(claim: Claim, output_json: str) -> None:
    """After a step's finish: once its siblings are together over the limit, let those rest that were not begun."""
    limit = get_conf().MAX_COLLECTED_BYTES
    if claim.kind not in _GROWN or not _looks(claim, len(output_json), limit):
        return
    try:
        total = sum_outputs(claim.step_id)
        if total <= limit:
            return
        stopped = stop_siblings(claim, f"not begun: what is done has {total:,} bytes, the limit is {limit:,}")
        if stopped:
            log.warning("siblings_stopped", step=claim.step_id, stopped=stopped, bytes=total, limit=limit)
    except Exception as error:  # noqa: BLE001 - this step is finished, whatever happens here
        log.warning(
            "limit_not_looked_at",
            step=claim.step_id,
            error=str(error),
            next="the next sibling looks, or who collects",
        )


def _looks(claim: Claim, size: int, limit: int) -> bool:
    return claim.token.int % max(1, limit // (_LOOKS * max(1, size))) == 0


def describe_excess(claim: Claim, finished: Sequence[Predecessor]) -> str | None:
    """Return why what a step's finished children gave can't be put together; None: it can."""
    limit = get_conf().MAX_COLLECTED_BYTES
    total = sum(len(child.output_json.encode()) for child in finished)
    stopped = count_stopped(claim.step_id, name_generation(claim.key, claim.revision))
    if total <= limit and not stopped:
        return None
    rest = f"; {stopped:,} more were not begun" if stopped else ""
    return (
        f"the {len(finished):,} that are done put out {total:,} bytes together, "
        f"MAX_COLLECTED_BYTES is {limit:,}{rest}. "
        "Raise the limit and send the step back: what is done stays, and what was not begun is done. Or skip it, give "
        "the output yourself, or abort and let each hand on a reference instead"
    )
