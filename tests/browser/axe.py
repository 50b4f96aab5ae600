"""What axe-core and a thumb find wrong with the page that is open, in the light, in the dark and on a phone."""

from pathlib import Path
from typing import Any, Final

import axe_playwright_python

from tests.browser.conftest import DESK, PHONE, Console

_AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RUN: Final = """(only) => axe.run(document, { resultTypes: ["violations"], preload: false,
    ...(only.length ? { runOnly: { type: "rule", values: only } } : {}) })
  .then((said) => said.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`)))"""
# All that is folded is opened, and colours change at once.
_UNFOLD: Final = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
  document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
  document.querySelectorAll(".rm-panel").forEach((panel) => panel.classList.add("rm-open"));
}"""
_SMALL: Final = """() => [...document.querySelectorAll(".rm-button, .rm-link")]
  .filter((e) => e.checkVisibility()).map((e) => [e.getBoundingClientRect().height, e.textContent.trim()])
  .filter(([height]) => height < 40).map(([height, words]) => `${height} ${words}`)"""
_BEYOND: Final = "() => document.documentElement.scrollWidth - innerWidth"
# What the scheme can change; all else is the same page.
_OF_COLOUR: Final = ("color-contrast", "link-in-text-block")


def look(console: Console, name: str) -> list[str]:
    """Return what is wrong with the page that is open; the window is a desk's before and after."""
    page = console.page
    page.evaluate(_UNFOLD)
    page.evaluate(_AXE)
    found = [f"{name}: {one}" for one in _ask(console)]
    page.evaluate("() => document.documentElement.classList.toggle('dark', true)")
    found += [f"{name}, dark: {one}" for one in _ask(console, *_OF_COLOUR)]
    page.evaluate("() => document.documentElement.classList.toggle('dark', false)")
    page.set_viewport_size(PHONE)
    found += [f"{name}: too small for a finger: {one}" for one in page.evaluate(_SMALL)]
    if (beyond := page.evaluate(_BEYOND)) > 0:
        found.append(f"{name}: {beyond} pixels beyond the edge of a phone")
    page.set_viewport_size(DESK)
    return found


def _ask(console: Console, *only: str) -> list[Any]:
    said: list[Any] = console.page.evaluate(_RUN, list(only))
    return said
