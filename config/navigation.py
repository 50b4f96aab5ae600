"""What the console's sidebar lists, by what people do: only what the person may see, what is needed most first."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from config.second_factor.policy import is_on
from escalation.admin.access import list_rights_at_desk
from escalation.domain.desk_rights import DeskRight
from escalation.selectors.inbox import MOST_COUNTED, count_breaching
from orchestration.admin.access import caller_of

_INBOX = "escalation.Ticket"
# Model -> (title, icon), in the order in which they are shown; every other model follows under its app's name.
_GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Review": {
        _INBOX: ("Inbox", "inbox"),
        "escalation.ReviewQueue": ("Review queues", "stacks"),
        "escalation.RoutingRule": ("Routing rules", "alt_route"),
        "escalation.Calendar": ("Calendars", "calendar_month"),
        "escalation.Breach": ("Missed deadlines", "alarm"),
    },
    "Work": {
        "orchestration.Run": ("Runs", "account_tree"),
        "orchestration.Workflow": ("Workflows", "schema"),
        "orchestration.WorkerProcess": ("Workers", "memory"),
    },
    "Agents": {
        "escalation.AgentHour": ("Agents", "smart_toy"),
        "orchestration.Actor": ("Actors", "contacts"),
        "orchestration.Message": ("Mail", "forum"),
        "orchestration.Topic": ("Topics", "campaign"),
        "orchestration.Delivery": ("Dead letters", "unsubscribe"),
        "orchestration.Memory": ("Memory", "psychology"),
        "agents.Breaker": ("Breakers", "electric_bolt"),
        "agents.Pool": ("Pools", "dataset"),
    },
    "People": {
        "orchestration.Project": ("Projects", "workspaces"),
        "orchestration.ApiToken": ("API tokens", "key"),
        "escalation.ReviewerProfile": ("Reviewers", "event_available"),
        "escalation.Preference": ("Notifications", "notifications"),
        "escalation.Delivery": ("Messages", "mail"),
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
    groups = [*_list_placed(links, request), *map(_list_others, apps)]
    return _mark([group for group in groups if group["items"]], request.path)


def _mark(groups: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    """Mark where the person is: one place, though a page of another one may stand below its address."""
    items = [item for group in groups for item in group["items"]]
    here = max((item["link"] for item in items if path.startswith(item["link"])), key=len, default="")
    for item in items:
        item["active"] = item["link"] == here
    return groups


def _list_placed(links: dict[str, str], request: HttpRequest) -> Iterator[dict[str, Any]]:
    for title, places in _GROUPS.items():
        items = [_place(name, icon, links[label]) for label, (name, icon) in places.items() if label in links]
        if title == "Review" and _INBOX in links:
            items[0] |= _count_breaching(request)
            # The board is a page of no table, for whoever has an inbox.
            items.insert(1, _place("Board", "monitoring", reverse("board")))
        if title == "Work" and "orchestration.Run" in links:
            items.insert(1, _place("Trace", "timeline", reverse("admin:orchestration_trace")))
        if title == "People" and is_on():
            items.append(_place("Second factor", "lock", reverse("admin:second_factor")))
        yield {"title": title, "items": items}


def _count_breaching(request: HttpRequest) -> dict[str, Any]:
    """Return the mark beside the inbox: how many tickets are late or soon will be; a live inbox keeps it true."""
    seen = [queue for queue, rights in list_rights_at_desk(request).items() if DeskRight.LOOK in rights]
    number = count_breaching(caller_of(request).user_id, seen)
    words = f"{MOST_COUNTED - 1}+" if number >= MOST_COUNTED else str(number or "")
    return {"badge": format_html('<span data-count="breaching">{}</span>', words)} if number else {}


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
