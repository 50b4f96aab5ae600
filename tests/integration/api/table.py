"""Writes the tables of docs/reference/api.md from the addresses and the error codes.

Run `python -m tests.integration.api.table` and put what it prints into the page.
"""

from collections.abc import Iterator
from typing import Any

import django
from django.urls import URLPattern, URLResolver, get_resolver

from config import env

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def list_endpoints() -> Iterator[tuple[str, str, Any]]:
    """Yield method, address and view class of everything below /api/v1/, in the order of the urls."""
    for prefix in get_resolver().url_patterns:
        if isinstance(prefix, URLResolver) and str(prefix.pattern) == "api/v1/":
            for route in prefix.url_patterns:
                assert isinstance(route, URLPattern)
                view: Any = route.callback
                for method in _METHODS:
                    if hasattr(view.view_class, method.lower()):
                        yield method, _shorten(str(route.pattern)), view.view_class


def write_endpoints() -> str:
    """Return the table of endpoints."""
    from orchestration.api.access import right_for
    from orchestration.domain.rights import SCOPE_OF

    lines = ["| method | address below `/api/v1` | scope | what it does |", "|---|---|---|---|"]
    for method, route, view in list_endpoints():
        right = right_for(view(), method)
        what = " ".join((getattr(view, method.lower()).__doc__ or "").split("\n\n")[0].split())
        lines.append(f"| `{method}` | `/{route}` | `{SCOPE_OF[right]}` | {what} |")
    return "\n".join(lines)


def write_codes() -> str:
    """Return the table of error codes by status."""
    from orchestration.domain.http_status import STATUS_OF

    lines = ["| status | codes |", "|---|---|"]
    for status in sorted(set(STATUS_OF.values()) - {500}):
        codes = ", ".join(f"`{code}`" for code, its in STATUS_OF.items() if its == status)
        lines.append(f"| {status} | {codes} |")
    return "\n".join(lines)


def _shorten(pattern: str) -> str:
    return (
        pattern.replace("<str:", "<")
        .replace("<int:", "<")
        .replace("<uuid:", "<")
        .replace("<path:", "<")
        .replace("<", "{")
        .replace(">", "}")
    )


if __name__ == "__main__":
    env.choose_settings("config.settings.test")
    django.setup()
    print(write_endpoints(), write_codes(), sep="\n\n")  # noqa: T201 - this is its output
