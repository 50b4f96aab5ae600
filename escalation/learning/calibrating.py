"""What an agent's confidence is worth at a step, and which threshold people's decisions propose."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from agents.domain.reading import read_json
from escalation.domain.calibration import (
    Bin,
    Judged,
    Threshold,
    assess_threshold,
    draw_reliability,
    propose_threshold,
)
from escalation.learning.judgements import Work, list_judged_work, load_judged, load_stated
from orchestration.conf import get_conf
from orchestration.domain.spec import load_spec
from orchestration.models import Workflow


@dataclass(frozen=True, slots=True)
class Calibration:
    """What people's decisions say about an agent at a step.

    Attributes:
        judged: how many outputs were judged.  stated: how many answers stated a confidence.
        in_force: the threshold of the workflow's latest version.  now: what it means; None when nothing was judged
            at or above it: what is accepted unseen is not known, and an `audit_rate` would tell.
        proposed: None when no threshold surely meets the wish.
    """

    work: Work
    judged: int
    stated: int
    bins: list[Bin]
    in_force: float
    now: Threshold | None
    wished_error: float
    proposed: Threshold | None


def calibrate(work: Work, since: datetime, wished_error: float) -> Calibration:
    """Reckon what people decided since a moment.

    Args: wished_error: the share of wrong outputs among those accepted unseen, above 0 and below 1.
    """
    judged, stated = load_judged(work, since), load_stated(work, since)
    in_force = find_threshold(work.project, work.workflow, work.step)
    return _reckon(work, judged, stated, in_force, wished_error)


def calibrate_agent(
    agent: str, since: datetime, wished_error: float, projects: Collection[int] | None = None
) -> list[Calibration]:
    """Reckon what people decided about an agent's outputs since a moment, for each step at which they did.

    Args: projects: ids; None for all.
    """
    return [calibrate(work, since, wished_error) for work in list_judged_work(since, projects, agent)]


def find_threshold(project: str, workflow: str, step: str) -> float:
    """Return the least confidence that a step's latest version accepts; the engine's default where it names none."""
    latest = Workflow.objects.filter(project__slug=project, name=workflow).order_by("-version").first()
    steps = load_spec(read_json(latest.spec_json)).steps if latest else ()
    named = next((one.min_confidence for one in steps if one.key == step), None)
    return get_conf().DEFAULT_MIN_CONFIDENCE if named is None else named


def _reckon(
    work: Work, judged: Iterable[Judged], stated: list[float], in_force: float, wished_error: float
) -> Calibration:
    known = list(judged)
    return Calibration(
        work=work,
        judged=len(known),
        stated=len(stated),
        bins=draw_reliability(known),
        in_force=in_force,
        now=assess_threshold(known, stated, in_force),
        wished_error=wished_error,
        proposed=propose_threshold(known, stated, wished_error),
    )


def summarise_calibration(found: Calibration) -> dict[str, Any]:
    """Return a calibration as a JSON object, in the words of the public interface."""
    return {
        **asdict(found.work),
        "judged": found.judged,
        "stated": found.stated,
        "reliability": [asdict(one) for one in found.bins],
        "threshold": {"in_force": found.in_force, "means": found.now and asdict(found.now)},
        "wished_error": found.wished_error,
        "proposal": found.proposed and asdict(found.proposed),
    }
