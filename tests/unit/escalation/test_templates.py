import re

import pytest

from tests.processes import PROJECT_DIR

# Mail has no style sheet of its own to link to, and no page of ours shows it.
TEMPLATES = sorted(
    path for path in (PROJECT_DIR / "escalation" / "templates").rglob("*.html") if path.name != "notice.html"
)


@pytest.mark.parametrize("name", [path.name for path in TEMPLATES])
def test_templates_hold_no_code_that_the_content_policy_forbids(name: str) -> None:
    text = next(path for path in TEMPLATES if path.name == name).read_text()

    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:|\|safe|autoescape", text)
