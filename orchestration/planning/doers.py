"""Who does a step that starts afresh: the agent of its spec again, not the fallback that had it."""

from collections.abc import Sequence

from orchestration.domain.plan import resolve_spec
from orchestration.domain.rows import Doer, Fallen
from orchestration.domain.states import StepKind
from orchestration.models import Step
from orchestration.planning.run import load_plan
from orchestration.planning.terms import find_terms


def find_first_doers(fallen: Sequence[Fallen]) -> list[Doer]:
    """Return for each step that fell back the agent of its spec, with its terms."""
    if not fallen:
        return []
    steps = Step.objects.select_related("run__workflow").in_bulk([one.step_id for one in fallen])
    return [_find_first(steps[one.step_id], one) for one in fallen]


def _find_first(step: Step, fallen: Fallen) -> Doer:
    workflow = step.run.workflow
    planned = load_plan(workflow.pk, workflow.digest)[0].step_map
    spec = resolve_spec(planned, StepKind(fallen.kind), fallen.spec_key, fallen.spec_json, step.agent)
    terms = find_terms(spec.agent, spec.timeout_seconds)
    return Doer(step.pk, spec.agent, terms.queue, terms.timeout_seconds, dict(terms.pools))
