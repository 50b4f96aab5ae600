"""What a model says reaches whoever follows the run: a real web process, a real Valkey that is killed, real agents.

The models answer piece by piece, as the tests tell them.
"""

import asyncio
import http.client
import json
import queue
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psutil
import pytest
import redis
import requests
from django.contrib.auth.models import User
from django.test import override_settings
from pydantic_ai import Agent
from pydantic_ai.models.function import DeltaToolCall, DeltaToolCalls, FunctionModel

from agents import model_agent
from agents.deltas import name_channel
from agents.domain.deltas import Delta, write_deltas
from agents.invoke import override_models
from config.services import launcher, throwaway
from config.services.record import read_records
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.api.overhearing import FRESH_SECONDS
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Attempt, Call, CallTry, Run
from orchestration.selectors.live_calls import TryPlace, find_live_tries
from orchestration.testing import drive
from tests.conftest import start_web
from tests.integration.escalation.restricted import restrict
from tests.integration.live.conftest import sign_in
from tests.integration.orchestration.rig import in_thread
from tests.people import give_role
from tests.processes import ProcessStarter, wait_for

_END = object()


@model_agent("live.writer")
def _writer(durable: Any) -> Agent[Any, Any]:
    agent: Agent[Any, Any] = Agent("fast", capabilities=durable, name="writer")

    @agent.tool_plain
    def look() -> str:
        return "seen"

    @agent.tool_plain(requires_approval=True)
    def pay() -> str:
        return "paid"

    return agent


_RETRY = Retry(max_attempts=3, backoff_base_seconds=0, jitter_seconds=0)
_WRITE = WorkflowSpec(name="live-write", steps=(StepSpec("write", agent="live.writer", retry=_RETRY),))


@dataclass
class Model:
    """A model of which the test says what it says."""

    pieces: "queue.Queue[Any]" = field(default_factory=queue.Queue)

    def say(self, *pieces: Any) -> None:
        for piece in pieces:
            self.pieces.put(piece)

    def make(self) -> FunctionModel:
        return FunctionModel(stream_function=self._answer, model_name="fast")

    async def _answer(self, _messages: Any, _info: Any) -> AsyncIterator[str | DeltaToolCalls]:
        while (piece := await asyncio.to_thread(self.pieces.get, timeout=10)) is not _END:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@dataclass
class Valkey:
    """A server of this module's own, which may be killed."""

    folder: Path

    @property
    def url(self) -> str:
        return read_records(self.folder)["valkey"].broker_url

    def start(self) -> None:
        launcher.start(self.folder, ("valkey",), durable=False)

    def kill(self) -> None:
        port = read_records(self.folder)["valkey"].port
        for process in psutil.process_iter(["name"]):
            if "valkey" in process.name() and any(
                each.laddr.port == port for each in process.net_connections() if each.status == "LISTEN"
            ):
                process.send_signal(signal.SIGKILL)
                process.wait(10)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with throwaway.throw_away("deltas") as folder:
        server = Valkey(folder)
        server.start()
        yield server


@pytest.fixture(scope="module")
def live_web(starter: ProcessStarter, valkey: Valkey) -> str:
    return start_web(starter, STREAM_URL=valkey.url)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def run(model: Model, valkey: Valkey) -> Iterator[Run]:
    """Start a run whose agent asks the model."""
    with mute_dispatch():
        runs.publish(_WRITE)
        started = runs.start(_WRITE.name, {})
    with override_settings(RINGMASTER={"STREAM_URL": valkey.url}), override_models({"fast": model.make()}):
        yield Run.objects.get(pk=started.id)


@contextmanager
def _listen(web: str, run_id: UUID, cookie: str) -> Iterator[Iterator[tuple[str, str, Any]]]:
    """Follow a run; give id, name and data of its events."""
    place = urlsplit(web)
    line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    headers = {"Host": "localhost", "Accept": "text/event-stream", "Cookie": cookie}
    line.request("GET", f"/api/v1/runs/{run_id}/stream", headers=headers)
    answer = line.getresponse()
    assert answer.status == 200
    try:
        yield _read(answer)
    finally:
        line.close()


def _read(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str, Any]]:
    event: dict[str, str] = {}
    while raw := answer.readline():
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif "data" in event:
            yield event.get("id", ""), event.get("event", ""), json.loads(event["data"])
            event = {}
        else:
            event = {}


def _hear(events: Iterator[tuple[str, str, Any]], text: str) -> list[dict[str, Any]]:
    """Return the deltas up to that with which the answer so far is this text."""
    heard, said = [], ""
    for number, kind, data in events:
        if kind == "delta":
            assert number == ""
            said = said[: data["at"]] + data["text"]
            heard.append(data)
            if said == text:
                return heard
    raise AssertionError(f"heard only {said!r}")


def _hear_end(events: Iterator[tuple[str, str, Any]]) -> dict[str, Any]:
    return next(data for _, kind, data in events if kind == "delta" and data["is_over"])


