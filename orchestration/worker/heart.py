"""The heart of a process: a thread that says that the interpreter lives, and the process that beats because of it.

The beats, the row and the advisory lock are the affair of a process of its own (`pacemaker.py`), so that neither a
busy pool nor a step that keeps the interpreter can delay them. If this process dies, its socket closes and the lock
falls at once; if the network parts, the lease runs out. A process that was declared dead meanwhile enters anew, under
a new row: what it still has in hand is fenced by the steps' tokens.
"""

import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import structlog

from orchestration.conf import get_conf
from orchestration.presence import Presence
from orchestration.worker.host import WorkerHost
from orchestration.worker.implant import implant_pacemaker

log = structlog.get_logger(__name__)
_LEAVE_SECONDS = 5.0
_ANEW_SECONDS = 1.0
_CHUNK = 65_536


class Heart:
    """Tells the pacemaker that this process lives, until it is stopped.

    Args: control: the pacemaker's socket, if there is one already; a heart that can't reach it gets one of its own.
        look: called with each beat, e.g. to find threads that are lost.
        tell_offers: returns the agents that this process performs, and what it tells of them, as of each beat.
    """

    def __init__(
        self,
        host: WorkerHost,
        presence: Presence,
        control: socket.socket | None = None,
        *,
        look: Callable[[], None] | None = None,
        tell_offers: Callable[[], tuple[list[str], str]] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`."""
        self._host = host
        self._presence = presence
        self._control = control
        self._look, self._tell_offers = look, tell_offers
        self._process_id: int | None = None
        self._channel: socket.socket | None = None
        self._unread = b""
        self._was_heard = False
        self._has_left = False
        self._stop = threading.Event()
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def stop(self) -> None:
        """Leave in order: the row says so and the lock falls."""
        self._stop.set()
        self._waker.send(b".")
        self._thread.join(timeout=_LEAVE_SECONDS + 1)
        if not self._thread.is_alive():
            self._waker.close()
            self._woken.close()
            if self._control is not None:
                self._control.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                channel = self._channel or self._connect()
                self._say(channel, _read_report(self._host) | self._read_offers())
                self._listen(channel, get_conf().HEARTBEAT_SECONDS)
                if self._look is not None:
                    self._look()
            except Exception as error:  # noqa: BLE001 - a heart that stops kills its worker's claims
                log.warning(
                    "heartbeat_failed", name=self._presence.name, error=str(error), next="it is tried again"
                )
                # A pacemaker that has just been lost is replaced at once: two beats without one are death.
                # One that was never heard may have died while it began, or can't begin: the next is not long in coming.
                pause = 0 if self._was_heard else min(_ANEW_SECONDS, get_conf().HEARTBEAT_SECONDS)
                self._hang_up()
                self._stop.wait(pause)
        self._leave()

    def beat_now(self) -> None:
        """Beat without waiting for the time of the next: what this process offers has changed."""
        with suppress(OSError):  # it has stopped
            self._waker.send(b".")

    def _read_offers(self) -> dict[str, Any]:
        """Return which agents this process performs, where that is known to change; what it tells of them, if anew."""
        if self._tell_offers is None:
            return {}
        agents, told = self._tell_offers()
        news = {} if told == self._presence.offers_json else {"offers_json": told}
        self._presence = replace(self._presence, agents=agents, offers_json=told)
        return {"agents": agents, **news}

    def _connect(self) -> socket.socket:
        """Go to the pacemaker, with what it may see of this process."""
        channel, theirs = socket.socketpair()
        memory = self._host.flights.share(self._presence.concurrency)
        try:
            self._hand_over(theirs.fileno(), memory)
        except OSError:
            channel.close()
            raise
        finally:
            theirs.close()
            os.close(memory)
        self._channel = channel
        self._say(channel, {"presence": asdict(self._presence), "process_id": self._process_id})
        return channel

    def _hand_over(self, *handles: int) -> None:
        """Give these to the pacemaker; where there is none any more, to a new one."""
        if self._control is not None:
            try:
                socket.send_fds(self._control, [b"."], handles)
            except OSError:
                self._control.close()
                self._control = None
            else:
                return
        self._control = implant_pacemaker()
        socket.send_fds(self._control, [b"."], handles)

    def _say(self, channel: socket.socket, what: dict[str, Any]) -> None:
        channel.sendall(json.dumps(what).encode() + b"\n")

    def _listen(self, channel: socket.socket, seconds: float) -> None:
        """Wait for so long, or until this heart is stopped; take in what the pacemaker says meanwhile."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
                ready = {key.fileobj for key, _ in selector.select(left)}
                if channel in ready:
                    self._hear(channel)
                if self._woken in ready:
                    self._woken.recv(_CHUNK)
                    return

    def _hear(self, channel: socket.socket) -> None:
        heard = channel.recv(_CHUNK)
        if not heard:
            raise ConnectionError("the process that beats for this one is gone; another is started")
        self._was_heard = True
        *lines, self._unread = (self._unread + heard).split(b"\n")
        for line in lines:
            self._heed(json.loads(line))

    def _heed(self, said: dict[str, Any]) -> None:
        if "entered" in said:
            self._process_id = said["entered"]
            self._host.enter(said["entered"])
            log.info("worker_entered", name=self._presence.name, process=self._process_id)
        elif "failed" in said:
            log.warning(
                "heartbeat_failed", name=self._presence.name, error=said["failed"], next="it is tried again"
            )
        elif "left" in said:
            self._has_left = True

    def _leave(self) -> None:
        if self._channel is None:
            return
        try:
            self._say(self._channel, {"leaves": True})
            self._channel.settimeout(_LEAVE_SECONDS)
            while not self._has_left:
                self._hear(self._channel)
        except OSError:
            log.warning("worker_left_unsaid", process=self._process_id, next="its lease runs out")
        self._hang_up()

    def _hang_up(self) -> None:
        self._unread, self._was_heard = b"", False
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _read_report(host: WorkerHost) -> dict[str, Any]:
    report = host.report()
    return {
        "busy": report.busy,
        "hung": report.hung,
        "last_claim_at": report.last_claim_at and report.last_claim_at.isoformat(),
        "newest_dispatch_at": report.newest_dispatch_at and report.newest_dispatch_at.isoformat(),
        "calls": report.calls,
    }
