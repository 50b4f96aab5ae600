"""What is told of answers, when, and what becomes of it while nobody can be told; no server, no clock but ours."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from agents.deltas import ChannelAway
from agents.deltas.speeches import UNHEARD_SECONDS, WHOLE_SECONDS, Speech
from agents.deltas.telling import AWAY_SECONDS, Teller
from agents.domain.deltas import MOST_CHARACTERS, MOST_NAME, Delta, read_deltas


@dataclass
class Readers:
    """Hears what is told."""

    count: int | None = 1
    told: list[tuple[str, list[Delta]]] = field(default_factory=list)

    def tell(self, channel: str, text: str) -> int:
        if self.count is None:
            raise ChannelAway("ConnectionError: refused")
        self.told.append((channel.rpartition(":")[2], read_deltas(text.encode())))
        return self.count

    def take(self) -> list[Delta]:
        deltas = [delta for _, deltas in self.told for delta in deltas]
        self.told.clear()
        return deltas


@pytest.fixture
def readers() -> Readers:
    return Readers()


@pytest.fixture
def teller(readers: Readers) -> Teller:
    return Teller(readers)


def _begin_heard(teller: Teller, readers: Readers, call: int = 7) -> Speech:
    """Begin an answer that somebody listens to; until now its beginning was told."""
    speech = teller.begin("run", call, 1)
    teller.flush(100.0)
    teller.flush(100.0)
    assert readers.take()[0] == Delta(call, 1)
    return speech


def test_pieces_follow_one_another_and_the_end_is_told_once(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    speech.say("It is ")
    speech.say("on its ")
    teller.flush(100.1)
    speech.say("way")
    speech.want_tool("look")
    teller.flush(100.2)
    speech.say(".")
    speech.end()
    teller.flush(100.3)
    teller.flush(200.0)
    assert readers.take() == [
        Delta(7, 1, 0, "It is on its "),
        Delta(7, 1, 13, "", ("look",)),
        Delta(7, 1, 13, "way.", ("look",), is_over=True),
    ]


def test_all_of_it_is_told_anew_now_and_then_for_whoever_came_later(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    speech.say("It is late. ")
    teller.flush(100.1)
    teller.flush(100.2)
    assert readers.take() == [Delta(7, 1, 0, "It is late. ")]
    teller.flush(100.2 + WHOLE_SECONDS)
    assert readers.take() == [Delta(7, 1, 0, "It is late. ")]


def test_while_nobody_listens_only_that_there_is_something_is_told(teller: Teller, readers: Readers) -> None:
    readers.count = 0
    speech = teller.begin("run", 7, 1)
    speech.say("long text " * 100)
    teller.flush(100.0)
    teller.flush(100.5)
    assert readers.take() == [Delta(7, 1)]
    readers.count = 1
    teller.flush(100.0 + UNHEARD_SECONDS)
    teller.flush(100.0 + UNHEARD_SECONDS)
    assert readers.take() == [Delta(7, 1), Delta(7, 1, 0, "long text " * 100)]


def test_answers_of_one_run_are_one_message_and_each_run_has_its_own(
    teller: Teller, readers: Readers
) -> None:
    for run, call in (("one", 1), ("two", 2), ("one", 3)):
        teller.begin(run, call, 1)
    teller.flush(100.0)
    assert [(run, [delta.call for delta in deltas]) for run, deltas in readers.told] == [
        ("one", [1, 3]),
        ("two", [2]),
    ]


def test_while_the_server_is_away_one_line_is_logged_and_it_is_not_asked(
    teller: Teller, readers: Readers
) -> None:
    speech = _begin_heard(teller, readers)
    asked: list[float] = []
    tell: Callable[[str, str], int] = readers.tell
    now = 100.0

    def count(channel: str, text: str) -> int:
        asked.append(now)
        return tell(channel, text)

    readers.tell = count  # type: ignore[method-assign]
    readers.count = None
    with capture_logs() as logs:
        for _ in range(40):
            now += UNHEARD_SECONDS / 2
            speech.say("more ")
            teller.flush(now)
        readers.count = 1
        teller._away_until = 0
        for _ in range(3):
            now += UNHEARD_SECONDS
            teller.flush(now)
    assert [line["event"] for line in logs] == ["deltas_away", "deltas_back"]
    assert len(asked) < 10, "it is asked again only after a while"
    assert readers.take()[-1] == Delta(7, 1, 0, "more " * 40)
    assert AWAY_SECONDS > UNHEARD_SECONDS


def test_what_is_over_is_forgotten_though_nobody_could_be_told(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    readers.count = None
    speech.say("late")
    speech.end()
    teller.flush(100.1)
    assert teller._speeches == []


def test_a_long_answer_is_told_as_far_as_its_bound(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    for _ in range(100):
        speech.say("a word " * 1_000)
        teller.flush(100.1)
    text = "".join(delta.text for delta in readers.take())
    assert len(text) == MOST_CHARACTERS
    assert len(speech._text) < 3 * MOST_CHARACTERS


def test_what_no_json_can_hold_keeps_nothing_from_being_heard(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    speech.say("a\x00b\ud800 c ")
    teller.flush(100.1)
    assert [delta.text for delta in readers.take()] == ["a\ufffdb\ufffd c "]


def test_a_secret_is_masked_though_it_comes_in_pieces(teller: Teller, readers: Readers) -> None:
    speech = _begin_heard(teller, readers)
    for piece in ("Use sk-", "live-a1B2a1B2", "a1B2a1B2a1B2 ", "now."):
        speech.say(piece)
        teller.flush(100.1)
    speech.end()
    teller.flush(100.2)
    assert "".join(delta.text for delta in readers.take()) == "Use [redacted] now."


def test_adding_waits_for_nobody(readers: Readers) -> None:
    """The lock is held by somebody else for ever, as by a thread that hangs in the server's connection."""
    teller = Teller(readers)
    speech = teller.begin("run", 7, 1)
    with teller._lock:
        speech.say("a")
        speech.want_tool("look")
        speech.end()
    assert json.dumps(list(speech._said)) == '["a"]'


def test_a_name_that_no_tool_can_have_keeps_nothing_else_from_being_told(
    teller: Teller, readers: Readers
) -> None:
    speech = _begin_heard(teller, readers)
    speech.want_tool("look" * 100 + "\ud800")
    speech.say("on its way")
    teller.flush(101.0)
    assert readers.take() == [Delta(7, 1, 0, "on its ", ("look" * (MOST_NAME // 4),))]
