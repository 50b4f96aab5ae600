"""Memories over the API: what is like a text or about somebody, and what nobody may read or forget from elsewhere."""

from typing import Any

import pytest

from orchestration import memory
from orchestration.models import Forgetting, Memory, Project
from orchestration.selectors import withheld
from orchestration.selectors.memories_shown import Shown
from tests.integration.api.people import Caller
from tests.integration.api.scene import Scene

pytestmark = pytest.mark.django_db
V1 = "/api/v1/memory"


@pytest.fixture
def admin(scene: Scene, callers: dict[str, Caller]) -> Caller:
    return callers["admin"]


def _list(caller: Caller, query: str = "") -> Any:
    answer = caller.get(f"{V1}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def _fill() -> None:
    memory.remember("project", "a", "short answers", project="desk", about="person/1")
    memory.remember(
        "agent", "b", {"password": "hunter2hunter2"}, id="x", project="desk", about=["person/1", "x"]
    )
    memory.remember(
        "project", "person/1", "elsewhere", project=Project.objects.exclude(slug="desk").latest("pk").slug
    )


def test_a_list_is_narrowed_by_whom_it_is_about_and_ordered_by_what_it_is_like(admin: Caller) -> None:
    _fill()
    assert [row["key"] for row in _list(admin, "about=person/1")] == ["a", "b"]
    assert [row["key"] for row in _list(admin, "like=a+short+answer&page_size=1")] == ["a"]
    assert [row["about"] for row in _list(admin, "key=b")] == [["person/1", "x"]]
    for wrong in (
        "like=",
        "like=" + "x" * 4_001,
        "like=%00",
        "like=a&cursor=x",
        "like=a&page_size=0",
        "at=soon",
    ):
        assert admin.get(f"{V1}?{wrong}").status_code == 400


def test_no_secret_is_shown(admin: Caller) -> None:
    _fill()
    assert "hunter2" not in admin.get(V1).content.decode()


def test_it_is_written_with_whom_it_is_about_and_why(admin: Caller) -> None:
    body = {
        "project": "desk",
        "scope": "project",
        "key": "n",
        "value": 1,
        "about": ["person/1"],
        "reason": "asked",
    }
    said = admin.post(V1, body)
    assert said.status_code == 201
    assert (said.json()["about"], said.json()["reason"], said.json()["hidden"]) == (
        ["person/1"],
        "asked",
        None,
    )
    wrong: Any
    for wrong in ("person/1", [7, None], ["x"] * 21, ["\x00"], [""], [{}]):
        assert admin.post(V1, {**body, "about": wrong}).status_code == 400
    assert Memory.objects.filter(key="n").count() == 1


def test_all_about_somebody_goes_from_all_projects_in_which_one_may(
    admin: Caller, callers: dict[str, Caller]
) -> None:
    _fill()
    about = {"about": "person/1", "reason": "asked"}
    refused = callers["operator"].post(f"{V1}/forget", about)
    assert (refused.status_code, refused.json()["code"]) == (403, "right_missing")
    assert not Forgetting.objects.exists()
    [told] = admin.post(f"{V1}/forget", about).json()
    assert (told["project"], told["versions"]) == ("desk", 2)
    assert [row["is_forgotten"] for row in _list(admin, "prefix=b")] == [True]
    assert admin.post(f"{V1}/forget", about).status_code == 404
    left = Memory.objects.filter(key="person/1").values_list("value_json", flat=True)
    assert list(left) == ['"elsewhere"']


def test_nothing_is_shown_that_the_audit_can_t_be_told_of(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill()
    row = Memory.objects.get(key="a")
    monkeypatch.setattr(
        "orchestration.api.memories.show_memories",
        lambda rows, _user: {one.pk: _untold() for one in rows},
    )
    assert admin.get(f"{V1}/{row.pk}/history").status_code == 503


def _untold() -> Any:
    return Shown(None, "", "", withheld.UNTOLD)
