"""A broker that answers, but with an error, is away: nothing is raised, rows stay, and people are told why."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
import structlog
from celery.backends.redis import RedisBackend

from config import celery_app
from config.services.binaries import find_valkey
from config.services.process import choose_port
from orchestration import dispatch
from orchestration.broker import Broker, Outage, explain, find_broker_fault
from orchestration.models import Step
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db
FAN = graph({"a": (), "b": (), "join": ["a", "b"], "beside": ()})


class _Server:
    """A Valkey of the test's own, which it may harm."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = choose_port(0)
        with (folder / f"{self.port}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(find_valkey().path),
                    "--port",
                    str(self.port),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    *arguments,
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        self.client = redis.Redis(port=self.port)
        give_up_at = time.monotonic() + 20
        while time.monotonic() < give_up_at:
            with suppress(redis.ConnectionError):
                self.client.ping()
                return
            time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., _Server]]:
    """Start a broker and use it, its second database for chords, as a new process would."""
    servers: list[_Server] = []

    def start(*arguments: str) -> _Server:
        servers.append(_Server(tmp_path, *arguments))
        url = servers[-1].url
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"{url}/0")
        monkeypatch.setattr(celery_app, "_backend_cache", RedisBackend(app=celery_app, url=f"{url}/1"))
        monkeypatch.setattr(dispatch, "_broker", Broker())
        monkeypatch.setattr(dispatch, "_counter", Outage())
        return servers[-1]

    yield start
    for server in servers:
        server.client.close()
        server.end()


def _ring() -> tuple[int, list[str]]:
    """Dispatch what a run begins with; return how many messages were sent and why not more."""
    rig = Rig.begin(FAN)
    ids = list(Step.objects.filter(run=rig.run_id, status="available").values_list("pk", flat=True))
    with structlog.testing.capture_logs() as lines:
        sent = dispatch.dispatch(ids)
    return sent, [line["why"] for line in lines]


def _fill(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


def _demote(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")


def _forbid(client: redis.Redis) -> None:
    client.execute_command("ACL", "SETUSER", "default", "-@write")  # type: ignore[no-untyped-call]


def _lock(client: redis.Redis) -> None:
    client.config_set("requirepass", "secret")
    client.execute_command("CLIENT", "KILL", "SKIPME", "yes")  # type: ignore[no-untyped-call]


def _misuse(client: redis.Redis) -> None:
    client.set("steps", "no list")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_fill, "out of memory"),
        (_demote, "read-only replica"),
        (_forbid, "lacks a right"),
        (_lock, "password"),
        (_misuse, "holds something else"),
    ],
)
def test_whatever_redis_says_nothing_is_raised_and_people_are_told(
    serve: Callable[..., _Server], harm: Callable[[redis.Redis], None], words: str
) -> None:
    server = serve()
    assert find_broker_fault() is None
    harm(server.client)

    sent, why = _ring()

    fault = find_broker_fault()
    assert sent == 0
    assert [words in line for line in why][-1], why
    assert fault is not None
    assert words in fault
    assert dispatch._broker.is_away()


def test_when_the_harm_is_undone_messages_go_again(serve: Callable[..., _Server]) -> None:
    server = serve()
    server.client.config_set("maxmemory", 1)
    assert _ring()[0] == 0
    server.client.config_set("maxmemory", 0)
    assert find_broker_fault() is None
    dispatch._broker.note_away(0)
    dispatch._counter.note_away(0)
    assert _ring() == (2, [])  # a chord and what is beside it


def test_with_one_database_steps_go_out_without_chords(serve: Callable[..., _Server]) -> None:
    server = serve("--databases", "1")

    sent, why = _ring()
    assert (sent, why) == (
        2,
        ["it has fewer databases than the address names: choose one it has, such as /0"],
    )
    assert server.client.llen("steps") == 3
    assert not Step.objects.filter(chord_intact=True).exists()
    # Not asked again for each join.
    assert _ring() == (3, [])

    fault = find_broker_fault()
    assert fault is not None
    assert fault.startswith("the result backend")
    assert "without chords" in fault


def test_a_server_that_is_gone_is_told_as_such(serve: Callable[..., _Server]) -> None:
    serve().end()
    assert _ring()[0] == 0
    fault = find_broker_fault()
    assert fault is not None
    assert "can't be used" in fault


def test_the_probe_leaves_a_queue_as_it_was(serve: Callable[..., _Server]) -> None:
    server = serve()
    server.client.rpush("steps", "one", "two")
    assert find_broker_fault() is None
    assert server.client.lrange("steps", 0, -1) == [b"one", b"two"]


def test_an_unknown_error_is_told_by_its_own_text_in_one_line() -> None:
    assert explain(RuntimeError("a\nb" * 500)).isprintable()
    assert len(explain(RuntimeError("x" * 5000))) < 250
