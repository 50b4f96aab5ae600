"""What a listener is told: only of queues that it may look at, the latest of each ticket, and never a pile."""

import asyncio
from datetime import UTC, datetime

from escalation.live import watcher
from escalation.live.watcher import Listener
from escalation.selectors.changes import Change, Look
from escalation.selectors.listening import View
from orchestration.selectors.entries import Entry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _change(number: int, queue: int, status: str = "open") -> Change:
    return Change(number, queue, status, NOW, NOW, None, None, None)


def _listen(*queues: int, tickets: tuple[int, ...] = ()) -> Listener:
    return Listener(Entry(1), View(frozenset(queues), frozenset(tickets)))


def _take(listener: Listener) -> tuple[bool, list[Change], list[Look]]:
    return asyncio.run(listener.take(0))


def test_the_first_word_is_to_ask_anew() -> None:
    listener = _listen(1)
    assert _take(listener)[0]
    assert not _take(listener)[0]


def test_other_queues_are_not_told() -> None:
    listener = _listen(1)
    listener.tell([_change(7, 1), _change(8, 2)], [Look(7, 1, ("ben",)), Look(8, 2, ("eva",))], is_whole=True)
    _, changes, looks = _take(listener)
    assert [one.id for one in changes] == [one.id for one in looks] == [7]


def test_a_guest_is_told_of_the_ticket_that_was_opened_to_them() -> None:
    listener = _listen(tickets=(8,))
    listener.tell([_change(7, 2), _change(8, 2)], [Look(7, 2, ("ben",)), Look(8, 2, ("eva",))], is_whole=True)
    listener.allow(View(tickets=frozenset({8, 9})))
    assert not listener.is_over
    _, changes, looks = _take(listener)
    assert [one.id for one in changes] == [one.id for one in looks] == [8]


def test_the_latest_of_a_ticket_takes_the_place_of_what_was_not_taken() -> None:
    listener = _listen(1)
    listener.tell([_change(7, 1)], [], is_whole=True)
    listener.tell([_change(7, 1, "resolved")], [], is_whole=True)
    assert _take(listener)[1] == [_change(7, 1, "resolved")]


def test_what_was_put_aside_is_dropped_with_the_right() -> None:
    listener = _listen(1, 2)
    listener.tell([_change(7, 1), _change(8, 2)], [Look(7, 1, ("ben",)), Look(8, 2, ("eva",))], is_whole=True)
    listener.allow(View(frozenset({1})))
    anew, changes, looks = _take(listener)
    assert (anew, listener.is_over) == (True, False)
    assert [one.id for one in changes] == [one.id for one in looks] == [7]


def test_from_then_on_it_is_told_of_what_it_may_see_now() -> None:
    # given: queue 2 was taken from it, queue 3 was given to it
    listener = _listen(1, 2)
    listener.allow(View(frozenset({1, 3})))
    _take(listener)

    listener.tell(
        [_change(7, 1), _change(8, 2), _change(9, 3)],
        [Look(7, 1, ("ben",)), Look(8, 2, ("eva",)), Look(9, 3, ("ida",))],
        is_whole=True,
    )

    anew, changes, looks = _take(listener)
    assert (anew, [one.id for one in changes], [one.id for one in looks]) == (False, [7, 9], [7, 9])


def test_who_may_look_nowhere_hears_no_more() -> None:
    listener = _listen(1)
    listener.tell([_change(7, 1)], [Look(7, 1, ("ben",))], is_whole=True)
    listener.allow(View())
    assert listener.is_over
    assert _take(listener)[1:] == ([], [])


def test_nothing_piles_up() -> None:
    listener = _listen(1)
    _take(listener)
    listener.tell([_change(number, 1) for number in range(watcher.MOST_PENDING + 1)], [], is_whole=True)
    assert _take(listener) == (True, [], [])
    listener.tell([_change(7, 1)], [], is_whole=False)
    assert _take(listener) == (True, [], [])
