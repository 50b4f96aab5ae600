"""Whoever follows a path that a docstring or a page names comes to a file."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ALL_ROOMS, PROJECT_DIR, sources

_PATH = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`")


def _find_stale(place: str, text: str) -> Iterator[str]:
    """Yield each path that leads nowhere: neither from the project, nor from its app, nor from where it is named."""
    here = PROJECT_DIR / place
    starts = [PROJECT_DIR, here.parent, *(PROJECT_DIR / room for room in ALL_ROOMS)]
    for path in _PATH.findall(text):
        if not any((start / path).exists() for start in starts):
            yield f"{place}: {path}"


def test_no_path_leads_nowhere() -> None:
    pages = [PROJECT_DIR / "README.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]
    texts = [
        (source.path, source.text) for source in sources(*ALL_ROOMS) if not source.path.startswith("tests/")
    ]
    texts += [(str(page.relative_to(PROJECT_DIR)), page.read_text(encoding="utf-8")) for page in pages]
    assert [stale for place, text in texts for stale in _find_stale(place, text)] == []


def test_a_path_that_leads_nowhere_is_found() -> None:
    assert list(_find_stale("docs/page.md", "see `orchestration/nowhere.py` and `orchestration/runs/`")) == [
        "docs/page.md: orchestration/nowhere.py"
    ]
    assert not Path("orchestration/nowhere.py").exists()
