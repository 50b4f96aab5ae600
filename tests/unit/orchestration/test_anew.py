"""What a held step will do when it is sent back, for each stage and with and without a proposal."""

import pytest

from orchestration.domain.anew import Anew, foresee_anew
from orchestration.domain.states import Stage

_WITHOUT_PROPOSAL = {
    Stage.FRESH: Anew.SAME_KEY,
    Stage.CALLS: Anew.SAME_KEY,
    Stage.SUMMARIES: Anew.SAME_KEY,  # it had not begun: it waited for what it is given
    Stage.ITEMS: Anew.COLLECTS,
    Stage.SPAWNED: Anew.COLLECTS,
    Stage.CHILD_RUN: Anew.NEW_RUN,
    Stage.VERDICTS: Anew.NEW_KEY,  # its verifiers saw the work, although nobody else did
}


@pytest.mark.parametrize("stage", Stage)
def test_a_proposal_is_made_anew_and_nothing_else_loses_its_key(stage: Stage) -> None:
    assert foresee_anew(stage, has_proposal=True) is Anew.NEW_KEY
    assert foresee_anew(stage, has_proposal=False) is _WITHOUT_PROPOSAL[stage]
