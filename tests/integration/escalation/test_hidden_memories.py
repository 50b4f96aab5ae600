"""What a restricted queue's step remembered is shown, found and counted for nobody who has no role there."""

import json
from typing import Any

import pytest

from agents import Result, Task
from escalation.models import Ticket
from orchestration import memory
from orchestration.models import Memory
from orchestration.selectors.memories_shown import leave_out_hidden
from tests.integration.escalation.desk import hold
from tests.integration.escalation.restricted import SECRET, WITH_ROLE, approve, make_mia, read, restrict

pytestmark = pytest.mark.django_db
_PAGES = "/admin/orchestration/memory/"


def _write(task: Task) -> Result:
    task.remember("project", "parcel", {"note": SECRET}, search=f"it is {SECRET}", about="customer/7")
    return Result({"body": SECRET}, confidence=0.5)


def _remember() -> Ticket:
    (ticket,) = hold(writer=_write)
    approve(restrict(ticket))
    memory.remember("project", "open", "a lamp", about="customer/7")
    return ticket


@WITH_ROLE
def test_no_page_shows_it(*, has_role: bool) -> None:
    ticket = _remember()
    row, mia = Memory.objects.get(key="parcel"), make_mia(ticket, has_role=has_role)
    run = f"/admin/orchestration/run/{ticket.run_id}"
    pages = [
        _PAGES,
        f"{_PAGES}{row.pk}/change/",
        f"{_PAGES}write/?id={row.pk}",
        f"{_PAGES}forget/?about=customer/7",
        f"{run}/change/?show=memory",
        f"{run}/steps/draft/",
        "/api/v1/memory",
        f"/api/v1/memory/{row.pk}/history",
    ]
    assert [SECRET in read(mia, page) for page in pages] == [has_role] * len(pages)
    assert all("lamp" in read(mia, page) for page in (_PAGES, "/api/v1/memory"))


@WITH_ROLE
def test_no_search_finds_it(*, has_role: bool) -> None:
    mia = make_mia(_remember(), has_role=has_role)
    for asked in ("text=its+way", "text=on+its", "like=way"):
        results: list[Any] = json.loads(read(mia, f"/api/v1/memory?{asked}"))["results"]
        assert [row["key"] for row in results] == (["parcel"] if has_role else [])
    for asked in ("q=its+way", "like=way"):
        assert ("parcel" in read(mia, f"{_PAGES}?{asked}")) == has_role
    assert len(json.loads(read(mia, "/api/v1/memory?about=customer/7"))["results"]) == 2


@WITH_ROLE
def test_no_column_is_asked_past_the_search(*, has_role: bool) -> None:
    mia = make_mia(_remember(), has_role=has_role)
    for asked in (
        "value_json__contains=way",
        "search__startswith=it",
        "words=way",
        "about__contains=x",
        "tokens__gt=0",
    ):
        read(mia, f"{_PAGES}?{asked}", status=302)


def test_who_asks_nothing_of_a_closed_queue_looks_through_all() -> None:
    _remember()
    rows = Memory.objects.all()
    assert leave_out_hidden(rows, make_mia(Ticket.objects.get(), has_role=True).pk) is rows
    assert [row.key for row in leave_out_hidden(rows, None)] == ["open"]
