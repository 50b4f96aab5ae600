"""For each guard of the mail: what it guards holds, and with the guard taken out the very same check fails."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from orchestration.actors import replies, routing, settling, turns
from orchestration.actors.sending import send
from orchestration.actors.settling import settle_turn
from orchestration.executor import asking, mailing
from orchestration.transitions.vocabulary import is_held_by
from tests.guards import cut
from tests.integration.orchestration.committing import test_mail_races as races

pytestmark = pytest.mark.usefixtures("committed_db")
Guard = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _behaviour() -> None:
    races.publish_behaviour()


@pytest.fixture
def without_index() -> Iterator[None]:
    """Take away the index over live turns, which is behind the lock of the actor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'run_one_live_turn'")
        [made] = cursor.fetchone()
        cursor.execute("DROP INDEX run_one_live_turn")
    yield
    with connection.cursor() as cursor:
        cursor.execute(made)


def _no_lock_of_the_actor(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(turns, "_LOCK", cut(turns._LOCK, " FOR NO KEY UPDATE"))


def _mark_stays(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(settling, "note_settled", lambda _: True)


def _no_lock_of_the_sender(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(routing, "_LOCK", "SELECT %(name)s::text AS it")


def _no_look_under_the_lock(patcher: pytest.MonkeyPatch) -> None:
    """With the uniqueness of deliveries taken out too, as that alone is a net behind the lock."""
    patcher.setattr(routing, "_STILL", cut(routing._STILL, " AND routed_at IS NULL"))


def _two_answers(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(replies, "_REPLY", cut(replies._REPLY, "ON CONFLICT DO NOTHING "))


def _answers_whatever_is_open(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(replies, "_ANSWER", cut(replies._ANSWER, " AND c.state = 'open'"))


def _anybody_asks(patcher: pytest.MonkeyPatch) -> None:
    guard = is_held_by("s", "%(token)s::uuid")
    patcher.setattr(asking, "_SEND", cut(asking._SEND, f" AND {guard}"))


def _sent_before_the_commit(patcher: pytest.MonkeyPatch) -> None:
    def send_now(_outbox: Any, to: str, body: Any) -> None:
        with patch("orchestration.actors.sending.pass_on", lambda _: None):
            send(to, body)

    patcher.setattr("agents.domain.outbox.Outbox.send", send_now)


_MUTANTS: dict[str, tuple[Guard, Callable[[], None]]] = {
    "no lock of the actor": (
        _no_lock_of_the_actor,
        lambda: races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address()),
    ),
    "the mark of a turn stays": (
        _mark_stays,
        lambda: races.test_two_that_settle_a_turn_settle_it_once(races.new_address()),
    ),
    "no lock of the sender": (
        _no_lock_of_the_sender,
        races.test_two_that_route_an_answer_give_it_once,
    ),
    "no look under the lock": (_no_look_under_the_lock, races.test_two_that_route_an_answer_give_it_once),
    "two answers": (_two_answers, races.test_of_two_answers_the_first_counts),
    "an answer after the time": (
        _answers_whatever_is_open,
        races.test_a_reply_that_meets_a_timeout_is_late_and_the_other_way_round,
    ),
    "anybody asks": (_anybody_asks, races.test_a_zombie_asks_nothing),
    "sent before the commit": (
        _sent_before_the_commit,
        lambda: races.test_a_zombie_sends_nothing(races.new_address()),
    ),
}


@pytest.mark.breaks_guards
@pytest.mark.parametrize("name", _MUTANTS)
def test_without_its_guard_the_check_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_out, check = _MUTANTS[name]
    take_out(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever way: that it fails is what is asked
        check()


@pytest.mark.breaks_guards
@pytest.mark.usefixtures("without_index")
def test_without_index_and_lock_two_turns_begin_but_for_the_number_of_the_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The turn's number in the run's key is a third net: two of one number can't be."""
    _no_lock_of_the_actor(monkeypatch)
    with pytest.raises(RuntimeError, match="begun already"):
        races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address())


def test_without_a_look_after_the_commit_the_maintainer_ends_it_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who does not look only leaves work: the next turn begins with the next sweep."""
    monkeypatch.setattr(mailing, "settle_turn", lambda _: False)
    address = races.new_address()
    first, second = races.send(address, 1), races.send(address, 2)
    [turn] = races.live(address)
    races.work(turn)
    assert races.live(address) == []
    settle_turn(turn.pk)
    [following] = races.live(address)
    races.work(following)
    settle_turn(following.pk)
    assert races.states(first, second) == ["done", "done"]
