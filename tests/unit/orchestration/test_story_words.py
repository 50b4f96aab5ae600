"""Whatever an attempt came to, the story of its run has words for it."""

from orchestration.domain.states import AttemptOutcome
from orchestration.management.story import OUTCOME_WORDS


def test_every_outcome_of_an_attempt_has_words_of_its_own() -> None:
    assert OUTCOME_WORDS.keys() == {None, *AttemptOutcome}
    assert len(set(OUTCOME_WORDS.values())) == len(OUTCOME_WORDS)
