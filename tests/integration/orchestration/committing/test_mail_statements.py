"""How often mail asks the database: each statement is a round trip that every message or turn pays.

What begins and ends transactions is not counted: two more for a turn that is started or settled, none for a message.
"""

from collections.abc import Iterator
from uuid import UUID

import pytest

from orchestration import actors
from orchestration.actors.settling import settle_turn
from orchestration.dispatch import mute_dispatch
from orchestration.executor import mailing
from tests.integration.orchestration.committing import test_mail_races as races
from tests.statements import record_statements

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An actor that has read a message; what its turns owe when they end is left to the test."""
    races.publish_behaviour()
    monkeypatch.setattr(mailing, "settle_turn", lambda _: False)
    address = races.new_address()
    races.send(address)
    _read(address)
    with mute_dispatch():
        yield address


def _end(address: str) -> UUID:
    """Perform the live turn of an actor and return its id; it is not settled."""
    [turn] = races.live(address)
    races.work(turn)
    return turn.pk


def _read(address: str) -> None:
    turn = _end(address)
    with mute_dispatch():
        settle_turn(turn)


def test_a_message_to_an_actor_at_rest_is_written_delivered_and_begins_a_turn(address: str) -> None:
    with record_statements() as sent:
        actors.send(address, 1)
    # The door; the message; whose mail, delivered, who can start; the actor, what it does, its
    # mail, a run and its plan, the mail taken; the message as it is now.
    assert len(sent) == 12, sent


def test_a_message_to_an_actor_in_a_turn_is_written_and_delivered(address: str) -> None:
    actors.send(address, 1)
    with record_statements() as sent:
        actors.send(address, 2)
    assert len(sent) == 6, sent


def test_a_turn_that_ends_with_no_mail_waiting_is_settled(address: str) -> None:
    actors.send(address, 1)
    turn = _end(address)
    with record_statements() as sent:
        assert settle_turn(turn)
    # The actor, the mark with what became of the mail, what it does next, and a look after the commit.
    assert len(sent) == 4, sent


def test_a_turn_that_ends_begins_the_next(address: str) -> None:
    actors.send(address, 1)
    actors.send(address, 2)
    turn = _end(address)
    with record_statements() as sent:
        assert settle_turn(turn)
    # The actor, the mark with what became of the mail; what it does, its mail, a run and its plan, the mail taken.
    assert len(sent) == 7, sent
    assert len(races.live(address)) == 1
