"""Who needs a second factor is nobody without it, whichever door they try; codes can be neither guessed nor reused."""

import re
import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.test import Client, RequestFactory
from django.urls import reverse
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.second_factor.devices import (
    AlreadyEnrolled,
    CodeRefused,
    enrol,
    make_key,
    renew_recovery_codes,
    verify_code,
)
from config.second_factor.door import lacks_second_factor
from escalation.models import AuditLine
from orchestration.domain.rights import Scope
from orchestration.tokens import NewToken, make_token
from tests.codes import KEY, code_now, give_device, secret_of, sign_in_with_app
from tests.integration.orchestration.rig import race
from tests.people import make_member

pytestmark = pytest.mark.django_db
LOGIN, SET_UP, OWN = "/admin/login/", "/admin/second-factor/set-up/", "/admin/second-factor/"


@pytest.fixture(autouse=True)
def asked(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "deciders"}


@pytest.fixture
def ada(db: None) -> User:
    return make_member("ada", "reviewer")


@pytest.fixture
def enrolled(ada: User) -> User:
    give_device(ada)
    return ada


def sign_in(client: Client, code: str = "", name: str = "ada", onward: str = "/admin/") -> Any:
    form = {"username": name, "password": "secret-word", "factor_code": code, "next": onward}
    return client.post(LOGIN, form)


def _is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def _page(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def _half_known(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# Who is asked


@pytest.mark.parametrize(
    ("mode", "role", "is_let_in"),
    [
        ("off", "reviewer", True),
        ("deciders", "reviewer", False),
        ("deciders", "admin", False),
        ("deciders", "viewer", True),
        ("deciders", "operator", True),
        ("all", "viewer", False),
    ],
)
def test_the_setting_says_who_signs_in_with_more_than_a_password(
    settings: Any, mode: str, role: str, *, is_let_in: bool
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": mode}
    make_member("bob", role)
    client = Client()
    assert sign_in(client, name="bob").status_code == 302
    assert _is_in(client) is is_let_in


def test_whoever_could_make_themselves_a_reviewer_is_asked_too() -> None:
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    assert _is_in(_half_known(clerk))
    clerk.user_permissions.add(Permission.objects.get(codename="change_user"))
    assert not _is_in(_half_known(clerk))


def test_off_no_page_speaks_of_it(settings: Any, enrolled: User) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "off"}
    client = _half_known(enrolled)
    assert "factor_code" not in _page(Client().get(LOGIN))
    assert (client.get(OWN).status_code, client.get(SET_UP).status_code) == (404, 404)
    assert OWN not in _page(client.get("/admin/"))


def test_a_role_that_is_given_in_the_middle_of_a_session_asks_at_once() -> None:
    person = make_member("bob", "viewer")
    client = _half_known(person)
    assert _is_in(client)
    make_member("cid", "reviewer").groups.first().user_set.add(person)  # type: ignore[union-attr]
    assert client.get("/admin/").headers["Location"] == f"{LOGIN}?next=/admin/"


def test_whoever_set_one_up_is_asked_whatever_their_role() -> None:
    person = make_member("bob", "viewer")
    give_device(person)
    assert not _is_in(_half_known(person))


# Without it one is nobody


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/tickets"),
        ("get", "/api/v1/tickets/stream"),
        ("post", "/api/v1/tickets/1/claim"),
        ("post", "/api/v1/tickets/1/resolve"),
        ("post", "/api/v1/tokens"),
        ("get", "/api/v1/runs"),
    ],
)
@pytest.mark.parametrize("has_app", [True, False])
def test_a_half_signed_in_session_reaches_nothing_of_the_api(
    ada: User, method: str, path: str, *, has_app: bool
) -> None:
    if has_app:
        give_device(ada)
    answer = getattr(_half_known(ada), method)(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_missing")


def test_a_half_signed_in_session_sees_and_changes_nothing_of_the_console(ada: User) -> None:
    client = _half_known(ada)
    for name in (
        "admin:escalation_ticket_changelist",
        "board",
        "admin:password_change",
        "admin:second_factor",
    ):
        answer = client.get(reverse(name))
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, LOGIN), name
    assert client.post(reverse("admin:password_change"), {"old_password": "secret-word"}).status_code == 302
    assert (
        client.get("/api/v1/runs", headers={"Authorization": "Token unknown"}).json()["code"]
        == "token_invalid"
    )


