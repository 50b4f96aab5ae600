"""What strangers and careless people try at each door of the lineage: nothing is there for them, and nothing breaks."""

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Event, Project, Run
from orchestration.selectors import lineage
from orchestration.selectors.lineage import GivenKey, LineageQuery, MemoryName, find_lineage
from orchestration.testing import drive_all, run_workflow
from tests.people import make_member

pytestmark = pytest.mark.django_db
TRACE = "/admin/orchestration/run/trace/"
API = "/api/v1/"
_SPEC = WorkflowSpec(name="case", actor="support.case", steps=(StepSpec("turn", agent="support.case"),))
_LONG = "x" * 10_000
HOSTILE = ("a\x00b", "%", "\\'\"", _LONG, "<script>alert(1)</script>", "\x1b[31m\u202e", "9" * 400, "-1")
TIMES = (
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999",
    "9999-12-31T23:59:59-14:00",
    "2026-13-01",
    "now",
    "1e999",
    "10000-01-01",
    "\uff12026-01-01",
)


@pytest.fixture
def actor() -> Actor:
    """An actor with one turn, a message under a key, and a memory, in the project `default`."""

    def turn(task: Task) -> int:
        task.remember("project", "customer/7", "short")
        return 1

    fakes: Any = {"support.case": turn}
    with override(fakes):
        runs.publish(_SPEC)
    actors.send("support.case/1", "go", idempotency_key="mail-17")
    drive_all(agents=fakes)
    Project.objects.create(slug="other", name="Other")
    return actors.find_actor("support.case/1")


@pytest.fixture
def stella(actor: Actor, client: Client) -> Client:
    """An admin of another project, who is a member of no more."""
    client.force_login(make_member("stella", "admin", "other"))
    return client


def _body(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())


def _ask_api(actor: Actor, real: bool) -> Iterator[str]:
    run = Run.objects.get().pk
    yield f"runs/{run if real else '00000000-0000-4000-8000-000000000000'}/lineage"
    yield f"runs/{run if real else '00000000-0000-4000-8000-000000000000'}/context"
    yield f"actors/{actor.pk if real else 2**31 - 1}/lineage"
    project = "default" if real else "nowhere"
    yield f"actors/support.case/1/lineage?project={project}"
    yield f"lineage?project={project}&memory=customer/7"
    yield f"lineage?project={project}&idempotency_key=mail-17"
    yield f"lineage?project={project}&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"


def _blur(text: str, actor: Actor) -> str:
    """Take from an answer what the question itself said."""
    for said in (str(Run.objects.get().pk), "00000000-0000-4000-8000-000000000000"):
        text = text.replace(said, "RUN")
    for said in (f"actors/{actor.pk}/", f"actors/{2**31 - 1}/"):
        text = text.replace(said, "ACTOR")
    for said in (f"actor {actor.pk}", f"actor {2**31 - 1}", str(2**31 - 1)):
        text = text.replace(said, "ACTOR")
    return text.replace("default", "P").replace("nowhere", "P")


def test_what_is_of_others_answers_as_what_is_not_there(actor: Actor, stella: Client) -> None:
    for real, none in zip(_ask_api(actor, True), _ask_api(actor, False), strict=True):
        told, missing = stella.get(f"{API}{real}"), stella.get(f"{API}{none}")
        assert (told.status_code, missing.status_code) == (404, 404), real
        assert _blur(_body(told), actor) == _blur(_body(missing), actor), real


@pytest.mark.parametrize("door", ["", "csv/", "jsonl/"])
@pytest.mark.parametrize(
    "about",
    [
        {"about": "run"},
        {"about": "actor", "name": "support.case/1"},
        {"about": "memory", "name": "customer/7"},
        {"about": "key", "name": "mail-17"},
        {"about": "project", "since": "2020-01-01", "until": "2100-01-01"},
    ],
)
def test_the_page_and_its_files_know_nothing_of_others(
    actor: Actor, stella: Client, door: str, about: dict[str, str]
) -> None:
    run = {"name": str(Run.objects.get().pk)} if about["about"] == "run" else {}
    for asked in (
        {**about, **run},
        {**about, **run, "project": "default"},
        {**about, **run, "project": "other"},
    ):
        answer = stella.get(f"{TRACE}{door}", asked)
        text = _body(answer)
        assert "remembered" not in text
        assert "step claimed" not in text
        assert "step_claimed" not in text
        is_own = asked.get("project") == "other" and about["about"] in {"memory", "key", "project"}
        assert answer.status_code == (200 if is_own or not door else 404), asked


