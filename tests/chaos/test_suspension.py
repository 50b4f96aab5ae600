"""A worker that is stopped beyond its lease and goes on later: it has lost its claim, and its write is refused."""

import pytest

from orchestration.models import Attempt
from tests.chaos.arena import Arena
from tests.chaos.scenarios import suspend_beyond_the_lease


@pytest.fixture(scope="module")
def maintained(arena: Arena) -> Arena:
    arena.maintainer()
    return arena


def test_the_late_write_is_refused_and_recorded(maintained: Arena) -> None:
    run = suspend_beyond_the_lease(maintained)

    assert maintained.find_faults([run], most_starts=2) == []
    first, second = Attempt.objects.filter(step__run=run, step__key="only").order_by("number")
    assert (first.outcome, second.outcome) == ("crashed", "answered")
    assert run.steps.get(key="only").output["token"] == str(second.token)
    (refusal,) = run.events.filter(kind="late_write_refused")
    assert str(first.token) in refusal.data_json


@pytest.mark.breaks_guards
def test_without_the_token_in_the_write_the_judge_sees_it(maintained: Arena) -> None:
    run = suspend_beyond_the_lease(maintained, mutant="write_without_token")

    faults = maintained.find_faults([run], most_starts=2)

    assert "only: the output of an old token was recorded" in faults
