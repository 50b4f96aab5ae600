"""What keeps RabbitMQ from taking messages is told in words, and raises nothing."""

import time
from collections.abc import Iterator

import pytest
from kombu.connection import Connection
from kombu.entity import Queue

from orchestration import dispatch
from orchestration.broker import Broker, find_broker_fault
from orchestration.models import Step
from tests.integration.orchestration.rig import Rig, graph
from tests.rabbitmq.node import RabbitNode

pytestmark = pytest.mark.django_db
ALONE = graph({"a": ()})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.end()


def _use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", url)
    monkeypatch.setattr(dispatch, "_broker", Broker())


def _ring() -> int:
    rig = Rig.begin(ALONE)
    return dispatch.dispatch(list(Step.objects.filter(run=rig.run_id).values_list("pk", flat=True)))


def test_a_node_that_works_has_no_fault(node: RabbitNode, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, node.broker_url)
    assert find_broker_fault() is None
    assert _ring() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [(("guest:guest", "guest:wrong"), "refuses the user"), (("//", "//nowhere"), "virtual host is missing")],
)
def test_who_is_refused_is_told_so(
    node: RabbitNode, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], words: str
) -> None:
    scheme, _, rest = node.broker_url.partition("://")
    _use(monkeypatch, f"{scheme}://{rest.replace(*change)}")
    assert _ring() == 0
    assert words in (find_broker_fault() or "")


def test_a_queue_that_was_declared_otherwise_is_told_so(
    node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By another name than before: a connection declares each queue once.
    _use(monkeypatch, node.broker_url.replace("127.0.0.1", "localhost"))
    with Connection(node.broker_url) as connection:
        Queue("steps")(connection.default_channel).delete()
        Queue("steps", durable=False)(connection.default_channel).declare()
    try:
        assert _ring() == 0
        assert "declared with other arguments" in (find_broker_fault() or "")
    finally:
        with Connection(node.broker_url) as connection:
            Queue("steps")(connection.default_channel).delete()


def test_a_node_whose_memory_is_full_is_told_so_and_holds_nobody_up(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = RabbitNode(tmp_path_factory.mktemp("full"), is_full=True)
    try:
        full.start()
        _use(monkeypatch, full.broker_url)
        began = time.monotonic()
        _ring()
        assert time.monotonic() - began < 5
        assert "memory or disk is full" in (find_broker_fault() or "")
    finally:
        full.end()
