"""Event streams of a real web process: hundreds of listeners, cut connections, refusals."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection

from orchestration.models import Event, Run
from tests.integration.live.clients import StreamClient
from tests.integration.live.conftest import sign_in
from tests.integration.orchestration.rig import Rig, graph
from tests.processes import ProcessStarter, wait_for

LISTENERS = 500
SPEC = graph(dict.fromkeys("abcdefgh", ()))


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(SPEC)


async def _until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_for, condition, seconds=60)


def _path(run_id: Any) -> str:
    return f"/api/v1/runs/{run_id}/stream"


def _history(run: Run) -> list[str]:
    rows = Event.objects.filter(run=run).order_by("transaction_id", "id").values_list("transaction_id", "id")
    return [f"{transaction_id}.{event_id}" for transaction_id, event_id in rows]


def _count_sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        count: int = cursor.fetchone()[0]
    return count


def test_500_listeners_get_every_line_once_through_cuts_and_a_storm_of_returns(
    rig: Rig, cookie: str, web: str
) -> None:
    clients = [StreamClient(web, _path(rig.run_id), cookie) for _ in range(LISTENERS)]
    sessions: list[int] = []

    def look_and_work() -> None:
        sessions.append(_count_sessions())
        rig.work_through(*"abcdefgh")
        connection.close()

    async def work() -> None:
        await _until(lambda: all(client.lines for client in clients))
        await asyncio.to_thread(look_and_work)

    async def scene() -> None:
        # Every fifth is cut in the middle of the run, all at about the same time.
        followers = [client.follow(cut_after=5 if n % 5 == 0 else 0) for n, client in enumerate(clients)]
        await asyncio.wait_for(asyncio.gather(work(), *followers), 90)

    asyncio.run(scene())

    history = _history(rig.run)
    assert len(history) == 2 * len("abcdefgh") + 2
    assert [client.ids for client in clients] == [history] * LISTENERS
    assert {client.ended for client in clients} == {"succeeded"}
    assert [client.connections for client in clients] == [2 if n % 5 == 0 else 1 for n in range(LISTENERS)]
    # The pool's few and the test's own: none is held for a listener.
    assert sessions[0] <= 10


def test_a_stream_can_begin_behind_a_line_and_a_run_that_is_over_ends_it(
    rig: Rig, cookie: str, web: str
) -> None:
    rig.work_through(*"abcdefgh")
    history = _history(rig.run)
    rest = StreamClient(web, f"{_path(rig.run_id)}?after={history[4]}", cookie)
    nothing = StreamClient(web, f"{_path(rig.run_id)}?after={history[-1]}", cookie)

    asyncio.run(_all(rest, nothing))

    assert (rest.ids, rest.ended) == (history[5:], "succeeded")
    assert (nothing.ids, nothing.ended) == ([], "succeeded")


async def _all(*clients: StreamClient) -> None:
    await asyncio.wait_for(asyncio.gather(*(client.follow() for client in clients)), 20)


def test_followers_that_come_and_go_leave_no_connection_behind(rig: Rig, cookie: str, web: str) -> None:
    # The web process has four connections: were one lost with each follower, the last of these would get none.
    for _ in range(6):
        client = StreamClient(web, _path(rig.run_id), cookie)
        asyncio.run(client._connect(cut_after=1))
        assert (client.status, len(client.ids)) == (200, 1)
        wait_for(lambda: _count_followers() == 0, what="the follower's end")


def _count_followers() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%WITH place%'"
            " AND pid <> pg_backend_pid() AND clock_timestamp() - state_change < interval '0.6 s'"
        )
        count: int = cursor.fetchone()[0]
    return count


def test_a_stream_ends_when_its_client_signs_out(rig: Rig, web: str) -> None:
    client = StreamClient(web, _path(rig.run_id), sign_in(User.objects.create_superuser("otto")))
    key = client.cookie.partition("=")[2]

    async def scene() -> None:
        follower = asyncio.create_task(client.follow())
        await _until(lambda: bool(client.lines))
        await asyncio.to_thread(Session.objects.filter(session_key=key).delete)
        await asyncio.wait_for(follower, 30)

    asyncio.run(scene())
    # It came back, and was not let in.
    assert (client.connections, client.status, client.ended) == (1, 401, "")


def test_refusals_are_problems_and_open_no_stream(rig: Rig, cookie: str, web: str) -> None:
    theirs = sign_in(User.objects.create_user("eve", is_staff=True))
    asked = {
        "anonymous": ({}, {}),
        "a member of nothing": ({"Cookie": theirs}, {}),
        "no place": ({"Cookie": cookie}, {"after": "1"}),
        "no place in the header": ({"Cookie": cookie, "Last-Event-ID": "x.y"}, {}),
    }
    seen = {}
    for name, (headers, query) in asked.items():
        answer = requests.get(
            web + _path(rig.run_id),
            headers={"Accept": "text/event-stream", **headers},
            params=query,
            timeout=10,
        )
        seen[name] = (answer.status_code, answer.headers["Content-Type"], answer.json()["code"])
    problem = "application/problem+json"
    assert seen == {
        "anonymous": (401, problem, "not_authenticated"),
        "a member of nothing": (403, problem, "not_a_member"),
        "no place": (400, problem, "parameter_invalid"),
        "no place in the header": (400, problem, "parameter_invalid"),
    }


def test_the_web_process_stops_in_time_with_streams_open(
    rig: Rig, cookie: str, web: str, starter: ProcessStarter
) -> None:
    client = StreamClient(web, _path(rig.run_id), cookie)

    async def scene() -> int:
        follow = asyncio.create_task(client._connect(0))
        await _until(lambda: bool(client.lines))
        code: int = await asyncio.to_thread(starter.children[-1].stop, seconds=10)
        await asyncio.wait_for(follow, 10)
        return code

    assert asyncio.run(scene()) == 0