def test_the_tab_is_closed_to_others(actor: Actor, stella: Client) -> None:
    run = Run.objects.get().pk
    for show in ("trace", "context"):
        assert stella.get(f"/admin/orchestration/run/{run}/change/?show={show}").status_code == 404
    assert stella.get(f"/admin/orchestration/actor/{actor.pk}/change/").status_code == 404


@pytest.mark.parametrize("wrong", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_names_break_no_door(actor: Actor, client: Client, wrong: str) -> None:
    client.force_login(make_member("olga", "operator"))
    said = quote(wrong, safe="")
    run = Run.objects.get().pk
    asked = [
        f"{TRACE}{door}?about={about}&name={said}"
        for door in ("", "csv/", "jsonl/")
        for about in ("run", "actor", "memory", "key")
    ]
    for field in (
        "project",
        "scope",
        "id",
        "about",
        "text",
        "step",
        "kind",
        "below",
        "since",
        "until",
        "page",
    ):
        asked.append(f"{TRACE}?about=memory&name=k&{field}={said}")
        asked.append(f"{TRACE}csv/?about=memory&name=customer/7&{field}={said}")
        asked.append(f"/admin/orchestration/run/{run}/change/?show=trace&{field}={said}")
    asked += [f"/admin/orchestration/run/{run}/change/?show=context&page={said}"]
    asked += [
        f"{API}runs/{run}/lineage?{name}={said}"
        for name in ("step", "agent", "kind", "since", "until", "text")
    ]
    asked += [
        f"{API}runs/{run}/lineage?{name}={said}" for name in ("below", "cursor", "page_size", "nothing")
    ]
    asked += [f"{API}lineage?{name}={said}" for name in ("memory", "idempotency_key", "project")]
    asked += [f"{API}lineage?memory=k&{name}={said}" for name in ("scope", "id", "project", "text")]
    asked += [f"{API}actors/support.case/1/lineage?project={said}"]
    if len(said) < 1_000:
        asked += [f"{API}actors/support.case/{said}/lineage", f"{API}actors/{said}/lineage"]
    for url in asked:
        answer = client.get(url)
        text = _body(answer)
        assert answer.status_code in {200, 302, 400, 404}, (url[:200], answer.status_code)
        assert "html" not in answer.headers["Content-Type"] or "<script>alert(1)" not in text, url[:200]


@pytest.mark.parametrize("when", TIMES)
def test_times_are_times_or_are_refused(actor: Actor, client: Client, when: str) -> None:
    client.force_login(make_member("olga", "operator"))
    run, said = Run.objects.get().pk, quote(when, safe="")
    for field in ("since", "until"):
        for url in (
            f"{TRACE}?about=run&name={run}&{field}={said}",
            f"{TRACE}csv/?about=key&name=mail-17&{field}={said}",
            f"{TRACE}jsonl/?about=memory&name=customer/7&{field}={said}",
            f"{TRACE}?about=actor&name=support.case/1&{field}={said}",
            f"/admin/orchestration/run/{run}/change/?show=trace&{field}={said}",
            f"{API}runs/{run}/lineage?{field}={said}",
            f"{API}lineage?memory=customer/7&{field}={said}",
            f"{API}lineage?idempotency_key=mail-17&{field}={said}",
            f"{API}actors/{actor.pk}/lineage?{field}={said}",
        ):
            answer = client.get(url)
            _body(answer)
            assert answer.status_code in {200, 400, 404}, url
        told = StringIO()
        with contextlib.suppress(CommandError):
            call_command("trace", str(run), f"--{field}={when}", stdout=told)
        assert "Traceback" not in told.getvalue()
    for url in (
        f"{API}lineage?since={said}&until={said}",
        f"{TRACE}?about=project&since={said}&until={said}",
        f"{TRACE}csv/?about=project&since={said}&until=2100-01-01",
    ):
        answer = client.get(url)
        _body(answer)
        assert answer.status_code in {200, 400, 404}, url


def test_a_percent_sign_and_an_underscore_are_looked_for_as_they_stand(actor: Actor) -> None:
    run = Run.objects.get()
    assert not find_lineage(LineageQuery(run, text="%")).lines.exists()
    assert not find_lineage(LineageQuery(run, text="step%claimed")).lines.exists()
    assert find_lineage(LineageQuery(run, text="STEP_CLAIMED")).lines.count() == 1
    assert not find_lineage(LineageQuery(run, text="step\\_claimed")).lines.exists()


def _fill(run: Run, number: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    Event.objects.bulk_create(
        [Event(run=run, kind="step_retry", data_json=f'{{"n":{n}}}', at=at) for n in range(number)]
    )


def test_five_thousand_lines_come_once_each_at_every_door(actor: Actor, client: Client) -> None:
    run = Run.objects.get()
    _fill(run, 5_000)
    client.force_login(make_member("olga", "operator"))
    known = list(find_lineage(LineageQuery(run)).lines.values_list("pk", flat=True))
    assert len(known) > 5_000
    sent = [
        json.loads(line)["id"]
        for line in _body(client.get(f"{TRACE}jsonl/?about=run&name={run.pk}")).splitlines()
    ]
    assert sent == known
    sheet = csv.DictReader(io.StringIO(_body(client.get(f"{TRACE}csv/?about=run&name={run.pk}"))))
    assert [row["id"] for row in sheet] == known
    assert _leaf(client, f"runs/{run.pk}/lineage?page_size=200") == known


def _leaf(client: Client, url: str, between: Any = lambda: None) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"{API}{url}" + (f"&cursor={cursor}" if cursor else "")).json()
        found += [row["id"] for row in page["results"]]
        cursor = page["next_cursor"]
        between()
    return found


def test_what_is_written_while_somebody_leafs_moves_no_line(actor: Actor, client: Client) -> None:
    run = Run.objects.get()
    _fill(run, 20)
    known = list(find_lineage(LineageQuery(run)).lines.values_list("pk", flat=True))
    client.force_login(make_member("olga", "operator"))
    found = _leaf(client, f"runs/{run.pk}/lineage?page_size=7", lambda: _fill(run, 1))
    assert len(found) == len(set(found))
    assert [pk for pk in found if pk in set(known)] == known


def test_nothing_is_told_of_nothing(actor: Actor, client: Client) -> None:
    empty = Project.objects.get(slug="other")
    for of in (empty, GivenKey(empty.pk, "k"), MemoryName(empty.pk, "project", "", "k")):
        found = find_lineage(LineageQuery(of))
        assert (list(found.lines), found.is_cut) == ([], False)
    bare = Actor.objects.create(project=empty, name="support.case", key="9")
    assert list(find_lineage(LineageQuery(bare, below=True)).lines) == []
    client.force_login(make_member("olaf", "viewer", "other"))
    page = _body(client.get(TRACE, {"about": "actor", "name": "support.case/9", "project": "other"}))
    assert "Nothing fits." in page
    assert client.get(f"{API}actors/{bare.pk}/lineage").json() == {"results": [], "next_cursor": None}


def test_a_file_that_is_cut_says_so(actor: Actor, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes: Any = {"support.case": lambda _: 1}
    for number in range(3):
        actors.send("support.case/1", number)
        drive_all(agents=fakes)
    monkeypatch.setattr(lineage, "MOST_TURNS", 2)
    client.force_login(make_member("olga", "operator"))
    asked = f"{TRACE}csv/?about=actor&name=support.case/1"
    assert client.get(asked).headers["Content-Disposition"] == 'attachment; filename="trace-latest.csv"'
    told = StringIO()
    call_command("trace", "support.case/1", "--export=csv", stdout=StringIO(), stderr=told)
    assert "--since and --until lead to what was before" in told.getvalue()
    monkeypatch.setattr(lineage, "MOST_TURNS", 4)
    assert client.get(asked).headers["Content-Disposition"] == 'attachment; filename="trace.csv"'


def test_mail_under_a_key_that_went_to_very_many_is_cut_and_says_so(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors.define_topic("case.updated")
    for number in range(3):
        actors.subscribe("case.updated", "support.case", key=str(number))
    actors.publish("case.updated", 1, idempotency_key="news")
    deliver_all()
    key = GivenKey(actor.project_id, "news")
    assert not find_lineage(LineageQuery(key)).is_cut
    monkeypatch.setattr(lineage, "MOST_ABOUT", 2)
    found = find_lineage(LineageQuery(key, kinds=["delivery"]))
    assert found.is_cut
    latest = Delivery.objects.filter(message__key="key:news").order_by("-pk").values_list("pk", flat=True)
    assert {line.row for line in found.lines} == set(latest[:2])


_SECRET = "sk-live-abcdefghijklmnop1234"


def test_what_is_masked_is_not_found_by_what_it_hides() -> None:
    def fail(task: Task) -> Any:
        with contextlib.suppress(ValueError):
            task.once("look", _raise)
        raise ValueError(f"no key {_SECRET}")

    def doubt(_: Task) -> Any:
        return Result(1, confidence=0.1)

    for act in (fail, doubt):
        spec = WorkflowSpec(name="masked", steps=(StepSpec("a", agent="test.a"),))
        done = run_workflow(spec, {}, agents={"test.a": act})
        assert not find_lineage(LineageQuery(done.run, text="abcdefghijklm")).lines.exists()


def _raise() -> Any:
    raise ValueError(f"token {_SECRET}")
