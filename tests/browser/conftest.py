"""The console in a real browser: one web process and one browser for all of these tests, and people signed in."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.conftest import start_web
from tests.integration.orchestration.rig import in_thread
from tests.processes import ProcessStarter, child_env

# How long a page may take is measured elsewhere: beside other tests it takes long, and what it shows is the same.
expect.set_options(timeout=30_000)

_T = TypeVar("_T")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_COMPLAINTS = frozenset({"error", "warning"})
DESK: Final[ViewportSize] = {"width": 1440, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}


def elsewhere(act: Callable[[], _T]) -> _T:
    """Do something on another thread: the browser keeps an event loop in this one, where Django refuses queries."""
    return in_thread(act).result(timeout=30)


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


@pytest.fixture(scope="package")
def children(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStarter]:
    """Processes that all tests of this folder share; each test finds its own rows in the database."""
    starter = ProcessStarter(child_env(), tmp_path_factory.mktemp("browser"))
    yield starter
    starter.end_all()


@pytest.fixture(scope="package")
def served(children: ProcessStarter) -> str:
    """Start the web process; return its address."""
    return start_web(children)


@pytest.fixture(scope="package")
def listening(children: ProcessStarter, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Start the browser; return where it listens."""
    with sync_playwright() as playwright:
        # Without one of the system's, Playwright's own.
        own = playwright.chromium.executable_path
    installed = next(filter(None, map(shutil.which, _BROWSERS)), own)
    folder = tmp_path_factory.mktemp("profile")
    flags = ("--headless=new", "--no-sandbox", "--no-first-run", "--remote-debugging-port=0")
    browser = children.start("browser", installed, *flags, f"--user-data-dir={folder}", "about:blank")
    browser.wait_for_output("DevTools listening on ")
    found = re.search(r"DevTools listening on (ws://\S+)", browser.output())
    assert found is not None
    return found[1]


class People:
    """Whoever works at the console, each in a window of their own."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address

    def open_window(self, size: ViewportSize = DESK, *, is_touch: bool = False) -> Console:
        """Open a window in which nobody is signed in."""
        page = self._browser.new_context(viewport=size, has_touch=is_touch, is_mobile=is_touch).new_page()
        console = Console(page, self._address)
        page.on("console", console.note)
        page.on("pageerror", lambda error: console.complaints.append(f"{page.url}: {error}"))
        return console

    def sign_in(self, name: str, size: ViewportSize = DESK, *, is_touch: bool = False) -> Console:
        """Open a window in which somebody is signed in; a superuser of that name is made if there is nobody."""
        console = self.open_window(size, is_touch=is_touch)
        session = elsewhere(lambda: _begin_session(name))
        cookie = {"name": "sessionid", "value": session, "url": self._address}
        console.page.context.add_cookies([cookie])  # type: ignore[list-item]  # its own TypedDict
        return console

    def leave(self) -> None:
        """Close all windows; the browser stays for the next test."""
        for context in self._browser.contexts[1:]:
            context.close()
        self._browser.close()


def _begin_session(name: str) -> str:
    person = User.objects.filter(username=name).first() or User.objects.create_superuser(name)
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


@pytest.fixture
def people(transactional_db: None, served: str, listening: str) -> Iterator[People]:
    """Let people sign in. Rows that a test needs are made before: from here on, Django's calls go elsewhere."""
    with sync_playwright() as playwright:
        people = People(playwright.chromium.connect_over_cdp(listening), served)
        yield people
        people.leave()
    # It idles for minutes while a browser works: on a machine that stands still meanwhile, its keepalive ends it.
    if connection.connection is not None and not connection.is_usable():
        connection.close()


@pytest.fixture
def console(people: People) -> Console:
    """Sign in as a superuser, on a desk."""
    return people.sign_in("reviewer")
