"""Every page of the console works under its content security policy."""

from django.contrib import admin
from django.urls import reverse

from config import urls  # noqa: F401 - loads the console's pages
from tests.browser.conftest import Console


def _pages() -> list[str]:
    lists = [
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry
    ]
    pages = ("admin:index", "board", "admin:auth_user_add", "admin:orchestration_project_add", "api-docs")
    return [*map(reverse, lists), *map(reverse, pages)]


def test_no_page_breaks_the_policy(console: Console) -> None:
    pages = _pages()
    live = {reverse("admin:escalation_ticket_changelist"), reverse("admin:index")}
    for path in pages:
        (console.open_live if path in live else console.open)(path)
    assert len(pages) > 5
    assert "\n".join(console.complaints) == ""


def test_the_page_of_the_api_shows_its_operations(console: Console) -> None:
    console.open(reverse("api-docs"))
    console.page.click("#operations-tag-runs", timeout=60_000)
    console.page.click("#operations-runs-start_run button")
    console.page.wait_for_selector("#operations-runs-start_run >> text=Try it out")
    assert "\n".join(console.complaints) == ""


def test_an_inline_script_does_not_run(console: Console) -> None:
    console.open("/admin/")
    console.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.intruder = 1';"
        " document.body.append(s); }"
    )
    assert console.page.evaluate("() => window.intruder") is None
    assert any("Content Security Policy" in line for line in console.complaints)
