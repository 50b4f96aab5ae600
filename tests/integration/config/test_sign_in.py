"""The brake on sign-in: who guesses stops themselves, and nobody else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from config.models import SignInTry
from config.sign_in import find_address
from tests.people import make_member

pytestmark = pytest.mark.django_db
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def ada(db: None) -> User:
    return make_member("ada", "reviewer")


def _try(password: str, name: str = "ada", address: str = HERE) -> Any:
    return Client(REMOTE_ADDR=address).post(
        reverse("admin:login"), {"username": name, "password": password, "next": "/admin/"}
    )


def _is_refused(answer: Any) -> bool:
    return "Too many tries" in answer.content.decode()


@pytest.mark.usefixtures("ada")
def test_after_five_failures_not_even_the_right_password_is_looked_at() -> None:
    failures = [_try("wrong") for _ in range(settings.SIGN_IN_TRIES)]

    assert [(answer.status_code, _is_refused(answer)) for answer in failures] == [(200, False)] * 5
    assert _is_refused(_try("secret-word"))
    assert _is_refused(_try("secret-word", name="ADA"))
    assert SignInTry.objects.count() == 5


@pytest.mark.usefixtures("ada")
def test_nobody_is_locked_out_by_somebody_elsewhere() -> None:
    for _ in range(settings.SIGN_IN_TRIES + 1):
        _try("wrong", address=THERE)

    assert _try("secret-word").status_code == 302
    assert _is_refused(_try("secret-word", address=THERE))


@pytest.mark.usefixtures("ada")
def test_an_address_that_tries_many_names_is_stopped(settings: Any) -> None:
    settings.SIGN_IN_ADDRESS_TRIES = 8
    for number in range(8):
        assert not _is_refused(_try("wrong", name=f"somebody{number}"))

    assert _is_refused(_try("secret-word"))
    assert _try("secret-word", address=THERE).status_code == 302


@pytest.mark.usefixtures("ada")
def test_a_success_forgets_the_failures_and_leaves_no_row() -> None:
    for _ in range(4):
        _try("wrong")

    assert _try("secret-word").status_code == 302
    assert not SignInTry.objects.exists()


@pytest.mark.usefixtures("ada")
def test_the_brake_ends_and_old_tries_are_swept() -> None:
    for _ in range(settings.SIGN_IN_TRIES):
        _try("wrong")
    SignInTry.objects.update(tried_at=timezone.now() - timedelta(seconds=settings.SIGN_IN_SECONDS + 1))

    assert _try("secret-word").status_code == 302
    assert not SignInTry.objects.exists()


@pytest.mark.usefixtures("ada")
def test_no_name_is_kept_as_it_was_typed() -> None:
    _try("wrong", name="my-password-in-the-wrong-field")

    assert "password" not in SignInTry.objects.get().person


@pytest.mark.django_db(transaction=True)
def test_a_hundred_guesses_at_once_are_counted(settings: Any) -> None:
    make_member("ada", "reviewer")

    def guess(_number: int) -> bool:
        try:
            return _is_refused(_try("wrong"))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(guess, range(16)))

    assert refused.count(False) <= settings.SIGN_IN_TRIES


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("unix:" + "x" * 100, "unix:" + "x" * 59),
    ],
)
def test_an_address_is_what_nobody_can_choose_anew(address: str, told: str) -> None:
    assert find_address(RequestFactory(REMOTE_ADDR=address).get("/")) == told


@pytest.mark.usefixtures("ada")
def test_a_session_lasts_a_working_day_and_each_sign_in_has_its_own() -> None:
    first, second = _try("secret-word"), _try("secret-word")

    keys = {answer.cookies["sessionid"].value for answer in (first, second)}
    assert len(keys) == 2
    assert first.cookies["sessionid"]["max-age"] == 36_000
    assert Session.objects.get(pk=keys.pop()).expire_date <= timezone.now() + timedelta(hours=10)