def test_words_come_while_they_are_said_and_the_row_holds_them_all(
    live_web: str, cookie: str, run: Run, model: Model
) -> None:
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say({0: DeltaToolCall("look", "{}", tool_call_id="call_1")}, _END)
        assert _hear_end(events)["tools"] == ["look"]
        model.say("Your tent ")
        first = _hear(events, "Your tent ")
        assert Call.objects.filter(kind="model", state="begun").count() == 1
        model.say("is on its way. ")
        assert _hear(events, "is on its way. ")[-1]["at"] == len("Your tent ")
        model.say(_END)
        over = _hear_end(events)
        call = Call.objects.get(pk=over["call"])
        assert (call.state, first[0]["step"], over["attempt"]) == ("done", "write", 1)
        kinds = [kind for _, kind, _ in events]
    assert working.result(30).outputs == {"write": "Your tent is on its way. "}
    assert kinds[-1] == "end"
    assert "Your tent" in (call.response_json or "")


def test_whoever_comes_late_hears_all_of_it_so_far_and_then_the_rest(
    live_web: str, cookie: str, run: Run, model: Model
) -> None:
    working = in_thread(lambda: drive(run.pk))
    model.say("One two three ")
    wait_for(lambda: CallTry.objects.filter(run=run, state="begun").exists())
    with _listen(live_web, run.pk, cookie) as events:
        _hear(events, "One two three ")
        with _listen(live_web, run.pk, cookie) as later:
            _hear(later, "One two three ")
            model.say("four ")
            for each in (events, later):
                assert _hear(each, "four ")[-1]["at"] == len("One two three ")
    model.say(_END)
    working.result(30)


def test_another_try_begins_anew(live_web: str, cookie: str, run: Run, model: Model) -> None:
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say("half an ans")
        model.say("wer ")
        _hear(events, "half an answer ")
        model.say(ConnectionError("broke off"))
        assert _hear_end(events)["attempt"] == 1
        model.say("whole ")
        heard = _hear(events, "whole ")
        assert {(each["attempt"], each["at"]) for each in heard if each["text"]} == {(2, 0)}
        model.say(_END)
        assert working.result(30).outputs == {"write": "whole "}
    assert Attempt.objects.filter(step__run=run).count() == 2


def test_what_a_worker_says_that_lost_its_claim_is_heard_by_nobody(
    live_web: str, cookie: str, run: Run, model: Model
) -> None:
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say("alive ")
        call = _hear(events, "alive ")[-1]["call"]
        runs.cancel(run.pk)
        place = TryPlace(run.pk, call, 1)
        assert not find_live_tries([place])[place].is_under_way
        time.sleep(FRESH_SECONDS)  # so long the last look at the rows is believed
        model.say("zombie ", _END)
        assert [data for _, kind, data in events if kind == "delta" and "zombie" in data["text"]] == []
    assert working.result(30).outputs == {}


def test_what_others_write_on_the_channel_is_not_told(
    live_web: str, cookie: str, run: Run, model: Model, valkey: Valkey
) -> None:
    forged = [Delta(10**9, 1, 0, "forged "), Delta(1, 99, 0, "forged "), Delta(1, 1, 0, "x", is_over=True)]
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say("true ")
        heard = _hear(events, "true ")
        client = redis.Redis.from_url(valkey.url)
        for message in (b"no json", b"[[[", write_deltas(forged).encode(), b"x" * 2_000_000):
            assert client.publish(name_channel(run.pk), message) == 1
        model.say("words ")
        heard += _hear(events, "words ")
        model.say(_END)
    assert working.result(30).outputs == {"write": "true words "}
    assert {each["call"] for each in heard} == {heard[0]["call"]}


def test_of_a_restricted_step_nothing_is_told(live_web: str, cookie: str, run: Run, model: Model) -> None:
    """Its ticket went to a restricted queue; even who may see it sees only what the audit can prove: the row."""
    model.say({0: DeltaToolCall("pay", "{}", tool_call_id="call_1")}, _END)
    assert drive(run.pk).held == ["write"]
    ticket = restrict(Ticket.objects.get(run=run))
    judge = give_role(User.objects.create_user("judge"), ticket.queue, "reviewer")
    claim_ticket(ticket.pk, judge)
    with mute_dispatch():
        resolve_ticket(ticket.pk, judge, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say("hidden ")
        wait_for(lambda: CallTry.objects.filter(run=run, state="begun", call__kind="model").exists())
        model.say(_END)
        told = [data for _, kind, data in events if kind == "delta"]
    assert working.result(30).outputs == {"write": "hidden "}
    assert told == []


def test_the_server_is_killed_and_comes_back_and_the_agent_notices_nothing(
    live_web: str, cookie: str, run: Run, model: Model, valkey: Valkey, starter: ProcessStarter
) -> None:
    with _listen(live_web, run.pk, cookie) as events:
        working = in_thread(lambda: drive(run.pk))
        model.say("before ")
        _hear(events, "before ")
        valkey.kill()
        model.say("meanwhile ")
        wait_for(lambda: "ear_away" in starter.children[-1].output())
        valkey.start()
        model.say("after ")
        assert _hear(events, "meanwhile after ")[-1]["attempt"] == 1
        model.say(_END)
        assert working.result(30).outputs == {"write": "before meanwhile after "}
    assert starter.children[-1].output().count("ear_away") == 1


def test_who_may_not_see_the_run_hears_nothing(live_web: str, run: Run) -> None:
    stranger = sign_in(User.objects.create_user("nobody", is_staff=True))
    headers = {"Accept": "text/event-stream", "Cookie": stranger}
    answer = requests.get(f"{live_web}/api/v1/runs/{run.pk}/stream", headers=headers, timeout=10)
    assert answer.status_code == 403
