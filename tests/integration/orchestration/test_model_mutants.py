"""For each guard of what agents ask models: with the guard taken out, a check of the engine with models fails.

The checks are tests of their own; here only their failing without the guard is looked at.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from agents.domain import calls
from agents.domain.calls import Kept
from orchestration.executor import journal as engine
from orchestration.executor.journal import ClaimJournal
from orchestration.journal import writing
from orchestration.models import CallTry
from orchestration.transitions.vocabulary import is_held_by
from tests.guards import cut
from tests.integration.orchestration import test_model_agents as models
from tests.integration.orchestration import test_tool_approvals as approvals

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_guards]
Guard = Callable[[pytest.MonkeyPatch], None]
_TOKEN = is_held_by("s", "%(token)s::uuid")


@pytest.fixture(autouse=True)
def _forget() -> None:
    models.OUTSIDE.__init__()  # type: ignore[misc]
    approvals.DONE.clear()
    approvals.FAILS.clear()


def _a_counter_in_place_of_the_path(patcher: pytest.MonkeyPatch) -> None:
    """As engines do that number what is asked of them in the order in which it is."""
    made: Counter[calls.Calls] = Counter()

    def enter(place: Any, _part: str) -> str:
        made[place.calls] += 1
        return f"call {made[place.calls]}"

    patcher.setattr(calls._Place, "enter", enter)


def _no_token_in_the_end(patcher: pytest.MonkeyPatch) -> None:
    for name in ("_END", "_END_BOOKED"):
        patcher.setattr(writing, name, cut(getattr(writing, name), f" AND {_TOKEN}"))


def _no_digest_at_the_beginning(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(writing, "_BEGIN", cut(writing._BEGIN, " AND request_digest = %(digest)s::text"))


def _no_digest_at_the_replay(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(engine, "answer_from", lambda _wish, _digest, response: Kept(response))


def _answers_are_not_kept(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(engine, "end_call", lambda *_, **__: ())


def _answers_are_not_looked_for(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(engine, "load_kept_calls", lambda *_: {})
    patcher.setattr(writing, "_BEGIN", cut(writing._BEGIN, "WHERE state = 'begun' AND ", "WHERE "))


def _usage_is_not_kept(patcher: pytest.MonkeyPatch) -> None:
    end = ClaimJournal.end
    patcher.setattr(ClaimJournal, "end", lambda self, wish, begun, text, *_: end(self, wish, begun, text))


_MUTANTS: dict[str, tuple[Guard, Callable[[], None]]] = {
    "a counter, agents inside tools": (
        _a_counter_in_place_of_the_path,
        models.test_an_agent_inside_a_tool_goes_on_where_it_was,
    ),
    "no token in the end": (
        _no_token_in_the_end,
        models.test_an_answer_of_a_model_under_an_old_claim_is_refused_recorded_and_its_cost_lost,
    ),
    "no digest at the beginning": (
        _no_digest_at_the_beginning,
        models.test_a_request_that_failed_and_would_be_another_now_is_not_made,
    ),
    "no digest at the replay": (
        _no_digest_at_the_replay,
        models.test_another_schema_of_a_tool_than_before_goes_to_a_person,
    ),
    "answers are not kept": (
        _answers_are_not_kept,
        models.test_only_what_was_under_way_at_a_death_is_made_twice,
    ),
    "answers are not looked for": (
        _answers_are_not_looked_for,
        models.test_a_request_that_failed_is_the_only_one_made_again,
    ),
    "usage is not kept": (_usage_is_not_kept, models.test_a_model_agent_answers_by_calls_that_are_kept),
}


@pytest.mark.parametrize("name", _MUTANTS)
def test_without_its_guard_the_check_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_out, check = _MUTANTS[name]
    take_out(monkeypatch)
    with capture_logs() as said, pytest.raises((AssertionError, CallTry.MultipleObjectsReturned)):
        check()
    assert "engine_fault" not in {line["event"] for line in said}, "it fails for another reason"
