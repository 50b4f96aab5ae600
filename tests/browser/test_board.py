"""The board in a real browser: charts are drawn, each is a table too, and nothing is clipped on a phone."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from escalation.escrow import claim_ticket
from escalation.figures import fold_hours
from escalation.figures.folding import HOUR, begin_hour
from escalation.models import Ticket, read_clock
from tests.browser.axe import look
from tests.browser.conftest import Console, elsewhere
from tests.integration.escalation.desk import hold
from tests.integration.escalation.figured import place_ticket
from tests.people import make_member

BOARD = "/admin/board/"
_ARE_DRAWN = """() => {
  const charts = [...document.querySelectorAll("canvas.chart")];
  return charts.length === 5 && charts.every((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((value) => value > 0);
  });
}"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def work(transactional_db: None) -> User:
    """A day of decisions, some of them late, and tickets that wait."""
    anna = make_member("anna", "reviewer")
    now = read_clock()
    for hours in range(1, 12):
        opened = begin_hour(now) - hours * HOUR + timedelta(minutes=hours)
        for number in range(1 + hours % 3):
            kind = ("approve", "edit", "send_back")[(hours + number) % 3]
            place_ticket(
                opened, touched=20, resolved=40 + 9 * hours, by=anna, kind=kind, late=40 + 9 * hours > 60
            )
    while fold_hours():
        pass
    place_ticket(now - timedelta(minutes=20), touched=20, resolved=600, by=anna)
    claim_ticket(hold()[0].pk, anna)
    hold()
    return anna


def test_the_board_draws_its_charts_and_tells_them_as_tables(work: User, console: Console) -> None:
    page = console.page
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        console.open(BOARD)
        # A browser draws when it has time to, not when all has come.
        page.wait_for_function(_ARE_DRAWN)
        assert page.evaluate(_TOO_WIDE) <= 0

    page.click("summary >> nth=0")
    assert page.locator("figure table").first.locator("tbody tr").count() == 25
    page.select_option("select[name=period]", "7d")
    page.click("button:has-text('Show')")
    page.wait_for_url(f"{console.address}{BOARD}?period=7d&queue=")
    with page.expect_download() as download:
        page.click("section:has-text('By agent') a:has-text('CSV')")
    assert download.value.suggested_filename == "board-agents.csv"
    assert console.complaints == []


def test_the_board_can_be_read_and_used(work: User, console: Console) -> None:
    console.page.set_viewport_size({"width": 1440, "height": 900})
    console.open(BOARD)
    assert look(console, "board") == []


def test_hours_of_charts_and_moments_of_a_timeline_are_the_viewers(work: User, console: Console) -> None:
    page = console.page
    ticket = elsewhere(lambda: Ticket.objects.latest("pk"))
    session = page.context.new_cdp_session(page)
    session.send(
        "Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"}
    )  # 5:45 ahead, all the year

    console.open(BOARD)
    labels, first = page.evaluate(
        """() => {
          const { value, times } = document.querySelector("canvas[data-times]").dataset;
          return [JSON.parse(value).labels, JSON.parse(times)[0]];
        }"""
    )
    there = datetime.fromisoformat(first) + timedelta(hours=5, minutes=45)
    assert (labels[0], len(labels)) == (f"{there:%H:%M}", 25)
    assert (
        page.evaluate("() => Chart.getChart(document.querySelector('canvas[data-times]')).data.labels")
        == labels
    )

    console.open_live(f"/admin/orchestration/run/{ticket.run_id}/change/")
    tick = page.locator(".rm-timeline .rm-tick-text[data-at]").first
    began = datetime.fromisoformat(tick.get_attribute("data-at") or "") + timedelta(hours=5, minutes=45)
    assert tick.text_content() == f"{began:%H:%M:%S}"
    titles = page.locator(".rm-timeline title[data-at]").all_text_contents()
    assert titles
    assert not [words for words in titles if "UTC" in words or "{}" in words]
