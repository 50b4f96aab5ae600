"""How a run ends early by a step whose spec says so."""

from orchestration.domain.states import ResultKind
from orchestration.domain.work import EarlyEnd
from orchestration.planning.run import load_plan


def foresee_end(key: str, output_json: str, workflow_id: int, digest: str) -> EarlyEnd:
    """Return the end of a run by one of its planned steps.

    Its result is what its workflow says, or else what the step put out, by its key.

    Args: digest: of the workflow version.
    """
    spec, _ = load_plan(workflow_id, digest)
    result = None if spec.output else f'{{"{key}":{output_json}}}'
    return EarlyEnd(ResultKind.ENDED, result, f"step:{key}", f"the step '{key}' ended the run")