def test_a_token_is_as_good_as_before(ada: User) -> None:
    _, key = make_token(ada, NewToken("t", frozenset({Scope.READ}), None, 1))
    client = _half_known(ada)
    assert client.get("/api/v1/tickets", headers={"Authorization": f"Token {key}"}).status_code == 200


@pytest.mark.parametrize(
    "stored", ["otp_totp.totpdevice/{other}", "auth.user/{own}", "x", "a.b/c", "otp_static.staticdevice/0"]
)
def test_a_session_with_a_device_that_is_not_the_persons_is_nobodys(enrolled: User, stored: str) -> None:
    other = make_member("bob", "reviewer")
    give_device(other)
    client = _half_known(enrolled)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = stored.format(
        other=TOTPDevice.objects.get(user=other).pk, own=enrolled.pk
    )
    session.save()
    assert not _is_in(client)


def test_who_signs_in_in_the_middle_of_a_request_is_asked_anew(ada: User, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.session = SessionStore()
    assert not lacks_second_factor(request, make_member("vic", "viewer"))
    assert lacks_second_factor(request, ada)


def test_an_app_that_was_never_confirmed_opens_nothing(ada: User) -> None:
    device = TOTPDevice.objects.create(user=ada, name="x", key=KEY, confirmed=False)
    client = _half_known(ada)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    assert not _is_in(client)
    with pytest.raises(CodeRefused):
        verify_code(ada, code_now())


# Setting it up


def test_who_decides_and_has_no_device_is_led_to_set_one_up_and_then_to_where_they_went(ada: User) -> None:
    client = Client()
    onward = reverse("admin:escalation_ticket_changelist")
    first = client.post(LOGIN, {"username": "ada", "password": "secret-word", "next": onward}, follow=True)
    assert [to.split("?")[0] for to, _ in first.redirect_chain] == [onward, LOGIN, SET_UP]
    key, session_before = secret_of(first), client.cookies["sessionid"].value
    shown = _page(first)
    assert "data:image/svg+xml" in shown
    assert "no-store" in first.headers["Cache-Control"]

    wrong = client.post(SET_UP, {"factor_code": "000000", "next": onward})
    assert "This code is not of the secret shown here." in _page(wrong)
    assert secret_of(wrong) == key
    assert not TOTPDevice.objects.exists()

    done = client.post(SET_UP, {"factor_code": code_now(key), "next": onward})
    codes = done.context["codes"]
    assert (len(codes), f'href="{onward}"' in done.content.decode()) == (10, True)
    assert "no-store" in done.headers["Cache-Control"]
    assert client.cookies["sessionid"].value != session_before
    assert client.get(onward).status_code == 200
    assert client.get("/api/v1/tickets").status_code == 200
    assert codes[0] not in _page(client.get(OWN))
    assert not StaticToken.objects.filter(token__in=[codes[0], codes[0].replace("-", "")]).exists()
    assert [line.act for line in AuditLine.objects.filter(actor=ada)] == ["enrolled"]


@pytest.mark.parametrize(
    "wished", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", ""]
)
def test_no_address_elsewhere_is_led_to(ada: User, wished: str) -> None:
    client = _half_known(ada)
    key = secret_of(client.get(SET_UP, {"next": wished}))
    done = client.post(SET_UP, {"factor_code": code_now(key), "next": wished})
    assert done.context["on_to"] == "/admin/"


def test_each_browser_gets_a_secret_of_its_own(ada: User) -> None:
    """Whoever knows the password and looks first must not know the secret that the person scans later."""
    thief, owner = _half_known(ada), _half_known(ada)
    stolen, own = secret_of(thief.get(SET_UP)), secret_of(owner.get(SET_UP))
    assert stolen != own
    assert "not of the secret" in _page(owner.post(SET_UP, {"factor_code": code_now(stolen)}))
    assert owner.post(SET_UP, {"factor_code": code_now(own)}).status_code == 200
    assert thief.post(SET_UP, {"factor_code": code_now(stolen)}).status_code == 302
    assert (_is_in(thief), TOTPDevice.objects.get().key) == (False, own)


def test_a_half_signed_in_session_replaces_no_device(enrolled: User) -> None:
    client = _half_known(enrolled)
    assert client.get(SET_UP).headers["Location"] == LOGIN
    assert client.post(SET_UP, {"factor_code": code_now()}).status_code == 302
    assert TOTPDevice.objects.get().key == KEY
    assert "Sign in again with it" in _page(client.get(LOGIN))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_set_one_up_at_once_one_does() -> None:
    person = make_member("ada", "reviewer")

    first, second = make_key(), make_key()

    def set_up_too() -> None:
        with pytest.raises(AlreadyEnrolled):
            enrol(person, second, code_now(second), replaces=False)

    race(lambda: enrol(person, first, code_now(first), replaces=False), set_up_too)

    assert TOTPDevice.objects.get().key == first


def test_leaving_the_page_signs_out(ada: User) -> None:
    client = _half_known(ada)
    assert client.post(SET_UP, {"leave": ""}).headers["Location"] == LOGIN
    assert not Session.objects.exists()


# Signing in


def test_password_and_code_let_in_and_the_code_not_again(enrolled: User) -> None:
    first, second = Client(), Client()
    code = code_now()
    assert "Enter your password again, and the code" in _page(sign_in(first))
    assert not Session.objects.exists()
    assert sign_in(first, code).status_code == 302
    assert _is_in(first)
    replayed = sign_in(second, code)
    assert "or was used before" in _page(replayed)
    assert not _is_in(second)
    assert [line.act for line in AuditLine.objects.filter(actor=enrolled)] == ["refused"]


@pytest.mark.django_db(transaction=True)
def test_one_code_sent_twice_at_once_lets_one_in() -> None:
    person = make_member("ada", "reviewer")
    give_device(person)
    code = code_now()

    def show_again() -> None:
        with pytest.raises(CodeRefused, match="was used before"):
            verify_code(person, code)

    # The second looks while the first was let in and has not committed.
    race(lambda: verify_code(person, code), show_again)


@pytest.mark.parametrize(("steps", "is_right"), [(-1, True), (0, True), (1, True), (-3, False), (3, False)])
def test_a_clock_that_is_half_a_minute_wrong_does_no_harm(
    enrolled: User, steps: int, *, is_right: bool
) -> None:
    while time.time() % 30 > 27:  # not across the border of two codes
        time.sleep(0.2)
    assert (sign_in(Client(), code_now(steps=steps)).status_code == 302) is is_right


def test_a_recovery_code_lets_in_once_however_it_is_typed(enrolled: User) -> None:
    code = renew_recovery_codes(enrolled)[3]
    client = Client()
    assert sign_in(client, f" {code.upper().replace('-', ' ')} ").status_code == 302
    assert _is_in(client)
    own = _page(client.get(OWN))
    assert "9 recovery codes left" in own
    assert re.search(r"<title>\s*Second factor \| Ringmaster\s*</title>", own)
    assert sign_in(Client(), code).status_code == 200
    assert [line.act for line in AuditLine.objects.order_by("pk")] == ["recovered", "refused"]


def test_a_recovery_code_of_somebody_else_opens_nothing(enrolled: User) -> None:
    other = make_member("bob", "reviewer")
    give_device(other)
    renew_recovery_codes(enrolled)
    assert sign_in(Client(), renew_recovery_codes(other)[0]).status_code == 200


def test_guessing_from_one_address_is_braked_like_passwords(enrolled: User, settings: Any) -> None:
    for _ in range(settings.SIGN_IN_TRIES):
        sign_in(Client(), "000000")
    assert "Too many tries from your address" in _page(sign_in(Client(), code_now()))


def test_guessing_from_many_addresses_locks_the_app_longer_each_time(enrolled: User) -> None:
    device = TOTPDevice.objects.get()
    device.throttling_failure_count = 9
    device.throttle_increment()
    answer = sign_in(Client(REMOTE_ADDR="198.51.100.7"), code_now())
    assert "Too many codes were wrong" in _page(answer)
    assert "9 minutes" in _page(answer)
    device.refresh_from_db()
    assert device.throttling_failure_count == 10


def test_a_wrong_code_is_counted_though_the_sign_in_is_refused(enrolled: User) -> None:
    sign_in(Client(), "000000")
    assert TOTPDevice.objects.get().throttling_failure_count == 1


def test_a_wrong_password_tells_nothing_of_the_code(enrolled: User) -> None:
    answer = Client().post(LOGIN, {"username": "ada", "password": "wrong", "factor_code": code_now()})
    assert "or was used before" not in _page(answer)
    assert sign_in(Client(), code_now()).status_code == 302  # not used up


# One's own


def test_an_open_session_alone_changes_no_second_factor(enrolled: User) -> None:
    client = sign_in_with_app(enrolled)
    assert client.get(SET_UP).headers["Location"] == OWN
    assert client.post(SET_UP, {"factor_code": code_now("22" * 20)}).headers["Location"] == OWN
    for button in ("renew", "replace"):
        assert "This code is not right" in _page(client.post(OWN, {button: "", "factor_code": "000000"}))
        TOTPDevice.objects.update(throttling_failure_timestamp=None)
    assert TOTPDevice.objects.get().key == KEY


def test_another_app_takes_the_place_of_the_old(enrolled: User) -> None:
    client = sign_in_with_app(enrolled)
    assert client.post(OWN, {"replace": "", "factor_code": code_now()}).headers["Location"] == SET_UP
    key = secret_of(client.get(SET_UP))
    assert client.post(SET_UP, {"factor_code": code_now(key)}).status_code == 200
    assert (TOTPDevice.objects.get().key, _is_in(client)) == (key, True)
    assert client.get(SET_UP).headers["Location"] == OWN  # once


def test_leave_to_replace_is_worth_nothing_once_the_session_has_no_device(enrolled: User) -> None:
    late, quick = sign_in_with_app(enrolled), sign_in_with_app(enrolled)
    recovery = renew_recovery_codes(enrolled)[0]
    late.post(OWN, {"replace": "", "factor_code": code_now()})
    leftover = secret_of(late.get(SET_UP))
    quick.post(OWN, {"replace": "", "factor_code": recovery})
    key = secret_of(quick.get(SET_UP))
    assert quick.post(SET_UP, {"factor_code": code_now(key)}).status_code == 200

    assert late.get(SET_UP).headers["Location"] == LOGIN
    assert late.post(SET_UP, {"factor_code": code_now(leftover)}).headers["Location"] == LOGIN
    assert TOTPDevice.objects.get().key == key


def test_guessing_in_an_open_session_is_braked_like_a_sign_in(enrolled: User, settings: Any) -> None:
    client = sign_in_with_app(enrolled)
    for _ in range(settings.SIGN_IN_TRIES):
        client.post(OWN, {"replace": "", "factor_code": "000000"})
        TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    answer = client.post(OWN, {"replace": "", "factor_code": code_now()})
    assert "Too many tries from your address" in _page(answer)
    assert client.get(SET_UP).headers["Location"] == OWN


def test_new_recovery_codes_make_the_old_worthless(enrolled: User) -> None:
    old = renew_recovery_codes(enrolled)[0]
    client = sign_in_with_app(enrolled)
    new = client.post(OWN, {"renew": "", "factor_code": code_now()}).context["codes"]
    assert sign_in(Client(), old).status_code == 200
    StaticDevice.objects.update(throttling_failure_timestamp=None)
    assert sign_in(Client(), new[0]).status_code == 302


# What is said of it


@pytest.mark.parametrize(("mode", "told"), [("off", 1), ("deciders", 0), ("all", 0)])
def test_the_check_of_a_deployment_says_when_people_decide_with_a_password(
    settings: Any, ada: User, mode: str, told: int
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": mode}
    found = [m for m in run_checks(include_deployment_checks=True) if m.id == "config.I001"]
    assert len(found) == told
    ada.delete()
    assert not [m for m in run_checks(include_deployment_checks=True) if m.id == "config.I001"]


def test_a_setting_that_says_nothing_known_is_refused(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "on"}
    [fault] = [m for m in run_checks() if m.id == "escalation.E001"]
    assert "RINGMASTER['TWO_FACTOR'] must be one of off, deciders, all" in fault.msg


def test_the_tables_of_devices_are_no_pages(enrolled: User) -> None:
    boss = User.objects.create_superuser("boss", password="x")
    give_device(boss)
    assert sign_in_with_app(boss).get("/admin/otp_totp/totpdevice/").status_code == 404
