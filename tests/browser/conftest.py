"""The console in a real browser: a web process of its own on the test database, and a signed-in page."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_COMPLAINTS = frozenset({"error", "warning"})
_PASSWORD = "only-in-tests"


@dataclass
class Console:
    """A signed-in page, where it is served, and what the browser complained about."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def note(self, line: ConsoleMessage) -> None:
        """Keep what the browser complains about; that it left the focus where it was is no complaint."""
        if line.type in _COMPLAINTS:
            self.complaints.append(f"{self.page.url}: {line.text}")

    def open_live(self, path: str) -> None:
        """Open a page that keeps a stream open: its network never becomes idle."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == 200

    def open(self, path: str) -> None:
        """Open a page of the console and wait until everything it asks for is there."""
        answer = self.page.goto(self.address + path, wait_until="networkidle")
        assert answer is not None
        assert answer.status == 200


@pytest.fixture
def after_sign_in() -> str:
    """Return where the sign-in leads."""
    return "/admin/"


@pytest.fixture
def console(web_address: str, after_sign_in: str) -> Iterator[Console]:
    """Sign in as a superuser."""
    User.objects.create_superuser("reviewer", password=_PASSWORD)
    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, _BROWSERS)), None)
        # Without one of the system's, Playwright's own, which says itself how to get it.
        browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        page = browser.new_page()
        console = Console(page, web_address)
        page.on("console", console.note)
        page.on("pageerror", lambda error: console.complaints.append(f"{page.url}: {error}"))
        _sign_in(console, after_sign_in)
        yield console
        browser.close()


def _sign_in(console: Console, onward: str) -> None:
    console.open("/")
    console.page.fill("input[name=username]", "reviewer")
    console.page.fill("input[name=password]", _PASSWORD)
    console.page.click("button[type=submit]")
    console.page.wait_for_url(re.compile(re.escape(console.address + onward) + r"(\?.*)?$"))
