"""The thread of a worker that tells what its models say, a few times a second, in one message for each run.

It begins with the first answer. Should the server be away, pieces are dropped and one line is logged; the first piece
after it is back holds all of each answer so far.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from agents.conf import get_conf
from agents.deltas.channels import ChannelAway, Channels, name_channel
from agents.deltas.speeches import UNHEARD_SECONDS, Speech
from agents.domain.deltas import Delta, write_deltas

PAUSE_SECONDS: Final = 0.05
AWAY_SECONDS: Final = 5.0
# Of the thread's time: masking a long text takes milliseconds, which are others' as well.
_MOST_WORK: Final = 0.1

log = structlog.get_logger(__name__)


class Way(Protocol):
    """How something is told to everybody who listens."""

    def tell(self, channel: str, text: str) -> int:
        """Tell it; return to how many it went. Raises: ChannelAway."""


class Teller:
    """Tells what is said in this process. Args: way: how."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._speeches: list[Speech] = []
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._away_until = 0.0
        self._is_away = False

    def begin(self, run_id: str, call: int, attempt: int) -> Speech:
        """Begin to tell an answer."""
        speech = Speech(run_id, call, attempt, self._news.set)
        with self._lock:
            self._speeches.append(speech)
        self._news.set()
        return speech

    def serve(self) -> None:
        """Tell what is new for as long as the process lives."""
        while True:
            # Also without news: whoever came later hears all of an answer that pauses.
            self._news.wait(UNHEARD_SECONDS if self._speeches else None)
            self._news.clear()
            began = time.monotonic()
            try:
                self.flush(began)
            except Exception as error:  # noqa: BLE001 - whatever it is, answers go on to be told
                log.warning("deltas_failed", why=f"{type(error).__name__}: {error}")
            time.sleep(max(PAUSE_SECONDS, (time.monotonic() - began) / _MOST_WORK))

    def flush(self, now: float) -> None:
        """Tell what is new, and forget what is over."""
        with self._lock:
            speeches = list(self._speeches)
        told: dict[str, list[tuple[Speech, Delta]]] = defaultdict(list)
        for speech in speeches:
            delta = speech.take(now)
            if delta is not None:
                told[speech.run_id].append((speech, delta))
        for run_id, pairs in told.items():
            heard = self._tell(run_id, [delta for _, delta in pairs], now)
            for speech, _ in pairs:
                speech.note_heard(heard, now)
        over = {id(speech) for pairs in told.values() for speech, delta in pairs if delta.is_over}
        with self._lock:
            self._speeches = [speech for speech in self._speeches if id(speech) not in over]

    def _tell(self, run_id: str, deltas: Sequence[Delta], now: float) -> int | None:
        """Return how many processes were told; None: the server is away."""
        if now < self._away_until:
            return None
        try:
            heard = self._way.tell(name_channel(run_id), write_deltas(deltas))
        except ChannelAway as away:
            self._away_until = time.monotonic() + AWAY_SECONDS
            if not self._is_away:
                log.warning(
                    "deltas_away",
                    why=str(away),
                    next="agents go on; pages show whole answers until STREAM_URL's server is back",
                )
            self._is_away = True
            return None
        if self._is_away:
            log.info("deltas_back")
        self._is_away = False
        return heard


class _Tellers:
    """The tellers of this process, one for each address that settings named so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_url: dict[str, Teller] = {}

    def find(self, url: str) -> Teller:
        with self._lock:
            if url not in self._by_url:
                teller = self._by_url[url] = Teller(Channels(url))
                threading.Thread(target=teller.serve, name="deltas", daemon=True).start()
            return self._by_url[url]

    def begin_anew(self) -> None:
        """In a forked child: the parent's threads, locks and connections are not its own."""
        self._lock = threading.Lock()
        self._by_url = {}


_tellers: Final = _Tellers()
os.register_at_fork(after_in_child=_tellers.begin_anew)


def begin_speech(run_id: str, call: int, attempt: int) -> Speech | None:
    """Begin to tell what a model answers to a call; None: this installation tells nothing live."""
    url = get_conf().STREAM_URL
    return _tellers.find(url).begin(run_id, call, attempt) if url else None
