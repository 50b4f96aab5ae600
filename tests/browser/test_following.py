"""What pages of several people and several tabs know of each other: presence, one stream, none while hidden, polls."""

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import Console, People, elsewhere
from tests.integration.escalation.desk import hold
from tests.people import make_member

INBOX = "/admin/escalation/ticket/"
_HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_NO_WORKERS = "delete window.SharedWorker;"


@pytest.fixture
def number(transactional_db: None) -> int:
    make_member("anna", "reviewer")
    make_member("ben", "reviewer")
    return hold()[0].pk


def _is_stream(request: Request) -> bool:
    return "/tickets/stream" in request.url


def _open_inbox(console: Console, page: Page) -> None:
    page.goto(console.address + INBOX)
    expect(page.locator(".rm-live-note")).to_have_text("Live", timeout=15_000)


def test_who_else_looks_is_seen_on_the_page_and_in_the_inbox_until_they_leave(
    number: int, people: People
) -> None:
    anna, ben = people.sign_in("anna"), people.sign_in("ben")
    ben.open_live(f"{INBOX}{number}/change/")
    expect(ben.page.locator(".rm-clock").first).to_be_visible()
    _open_inbox(anna, anna.page)
    expect(anna.page.locator(f"[data-ticket='{number}'] .rm-present")).to_have_text("ben looks at it now")

    anna.open_live(f"{INBOX}{number}/change/")
    expect(anna.page.locator("[data-presence]")).to_have_text("ben looks at this ticket now.")
    ben.open_live(INBOX)
    _open_inbox(anna, anna.page)
    expect(anna.page.locator(f"[data-ticket='{number}'] .rm-present")).to_have_count(0, timeout=15_000)


def test_the_tabs_of_a_browser_share_one_stream(number: int, people: People) -> None:
    anna = people.sign_in("anna")
    second = anna.page.context.new_page()
    streams: list[str] = []
    for page in (anna.page, second):
        page.on("request", lambda request: streams.append(request.url) if _is_stream(request) else None)
        _open_inbox(anna, page)

    new = elsewhere(lambda: hold()[0].pk)
    for page in (anna.page, second):
        expect(page.locator(f"[data-ticket='{new}']")).to_be_visible(timeout=15_000)
    assert streams == [], "the worker follows, no tab does"
    session = anna.page.context.browser.new_browser_cdp_session()  # type: ignore[union-attr]  # it is connected
    targets = session.send("Target.getTargets")["targetInfos"]
    assert [target["title"] for target in targets if target["type"] == "shared_worker"] == ["ringmaster-desk"]


def test_without_workers_one_tab_follows_for_all_and_none_while_hidden(number: int, people: People) -> None:
    anna = people.sign_in("anna")
    first, second = anna.page, anna.page.context.new_page()
    streams: list[str] = []
    for page in (first, second):
        page.add_init_script(_NO_WORKERS)
        page.on("request", lambda request: streams.append(request.url) if _is_stream(request) else None)
        _open_inbox(anna, page) if page is first else page.goto(anna.address + INBOX)
    new = elsewhere(lambda: hold()[0].pk)
    for page in (first, second):
        expect(page.locator(f"[data-ticket='{new}']")).to_be_visible(timeout=15_000)
    assert len(streams) == 1

    with second.expect_request(_is_stream), first.expect_event("requestfailed", _is_stream):
        first.evaluate(_HIDE, True)
    with second.expect_event("requestfailed", _is_stream):
        second.evaluate(_HIDE, True)
    with first.expect_request(_is_stream):
        first.evaluate(_HIDE, False)


def test_without_a_stream_each_page_asks_every_few_seconds(number: int, people: People) -> None:
    anna = people.sign_in("anna")
    anna.page.add_init_script(_NO_WORKERS)

    def refuse(route: Route) -> None:
        route.abort()

    anna.page.route("**/tickets/stream*", refuse)
    anna.open_live(INBOX)
    expect(anna.page.locator(".rm-live-note")).to_contain_text("looking every 5 seconds", timeout=15_000)

    new = elsewhere(lambda: hold()[0].pk)
    expect(anna.page.locator(f"[data-ticket='{new}']")).to_be_visible(timeout=15_000)
