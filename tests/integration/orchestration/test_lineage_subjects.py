"""What can be asked about beside a run: a memory, a key, a project; with tickets, and always in the same order."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agents import Result, Task
from agents.invoke import override
from escalation.escrow import claim_ticket, release_ticket, resolve_ticket
from escalation.models import ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec, actors, memory, runs
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ActorNotFound, LineageInvalid, ProjectNotFound
from orchestration.models import Decision, Event, LineageLine, Memory, Message, Project, Run
from orchestration.selectors.lineage import (
    GivenKey,
    LineageQuery,
    MemoryName,
    find_lineage,
    list_lineage,
    stream_lineage,
)
from orchestration.selectors.lineage_subjects import About, check_query, find_subject
from orchestration.selectors.lineage_words import tell_line
from orchestration.selectors.scope import call_as
from orchestration.testing import drive_all, run_workflow
from tests.people import make_member
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db
TRACE = "/admin/orchestration/run/trace/"
_WRITER = WorkflowSpec(name="writer", steps=(StepSpec("note", agent="mem.note"),))
_READER = WorkflowSpec(name="reader", steps=(StepSpec("look", agent="mem.look"),))
_UNSURE = WorkflowSpec(name="unsure", steps=(StepSpec("draft", agent="test.draft", min_confidence=0.9),))


def _note(task: Task) -> int:
    task.remember("project", "customer/7", {"tone": "short"}, search="likes short answers")
    return 1


def _look(task: Task) -> int:
    task.remembered("project", "customer/7")
    task.remembered("project", "customer/8")
    return len(task.recall("project", "who likes short answers"))


def _run(spec: WorkflowSpec) -> Run:
    agents: Any = {
        "mem.note": _note,
        "mem.look": _look,
        "test.draft": lambda _: Result({"secret": "on its way"}, confidence=0.1),
    }
    return run_workflow(spec, {}, agents=agents).run


def _project() -> Project:
    return Project.objects.get(slug="default")


def _tell(of: Any, **narrowed: Any) -> list[str]:
    return [tell_line(line) for line in list_lineage(LineageQuery(of, **narrowed))]


def test_a_run_tells_what_it_remembered_and_looked_up() -> None:
    _run(_WRITER)
    told = _tell(_run(_READER), kinds=["look"])
    # The first look is what makes the step take its pin.
    assert told.pop(1).startswith("looks at memories as they stood at ")
    assert told == [
        "looked up 'customer/7' (project), and found it",
        "looked up 'customer/8' (project), and there was none",
        "looked for memories like a text (project), and found 1",
    ]
    assert _tell(Run.objects.get(workflow_name="writer"), kinds=["memory"]) == [
        "remembered 'customer/7' (project) as version 1"
    ]


def test_a_memory_tells_who_wrote_it_who_found_it_and_that_it_was_forgotten() -> None:
    writer, reader = _run(_WRITER), _run(_READER)
    anna = make_member("anna", "operator")
    memory.remember("project", "customer/7", "new", by=anna)
    memory.remember("project", "customer/9", "another")
    memory.forget(key="customer/7", reason="she asked for it", by=anna)
    name = MemoryName(_project().pk, "project", "", "customer/7")
    lines = list(list_lineage(LineageQuery(name)))
    assert [tell_line(line) for line in lines] == [
        "remembered 'customer/7' (project) as version 1",
        "looked up 'customer/7' (project), and found it",
        "looked for memories like a text (project), and found 1",
        "remembered 'customer/7' (project) as version 2 by code:anna",
        "version 1 of 'customer/7' (project) was forgotten by code:anna: she asked for it",
        "version 2 of 'customer/7' (project) was forgotten by code:anna: she asked for it",
    ]
    assert [line.run_id for line in lines[:3]] == [writer.pk, reader.pk, reader.pk]
    assert "short" not in json.dumps([line.data_json for line in lines])
    assert _tell(name._replace(scope="agent", scope_id="mem.note")) == []
    assert _tell(name, until=lines[1].at) == ["remembered 'customer/7' (project) as version 1"]
    out = StringIO()
    call_command("trace", "--memory", "customer/7", "--kind", "memory", "--json", stdout=out)
    assert len(json.loads(out.getvalue())) == 4


def test_a_key_tells_what_was_started_and_sent_under_it() -> None:
    def turn(task: Task) -> int:
        if task.messages[0].body == "go":
            task.send("support.case/2", "stay")
        return 1

    fakes: Any = {"support.case": turn, "mem.note": _note}
    with override(fakes):
        runs.publish(_WRITER)
        runs.publish(
            WorkflowSpec(name="case", actor="support.case", steps=(StepSpec("turn", agent="support.case"),))
        )
        runs.start("writer", {}, idempotency_key="mail-17")
        runs.start("writer", {}, idempotency_key="mail-18")
    actors.send("support.case/1", "go", idempotency_key="mail-17")
    drive_all(agents=fakes)
    found = list(list_lineage(LineageQuery(GivenKey(_project().pk, "mail-17"))))
    told = [tell_line(line) for line in found]
    sent = Message.objects.get(key="key:mail-17")
    assert f"code sent message {sent.pk} (direct) to support.case/1" in told
    assert f"turn 1 got message {sent.pk} (direct) of code" in told
    assert "remembered 'customer/7' (project) as version 1" in told
    assert {str(Run.objects.get(pk=line.run_id)) for line in found if line.run_id} == {
        str(run) for run in Run.objects.exclude(idempotency_key="mail-18").exclude(actor__key="2")
    }
    other = Project.objects.create(slug="other", name="Other")
    assert _tell(GivenKey(other.pk, "mail-17")) == []


def test_tickets_tell_what_was_done_and_not_what_they_hold() -> None:
    run = _run(_UNSURE)
    ticket, anna = Ticket.objects.get(), make_member("anna", "reviewer")
    claim_ticket(ticket.pk, anna)
    release_ticket(ticket.pk, anna, note="not for me")
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)
    lines = list(list_lineage(LineageQuery(run, kinds=["ticket"])))
    assert [tell_line(line) for line in lines] == [
        f"ticket {ticket.pk} was opened in 'default': {ticket.rule}",
        f"ticket {ticket.pk}: claimed by anna",
        f"ticket {ticket.pk}: released by anna",
        f"ticket {ticket.pk}: claimed by anna",
        f"ticket {ticket.pk}: resolved by anna: approve",
    ]
    said = json.dumps([line.data_json for line in lines])
    assert "on its way" not in said
    assert "not for me" not in said
    ReviewQueue.objects.update(is_restricted=True)
    assert "anna" not in " ".join(_tell(run, kinds=["ticket"]))


def test_a_project_tells_what_happened_between_two_times_and_nothing_of_others() -> None:
    run = _run(_WRITER)
    memory.remember("project", "by hand", 1)
    other = Project.objects.create(slug="other", name="Other")
    memory.remember("project", "elsewhere", 1, project="other")
    now = datetime.now(UTC)
    told = list(
        list_lineage(LineageQuery(_project(), since=now - timedelta(hours=1), until=now + timedelta(hours=1)))
    )
    assert {line.run_id for line in told} == {run.pk, None}
    assert [line.name for line in told if line.run_id is None] == ["by hand"]
    assert _tell(other, since=now - timedelta(hours=1)) == [
        "remembered 'elsewhere' (project) as version 1 by code"
    ]
    assert not list_lineage(LineageQuery(_project(), until=now - timedelta(hours=1))).exists()


def test_lines_of_one_moment_have_one_order() -> None:
    run = _run(_WRITER)
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    with history_rewritten():
        Event.objects.filter(run=run).update(at=moment)
        Decision.objects.filter(run=run).update(decided_at=moment)
    lines = list(list_lineage(LineageQuery(run, until=moment + timedelta(seconds=1))))
    assert [line.kind for line in lines] == ["event", "decision", *["event"] * (len(lines) - 2)]
    assert lines[0].name == "step_claimed"
    for _ in range(3):
        assert [line.pk for line in list_lineage(LineageQuery(run))][: len(lines)] == [
            line.pk for line in lines
        ]


def test_nothing_is_left_of_what_is_deleted() -> None:
    run = _run(_WRITER)
    ids = [line.pk for line in list_lineage(LineageQuery(run))]
    with history_rewritten():
        Event.objects.filter(run=run, kind="step_claimed").delete()
    left = [line.pk for line in list_lineage(LineageQuery(run))]
    assert len(left) == len(ids) - 1
    assert set(left) < set(ids)
    # A line whose run is gone is nobody's: it names no project.
    assert LineageLine.objects.filter(run__isnull=True, project__isnull=True).count() == 0


@pytest.mark.parametrize(
    ("about", "given", "error"),
    [
        (About.ACTOR, {"name": "no address"}, "address: "),
        (About.ACTOR, {"name": "a/" + "ä" * 10_000}, "address: "),
        (About.ACTOR, {"name": "a/b/c"}, "address: "),
        (About.MEMORY, {"name": ""}, "name: "),
        (About.MEMORY, {"name": "k" * 10_000}, "name: "),
        (About.MEMORY, {"name": "k", "scope": "moon"}, "scope: "),
        (About.MEMORY, {"name": "k", "scope": "agent"}, "id: say whose"),
        (About.MEMORY, {"name": "k", "id": "x"}, "id: leave it out"),
    ],
)
def test_what_can_not_be_asked_about_names_the_field(about: About, given: dict[str, str], error: str) -> None:
    with pytest.raises(LineageInvalid, match=error):
        find_subject(call_as(make_member("olga", "operator")), about, given)


def test_a_memory_is_found_however_its_key_is_composed() -> None:
    memory.remember("project", "caf\u00e9", 1)
    asked = {"name": "cafe\u0301"}
    assert _tell(find_subject(call_as(make_member("olga", "operator")), About.MEMORY, asked)) == [
        "remembered 'caf\u00e9' (project) as version 1 by code"
    ]


def test_what_is_of_others_is_not_there() -> None:
    _run(_WRITER)
    other = Project.objects.create(slug="other", name="Other")
    stranger = call_as(make_member("stella", "admin", "other"))
    with pytest.raises(ProjectNotFound):
        find_subject(stranger, About.MEMORY, {"name": "customer/7", "project": "default"})
    with pytest.raises(ActorNotFound):
        find_subject(stranger, About.ACTOR, {"name": "support.case/1", "project": other.slug})
    with pytest.raises(LineageInvalid, match="since: of a whole project"):
        check_query(LineageQuery(other, since=datetime.now(UTC)))
    now = datetime.now(UTC)
    with pytest.raises(LineageInvalid, match="exchange the two"):
        check_query(LineageQuery(other, since=now, until=now))


def test_a_file_has_all_lines_and_no_formulas(client: Client) -> None:
    run = _run(_WRITER)
    memory.remember("project", "=cmd()", 1)
    client.force_login(make_member("olga", "operator"))
    of_run = client.get(f"{TRACE}jsonl/?about=run&name={run.pk}")
    lines = [json.loads(line) for line in of_run.getvalue().decode().splitlines()]
    assert [line["id"] for line in lines] == [line.pk for line in list_lineage(LineageQuery(run))]
    assert of_run.headers["Content-Disposition"] == 'attachment; filename="trace.jsonl"'
    sheet = client.get(f"{TRACE}csv/?about=memory&name=%3Dcmd()")
    [row] = csv.DictReader(io.StringIO(sheet.getvalue().decode()))
    assert (row["name"], row["kind"], row["run"]) == ("'=cmd()", "memory", "")
    for wrong in (
        "csv/?about=run&name=x",
        f"xml/?about=run&name={run.pk}",
        f"csv/?about=run&name={run.pk}&since=x",
    ):
        assert client.get(f"{TRACE}{wrong}").status_code == 404
    assert client.post(f"{TRACE}csv/?about=run&name={run.pk}").status_code == 405
    Project.objects.create(slug="other", name="Other")
    client.force_login(make_member("stella", "admin", "other"))
    assert client.get(f"{TRACE}csv/?about=run&name={run.pk}").status_code == 404


def test_the_page_shows_any_of_them_and_what_is_wrong(client: Client) -> None:
    run = _run(_WRITER)
    client.force_login(make_member("olga", "operator"))
    assert "Nothing fits" not in client.get(TRACE).content.decode()
    page = client.get(TRACE, {"about": "memory", "name": "customer/7"}).content.decode()
    assert "remembered &#x27;customer/7&#x27; (project) as version 1" in page
    assert f"/admin/orchestration/run/{run.pk}/steps/note/" in page
    assert "about=memory&amp;name=customer%2F7&amp;kind=look" in page
    wrong = {
        "since: &#x27;yesterday&#x27; is no time": {
            "about": "run",
            "name": str(run.pk),
            "since": "yesterday",
        },
        "nothing can lie between": {
            "about": "run",
            "name": str(run.pk),
            "since": "2026-03-02",
            "until": "2026-03-01",
        },
        "is no run&#x27;s id": {"about": "run", "name": "<b>"},
        "no project &#x27;moon&#x27;": {"about": "key", "name": "k", "project": "moon"},
        "give `since` and `until`": {"about": "project", "since": "2026-03-01"},
        "there is no actor": {"about": "actor", "name": "support.case/ünï"},
    }
    for words, asked in wrong.items():
        text = client.get(TRACE, asked).content.decode()
        assert words in text
        assert "step claimed" not in text
        assert "<b>" not in text.partition("What happened, in one order")[2].partition("</section>")[0]
    Project.objects.create(slug="other", name="Other")
    client.force_login(make_member("stella", "admin", "other"))
    assert "no run " in client.get(TRACE, {"about": "run", "name": str(run.pk)}).content.decode()


def test_a_long_past_is_told_in_part_and_streamed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        memory.remember("project", "customer/7", number)
    monkeypatch.setattr("orchestration.selectors.lineage.MOST_ABOUT", 2)
    found = find_lineage(LineageQuery(MemoryName(_project().pk, "project", "", "customer/7")))
    assert found.is_cut
    assert [json.loads(line.data_json)["version"] for line in stream_lineage(found.lines)] == [3, 4]
    monkeypatch.setattr("orchestration.management.commands.trace._MOST_SHOWN", 1)
    out, told = StringIO(), StringIO()
    call_command("trace", "--memory", "customer/7", stdout=out, stderr=told)
    assert len(out.getvalue().splitlines()) == 2
    assert "These are the first 1 lines" in told.getvalue()
    assert "--since and --until lead to what was before" in told.getvalue()


def test_the_command_asks_about_one_thing(capsys: pytest.CaptureFixture[str]) -> None:
    _run(_WRITER)
    for arguments, words in (
        (["--memory", "a", "--key", "b"], "give one of ID, ADDRESS, --memory and --key"),
        ([], "--since: of a whole project"),
        (["--memory", "a", "--scope", "agent"], "--id: say whose"),
        (["--memory", "a", "--project", "moon"], "no project 'moon'"),
        (["support.case/1", "--since", "1h", "--until", "2h"], "there is no actor"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("trace", *arguments)
    out = StringIO()
    call_command("trace", "--since", "1h", "--until", "2100-01-01", "--export", "csv", stdout=out)
    assert len(list(csv.reader(io.StringIO(out.getvalue())))) == LineageLine.objects.count() + 1
    assert Memory.objects.count() == 1
