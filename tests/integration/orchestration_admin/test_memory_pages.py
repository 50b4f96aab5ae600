"""Memory on the console: looked through as it stands and stood, a key with its versions, written and forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import Task
from orchestration import StepSpec, WorkflowSpec, memory
from orchestration.admin.times import write_time
from orchestration.models import Forgetting, Memory, Project
from orchestration.testing import FinishedRun, run_workflow
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.people import make_member

pytestmark = pytest.mark.django_db
LIST = "/admin/orchestration/memory/"
WRITE = f"{LIST}write/"
FORGET = f"{LIST}forget/"


@pytest.fixture
def admin(db: None) -> Client:
    return sign_in(make_member("ada", "admin"))


def _note(task: Task) -> str:
    hits = task.recall("project", like="short answers")
    task.remember(
        "project", "customer/7", {"tone": "short"}, search="likes short answers", about="customer/7"
    )
    task.remember("run", "seen", len(hits))
    return "noted"


def _run() -> FinishedRun:
    return run_workflow(
        WorkflowSpec(name="notes", steps=(StepSpec("note", agent="mem.note"),)),
        {},
        agents={"mem.note": _note},
    )


def _page(key: str) -> str:
    return f"{LIST}{Memory.objects.filter(key=key).latest('pk').pk}/change/"


def _find(client: Client, **asked: str) -> list[str]:
    return [row.key for row in client.get(LIST, asked).context["cl"].result_list]


def test_the_list_is_narrowed_by_whose_it_is_key_words_and_time(operator: Client) -> None:
    memory.remember("project", "customer/7", {"tone": "short"}, search="likes short answers")
    memory.remember("project", "customer/8", "long letters", about=["customer/8", "household/1"])
    memory.remember("agent", "advice", "be kind", id="acme.reply")
    first = memory.remember("project", "customer/9", "formerly").valid_from
    memory.remember("project", "customer/9", "nowadays")
    assert _find(operator) == ["advice", "customer/7", "customer/8", "customer/9"]
    assert _find(operator, scope="agent") == _find(operator, of="acme.reply") == ["advice"]
    assert _find(operator, prefix="customer/8") == _find(operator, about="household/1") == ["customer/8"]
    assert _find(operator, q="LETTERS") == ["customer/8"]
    assert _find(operator, like="what kind of letters, or answers?") == ["advice", "customer/8", "customer/7"]
    assert _find(operator, project="default", scope="project", like="kind") == []
    assert _find(operator, at=(first - timedelta(microseconds=1)).isoformat()) == [
        "advice",
        "customer/7",
        "customer/8",
    ]
    then = text_of(operator.get(LIST, {"at": first.isoformat()}))
    assert "formerly" in then
    assert "4 memories" in then
    assert f'name="at" value="{write_time(first)}"' in then
    assert "formerly" not in text_of(operator.get(LIST))


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"at": "soon"}, "at: &#x27;soon&#x27; is no time"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "is no time"),
        ({"like": "x" * 4001}, "like: 4,001 characters; give at most 4,000"),
        ({"of": "x" * 301}, "of: 301 characters"),
    ],
)
def test_what_can_t_be_asked_for_is_said(operator: Client, asked: dict[str, str], fault: str) -> None:
    memory.remember("project", "k", 1)
    answer = operator.get(LIST, asked)
    assert fault in text_of(answer)
    assert not answer.context["cl"].result_list


@pytest.mark.parametrize("hostile", ["\x00", "' | & ! <-> :*", "%", "\\", "a" * 200, "\ufdd0\u202e", "🦔"])
def test_hostile_words_find_nothing_and_break_nothing(operator: Client, hostile: str) -> None:
    memory.remember("project", "k", 1)
    for name in ("q", "like", "of", "prefix", "about", "scope", "project"):
        # A NUL is refused at the door, for all addresses.
        assert operator.get(LIST, {name: hostile}).status_code == (400 if hostile == "\x00" else 200)


def test_a_page_shows_a_key_with_its_versions_and_writers(operator: Client) -> None:
    done = _run()
    memory.remember(
        "project", "customer/7", "x" * 300, by=User.objects.get(username="olga"), reason="asked <b>"
    )
    said = text_of(operator.get(_page("customer/7")))
    assert f"/admin/orchestration/run/{done.run.pk}/steps/note/#attempt-1" in said
    assert "code:olga" in said
    assert "Why: asked &lt;b&gt;" in said
    assert said.index('id="v2"') < said.index('id="v1"')
    old = operator.get(
        _page("customer/7"), {"at": Memory.objects.get(version=1, scope="project").valid_from.isoformat()}
    )
    assert (old.context["state"], old.context["current"].version) == (
        '<span class="rm-chip rm-planned">as it stood</span>',
        1,
    )


def test_what_is_forgotten_or_expired_says_so(operator: Client) -> None:
    memory.remember("project", "gone", "secret")
    memory.forget(key="gone", reason="asked on the phone", by=User.objects.create_user("ben"))
    memory.remember("project", "late", 1, expires_in_seconds=1e-6)
    said = text_of(operator.get(_page("gone")))
    assert "by code:ben: asked on the phone" in said
    assert "secret" not in said
    assert "has expired" in text_of(operator.get(_page("late")))
    assert ">forgotten<" in text_of(operator.get(LIST))


def test_a_person_writes_a_key_and_its_next_version_with_a_reason(operator: Client) -> None:
    given = {"project": "default", "scope": "project", "key": "tone", "value": '"short"', "expected": "0"}
    refused = operator.post(WRITE, given)
    assert (refused.status_code, Memory.objects.count()) == (400, 0)
    assert "reason: say why" in text_of(refused)
    assert "&quot;short&quot;" in text_of(refused)
    done = operator.post(WRITE, {**given, "reason": "she said so", "about": "customer/7\n customer/8\n"})
    row = Memory.objects.get()
    assert done["Location"] == f"{LIST}{row.pk}/change/"
    assert (row.person_name, row.reason, row.about) == (
        "console:olga",
        "she said so",
        ["customer/7", "customer/8"],
    )
    form = operator.get(WRITE, {"id": row.pk}).context["given"]
    assert (form["value"], form["expected"], form["about"]) == ('"short"', "1", "customer/7\ncustomer/8")
    operator.post(f"{WRITE}?id={row.pk}", {**form, "value": "2", "reason": "again"})
    assert Memory.objects.latest("pk").version == 2


def test_who_writes_what_was_written_meanwhile_keeps_what_they_typed(operator: Client) -> None:
    row = memory.remember("project", "tone", "short")
    form = operator.get(WRITE, {"id": row.pk}).context["given"]
    memory.remember("project", "tone", "long")
    answer = operator.post(f"{WRITE}?id={row.pk}", {**form, "value": '"mine"', "reason": "r"})
    assert answer.status_code == 409
    assert "Begin again from what it says now" in text_of(answer)
    assert "&quot;mine&quot;" in text_of(answer)
    assert Memory.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("value", {"value": "short"}),
        ("value", {"value": "NaN"}),
        ("value", {"value": '"\\u0000"'}),
        ("value", {"value": "[" * 200}),
        ("value", {"value": f'"{"x" * 70_000}"'}),
        ("key", {"key": ""}),
        ("key", {"key": "x" * 10_000}),
        ("key", {"key": "a\x00b"}),
        ("scope", {"scope": "team"}),
        ("id", {"scope": "run", "id": "7"}),
        ("expires", {"expires": "soon"}),
        ("expires_in_seconds", {"expires": "nan"}),
        ("expires_in_seconds", {"expires": "-1"}),
        ("expected", {"expected": "x"}),
        ("about", {"about": "x" * 201}),
        ("reason", {"reason": "\x00"}),
        ("search", {"search": "\x00"}),
    ],
)
def test_what_can_t_be_written_is_named(operator: Client, field: str, given: dict[str, str]) -> None:
    said = {
        "project": "default",
        "scope": "project",
        "key": "k",
        "value": "1",
        "reason": "r",
        "expected": "0",
    }
    answer = operator.post(WRITE, said | given)
    assert answer.status_code == 400
    assert f"Nothing was written:</b> {field}" in text_of(answer)
    assert not Memory.objects.exists()


def test_a_key_is_forgotten_from_its_page(admin: Client) -> None:
    memory.remember("project", "k", "old")
    row = memory.remember("project", "k", "new")
    asked = text_of(admin.get(FORGET, {"id": row.pk}))
    assert "Forget 2 versions?" in asked
    assert admin.post(FORGET, {"id": row.pk, "reason": " "}).status_code == 400
    assert not Forgetting.objects.exists()
    assert admin.post(FORGET, {"id": row.pk, "reason": "asked"})["Location"] == f"{LIST}{row.pk}/change/"
    assert not Memory.objects.filter(value_json__isnull=False).exists()
    assert "forgotten already" in text_of(admin.get(FORGET, {"id": row.pk}))


def test_all_about_somebody_is_forgotten_in_all_scopes_of_one_s_projects(admin: Client) -> None:
    abroad = Project.objects.create(slug="abroad", name="Abroad")
    memory.remember("project", "customer/7/habits", 1)
    memory.remember("agent", "advice", 2, id="acme.reply", about="customer/7")
    memory.remember("project", "customer/70", 3)
    memory.remember("project", "customer/7", 4, project=abroad.slug)
    assert "Forget 2 versions?" in text_of(admin.get(FORGET, {"about": "customer/7"}))
    admin.post(FORGET, {"about": "customer/7", "reason": "asked"})
    left = Memory.objects.exclude(value_json=None).order_by("pk").values_list("value_json", flat=True)
    assert list(left) == ["3", "4"]
    assert "Nothing is remembered about" in text_of(admin.get(FORGET, {"about": "nobody"}))


def test_rights_are_those_of_the_project(operator: Client, reviewer: Client, visitor: Client) -> None:
    row = memory.remember("project", "k", 1)
    other = memory.remember("project", "k", 1, project=Project.objects.create(slug="o", name="O").slug)
    pages: tuple[tuple[str, dict[str, Any]], ...] = (
        (_page("k").replace(str(other.pk), str(row.pk)), {}),
        (WRITE, {"id": row.pk}),
        (FORGET, {"id": row.pk}),
    )
    assert [operator.get(*page).status_code for page in pages] == [200, 200, 403]
    assert [reviewer.get(*page).status_code for page in pages] == [200, 403, 403]
    assert [visitor.get(*page).status_code for page in pages] == [403, 403, 403]
    assert operator.get(f"{LIST}{other.pk}/change/").status_code == 404
    assert operator.get(WRITE, {"id": other.pk}).status_code == 404
    given = {"project": "o", "scope": "project", "key": "z", "value": "1", "reason": "r", "expected": "0"}
    assert operator.post(WRITE, given).status_code == 404
    assert operator.post(FORGET, {"about": "k", "reason": "r"}).status_code == 403
    assert Memory.objects.count() == 2


def test_runs_steps_and_actors_lead_to_what_they_wrote_and_looked_up(operator: Client) -> None:
    memory.remember("project", "earlier", "short answers please")
    done = _run()
    found = Memory.objects.get(key="earlier").pk
    run = f"/admin/orchestration/run/{done.run.pk}/"
    for page in (f"{run}change/?show=memory", f"{run}steps/note/"):
        said = text_of(operator.get(page))
        assert f'href="{LIST}{found}/change/">earlier</a> v1' in said
        assert "like: short answers" in said
        assert f'href="{_page("customer/7")}"' in said


def test_a_full_list_costs_no_more_questions_than_a_short_one(operator: Client) -> None:
    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert operator.get(address).status_code == 200
        return len(asked)

    done = _run()
    pages = (LIST, _page("customer/7"), f"/admin/orchestration/run/{done.run.pk}/steps/note/")
    before = [count(page) for page in pages]
    for number in range(30):
        memory.remember("project", f"k{number}", number)
        memory.remember("project", "customer/7", number)
    assert all(now <= then for now, then in zip(map(count, pages), before, strict=True))


def test_a_mask_is_not_written_in_place_of_the_secret_that_it_hides(operator: Client) -> None:
    row = memory.remember("project", "login", {"user": "ada", "password": "hunter2hunter2"})
    form = operator.get(WRITE, {"id": row.pk}).context["given"]
    assert "hunter2" not in form["value"]
    answer = operator.post(f"{WRITE}?id={row.pk}", {**form, "reason": "r"})
    assert answer.status_code == 400
    assert "value: it holds [redacted], which stands for a secret" in text_of(answer)
    assert Memory.objects.count() == 1
    whole = form["value"].replace("[redacted]", "another1another1")
    assert operator.post(f"{WRITE}?id={row.pk}", {**form, "value": whole, "reason": "r"}).status_code == 302
    # What was remembered so is no mask of ours.
    memory.remember("project", "log", "the line says [redacted]")
    assert memory.remember("project", "log", "the line still says [redacted]").version == 2
