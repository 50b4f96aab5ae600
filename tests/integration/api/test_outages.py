"""A database that answers, but can't now, is unavailable: 503 with words, for programs and for people."""

from typing import Any

import psycopg
import pytest
from django.db import InternalError
from django.test import Client

from orchestration.api import problems

pytestmark = pytest.mark.django_db


def _refuse(*_: Any, **__: Any) -> Any:
    raise InternalError("cannot execute INSERT") from psycopg.errors.ReadOnlySqlTransaction("read-only")


@pytest.fixture(autouse=True)
def _read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", _refuse)
    monkeypatch.setattr("knox.auth.TokenAuthentication.authenticate", _refuse)


def test_a_program_is_told_in_its_own_form() -> None:
    answer = Client(raise_request_exception=False).get("/api/v1/runs", headers={"Authorization": "Token x"})
    assert (answer.status_code, answer["Content-Type"]) == (503, problems.MEDIA_TYPE)
    assert (answer.json()["code"], answer.json()["detail"]) == (
        "unavailable",
        "the database is away or busy; nothing was lost, try again",
    )


def test_a_person_is_told_in_words() -> None:
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/admin/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Nothing was lost" in answer.content.decode()
