"""Setting a second factor up and signing in with it, in a real browser, at a desk and on a phone."""

import base64
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.browser.axe import look
from tests.browser.conftest import Console, People, elsewhere
from tests.conftest import start_web
from tests.processes import ProcessStarter

_PASSWORD = "only-in-tests"
_ASKED = '{"TWO_FACTOR": "deciders"}'


@pytest.fixture
def served(processes: ProcessStarter) -> str:
    """Ask whoever decides for a code, in a web process of its own."""
    return start_web(processes, RINGMASTER_OVERRIDES=_ASKED)


@pytest.fixture
def console(people: People) -> Console:
    """Sign in by the form: whoever has no second factor is led to set one up."""
    elsewhere(lambda: User.objects.create_superuser("reviewer", password=_PASSWORD))
    console = people.open_window()
    console.open("/admin/")
    console.page.fill("input[name=username]", "reviewer")
    console.page.fill("input[name=password]", _PASSWORD)
    console.page.keyboard.press("Enter")
    console.page.wait_for_url(f"{console.address}/admin/second-factor/set-up/?next=*")
    return console


def _code(key: str, steps: int = 0) -> str:
    return f"{totp(bytes.fromhex(key), t0=-30 * steps):06}"


def test_a_person_sets_a_second_factor_up_and_signs_in_with_it(console: Console) -> None:
    page = console.page
    assert look(console, "second-factor-set-up") == []
    assert parse_qs(urlsplit(page.url).query)["next"] == ["/admin/"]
    picture = page.locator("img[alt^='QR code']")
    assert picture.evaluate("(one) => one.complete && one.naturalWidth") > 150
    key = base64.b32decode(page.inner_text("#secret").replace(" ", "")).hex()
    page.wait_for_function("() => document.activeElement.id === 'factor_code'")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#factor_code_fault")
    page.fill("#factor_code", _code(key))
    page.keyboard.press("Enter")
    page.wait_for_selector("#recovery-codes")
    assert look(console, "second-factor-codes") == []
    codes = page.locator("#recovery-codes code").all_inner_texts()
    assert [bool(re.fullmatch(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", code)) for code in codes] == [True] * 10
    page.click("text=I have kept them")
    page.wait_for_url(f"{console.address}/admin/")

    page.context.clear_cookies()
    page.goto(f"{console.address}/admin/")
    assert look(console, "second-factor-sign-in") == []
    page.fill("input[name=username]", "reviewer")
    page.fill("input[name=password]", _PASSWORD)
    page.fill("input[name=factor_code]", codes[0])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{console.address}/admin/")
    page.click("text=Second factor")
    page.wait_for_selector("text=9 recovery codes left")
    assert look(console, "second-factor-own") == []
    assert elsewhere(lambda: TOTPDevice.objects.get().last_t) >= int(time.time()) // 30 - 20
    assert elsewhere(User.objects.count) == 1
    assert "\n".join(console.complaints) == ""
