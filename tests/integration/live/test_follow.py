"""Reading on in a history while others write to it: on connections of their own, committing in any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from orchestration.domain.events import AFTER_THE_FACT
from orchestration.models import Run
from orchestration.selectors import follow
from orchestration.selectors.follow import BEGINNING, Cursor, News, find_horizon, read_news
from tests.integration.orchestration.rig import Rig, graph
from tests.processes import child_env

SPEC = graph({"a": ()})


@pytest.fixture
def run() -> Run:
    return Rig.begin(SPEC).run


@contextmanager
def _writer() -> Iterator[psycopg.Connection]:
    """Open a session of its own that begins to write and commits when told."""
    with psycopg.connect(child_env()["DATABASE_URL"]) as session:
        yield session


def _write(session: psycopg.Connection, run: Run, kind: str) -> None:
    session.execute(
        "INSERT INTO orchestration_event (run_id, kind, data_json, at) VALUES (%s, %s, '{}', clock_timestamp())",
        (run.pk, kind),
    )


def _read(run: Run, cursor: Cursor = BEGINNING, most: int = 100) -> News:
    return read_news([(run.pk, cursor)], most).get((run.pk, cursor), News(()))


def _read_through(run: Run, most: int) -> Iterator[str]:
    cursor = BEGINNING
    while lines := _read(run, cursor, most).lines:
        assert len(lines) <= most
        yield from (line.kind for line in lines)
        cursor = lines[-1].cursor


def _overlap(run: Run) -> tuple[list[str], list[str]]:
    """Let two transactions write and commit in reverse order; return what was read between and after."""
    cursor = _read(run).lines[-1].cursor
    with _writer() as early, _writer() as late:
        _write(early, run, "early")
        _write(late, run, "late")
        late.commit()
        between = _read(run, cursor).lines
        early.commit()
    after = _read(run, between[-1].cursor if between else cursor).lines
    return [line.kind for line in between], [line.kind for line in after]


def test_a_line_is_shown_only_when_none_can_come_before_it(run: Run) -> None:
    assert _overlap(run) == ([], ["early", "late"])


def test_without_the_horizon_a_line_would_be_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = "AND e.transaction_id < h.transaction_id"
    assert guard in follow._NEWS
    monkeypatch.setattr(follow, "_NEWS", follow._NEWS.replace(guard, ""))
    assert _overlap(run) == (["late"], [])


def test_lines_of_one_transaction_keep_their_order_across_pages(run: Run) -> None:
    with _writer() as session:
        for n in range(7):
            _write(session, run, f"line{n}")
        session.commit()
    assert list(_read_through(run, most=3)) == ["run_started", *(f"line{n}" for n in range(7))]


def test_what_is_read_after_the_horizon_was_asked_for_is_not_lost(run: Run) -> None:
    with _writer() as early:
        _write(early, run, "early")
        horizon = find_horizon()
        early.commit()
    assert [line.kind for line in _read(run, horizon).lines] == ["early"]


def test_many_places_are_read_at_once_and_those_without_news_left_out(run: Run) -> None:
    other = Rig.begin(SPEC).run
    first = _read(run).lines[-1].cursor
    news = read_news(
        [(run.pk, BEGINNING), (run.pk, first), (other.pk, BEGINNING), (UUID(int=0), BEGINNING)], 9
    )
    assert set(news) == {(run.pk, BEGINNING), (other.pk, BEGINNING)}


def test_a_run_has_ended_only_when_every_line_of_it_was_read(run: Run) -> None:
    rig = Rig(run.pk, Rig.begin(SPEC).process_id)
    rig.work_through("a")
    kinds = ["run_started", "step_claimed", "step_succeeded", "run_closed"]
    everything = _read(run)
    assert [line.kind for line in everything.lines] == kinds
    assert [_read(run, most=n).ended for n in (1, 3, 4)] == ["", "", ""]
    assert _read(run, everything.lines[-1].cursor) == News((), ended="succeeded")


def test_an_end_that_is_not_visible_yet_is_not_told(run: Run) -> None:
    rig = Rig(run.pk, Rig.begin(SPEC).process_id)
    other = Rig.begin(SPEC).run
    with _writer() as elsewhere:
        # Any transaction under way keeps what was written after it began from being shown.
        _write(elsewhere, other, "elsewhere")
        rig.work_through("a")
        cursor = _read(run).lines[-1].cursor
        assert _read(run, cursor) == News(())
        elsewhere.commit()
    assert _read(run, cursor).lines[-1].kind == "run_closed"


def test_what_is_told_after_the_fact_keeps_no_stream_open(run: Run) -> None:
    assert tuple(AFTER_THE_FACT) == follow._AFTER_THE_FACT
    rig = Rig(run.pk, Rig.begin(SPEC).process_id)
    rig.work_through("a")
    end = _read(run).lines[-1].cursor
    with _writer() as session:
        _write(session, run, "late_write_refused")
        session.commit()
    found = _read(run, end)
    assert ([line.kind for line in found.lines], found.ended) == (["late_write_refused"], "succeeded")


def test_a_look_for_500_runs_takes_one_query(run: Run, django_assert_num_queries: object) -> None:
    places = [(UUID(int=n), BEGINNING) for n in range(500)]
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert read_news([*places, (run.pk, BEGINNING)], 9).keys() == {(run.pk, BEGINNING)}


def test_the_history_is_read_by_its_index(run: Run) -> None:
    with psycopg.connect(child_env()["DATABASE_URL"]) as session:
        # A table of a few rows is read in any way; what is asked here is whether the index gives the order, too.
        session.execute("SET enable_seqscan = off")
        session.execute("SET enable_sort = off")
        plan = session.execute(
            "EXPLAIN SELECT 1 FROM orchestration_event e WHERE e.run_id = %s AND (e.transaction_id, e.id) > (1, 1)"
            " ORDER BY e.transaction_id, e.id LIMIT 9",
            (run.pk,),
        ).fetchall()
    assert "event_to_follow" in str(plan)
