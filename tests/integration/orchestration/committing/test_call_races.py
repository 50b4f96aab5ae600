"""Two connections at one call: none begins after the commit of a cancel, and of an end and a rescue one is written."""

from typing import Any

import pytest
from django.db import OperationalError

from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from agents.invoke import override
from orchestration import Budget, runs
from orchestration.budgets import load_path
from orchestration.dispatch import mute_dispatch
from orchestration.domain.calls import CallState, TryState
from orchestration.errors import ClaimLost
from orchestration.executor.journal import ClaimJournal
from orchestration.journal.writing import end_call
from orchestration.models import Call, CallTry
from tests.integration.orchestration.rig import AGENT, Rig, graph, race

_WISH = CallWish("charge#1", CallKind.ONCE, "charge", "[5]")


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(graph({"work": ()}))


def _refused(act: Any) -> Any:
    try:
        return act()
    except ClaimLost:
        return ClaimLost


def test_no_call_begins_after_the_commit_of_a_cancel(rig: Rig) -> None:
    journal = ClaimJournal(rig.take("work"), has_calls=False)
    begun = race(lambda: runs.cancel(rig.run_id), lambda: _refused(lambda: journal.begin(_WISH)))
    assert begun is ClaimLost
    assert not Call.objects.filter(run=rig.run_id).exists()


def test_a_cancel_waits_for_a_call_that_begins_and_tells_it_as_lost(rig: Rig) -> None:
    claim = rig.take("work")
    journal = ClaimJournal(claim, has_calls=False)
    begun: list[Any] = []
    race(lambda: begun.append(_begin_here(claim)), lambda: runs.cancel(rig.run_id))
    assert isinstance(begun[0], Begun)
    with pytest.raises(ClaimLost):
        journal.end(_WISH, begun[0], '"paid"')
    assert CallTry.objects.get(run=rig.run_id).state == TryState.LOST


def _begin_here(claim: Any) -> Any:
    """Begin a call on this thread's own connection, inside its transaction, as nobody but a test does."""
    return ClaimJournal(claim, has_calls=False).begin(_WISH)


@pytest.mark.parametrize("is_rescued_first", [False, True])
def test_of_an_answer_and_a_rescue_one_is_written(rig: Rig, is_rescued_first: bool) -> None:
    claim = rig.take("work")
    begun = _begin_committed(claim)
    rescue = lambda: _refused(lambda: rig.free(claim))  # noqa: E731 - two of a kind
    if is_rescued_first:
        outside = ClaimJournal(claim, has_calls=False)
        ended = race(rescue, lambda: _refused(lambda: outside.end(_WISH, begun, '"paid"')))
        assert ended is ClaimLost
    else:
        race(lambda: ClaimJournal(claim, has_calls=False).end(_WISH, begun, '"paid"'), rescue)
    call = Call.objects.get(run=rig.run_id)
    states = (CallState(call.state), TryState(call.tries.get().state))
    assert states == (
        (CallState.BEGUN, TryState.LOST) if is_rescued_first else (CallState.DONE, TryState.DONE)
    )


def test_an_answer_of_a_model_whose_commit_was_not_heard_of_is_found_and_settled_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override({AGENT: lambda _: None}), mute_dispatch():
        limited = Rig(runs.start(rig.run.workflow_name, {}, budget=Budget(tokens=500)).pk, rig.process_id)
    claim = limited.take("work")
    journal = ClaimJournal(claim, has_calls=False, pots=load_path(claim.step_id))
    wish = CallWish("m.request#1", CallKind.MODEL, "fast", "[]")
    begun = journal.begin(wish, Reservation(100))
    assert isinstance(begun, Begun)
    heard: list[int] = []

    def end_unheard(*about: Any, **said: Any) -> Any:
        pots = end_call(*about, **said)
        heard.append(1)
        if len(heard) == 1:
            raise OperationalError("the server closed the connection unexpectedly")
        return pots

    monkeypatch.setattr("orchestration.executor.journal.end_call", end_unheard)
    journal.end(wish, begun, '"said"', CallUsage(30, 10))
    assert heard == [1]
    call = Call.objects.get(run=limited.run_id)
    assert (call.state, call.tries.get().state) == (CallState.DONE, TryState.DONE)
    pot = limited.run.pots.get()
    assert (pot.reserved, pot.spent, pot.lost) == (0, 40, 0)


def _begin_committed(claim: Any) -> Begun:
    begun = ClaimJournal(claim, has_calls=False).begin(_WISH)
    assert isinstance(begun, Begun)
    return begun
