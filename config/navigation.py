"""What the console's sidebar lists: only what the person may see, what is needed most first."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

# Model -> (title, icon), in the order in which they are shown; every other model follows under its app's name.
_GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Work": {
        "orchestration.Run": ("Runs", "account_tree"),
        "escalation.Ticket": ("Tickets", "confirmation_number"),
        "escalation.DayFigure": ("Board", "monitoring"),
        "orchestration.WorkerProcess": ("Workers", "memory"),
        "orchestration.Workflow": ("Workflows", "schema"),
        "escalation.ReviewQueue": ("Review queues", "inbox"),
        "escalation.Calendar": ("Calendars", "calendar_month"),
    },
    "People": {
        "orchestration.Project": ("Projects", "workspaces"),
        "orchestration.ApiToken": ("API tokens", "key"),
        "auth.User": ("Users", "person"),
        "auth.Group": ("Groups", "group"),
        "escalation.AuditLine": ("Audit", "history"),
    },
}
_PLACED = frozenset(label for places in _GROUPS.values() for label in places)
_OTHER_ICON = "table_rows"


def list_places(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar as unfold wants it: groups of links, without those that the person may not open."""
    apps = admin.site.get_app_list(request)
    links = {
        _name(app, model): model["admin_url"]
        for app in apps
        for model in app["models"]
        if model.get("admin_url")
    }
    groups = [*_list_placed(links), *map(_list_others, apps)]
    return [group for group in groups if group["items"]]


def _list_placed(links: dict[str, str]) -> Iterator[dict[str, Any]]:
    for title, places in _GROUPS.items():
        items = [_place(name, icon, links[label]) for label, (name, icon) in places.items() if label in links]
        yield {"title": title, "items": items}


def _list_others(app: Any) -> dict[str, Any]:
    others = [model for model in app["models"] if _name(app, model) not in _PLACED]
    items = [
        _place(model["name"], _OTHER_ICON, model["admin_url"]) for model in others if model.get("admin_url")
    ]
    return {"title": app["name"], "items": items}


def _name(app: Any, model: Any) -> str:
    return f"{app['app_label']}.{model['object_name']}"


def _place(title: str, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}
