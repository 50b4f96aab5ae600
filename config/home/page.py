"""The parts of the home page: reviewers find their tickets, leads their queues, operators the machinery."""

from typing import Any

from django.http import HttpRequest

from config.home.desk import show_desk
from config.home.reviews import show_reviews
from config.home.work import show_work
from escalation.admin.access import list_rights_at_desk
from escalation.domain.desk_rights import DeskRight
from escalation.models import ReviewQueue, read_clock
from escalation.selectors.inbox import list_queues
from orchestration.admin.access import caller_of, has_right
from orchestration.domain.rights import Right


def build_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the console's context with the parts of the page that are for this person."""
    queues, now = list_queues(caller_of(request)), read_clock()
    deciding, led = _with(request, queues, DeskRight.DECIDE), _with(request, queues, DeskRight.LEAD)
    may_look = has_right(request, Right.VIEW)
    parts: dict[str, Any] = {
        "reviews": show_reviews(request, deciding) if deciding else None,
        "desk": show_desk(led, now) if led else None,
    }
    # What agents do is the day's work of operators; whoever only looks has no other part.
    if has_right(request, Right.RUN) or (may_look and not any(parts.values())):
        parts["work"] = show_work(caller_of(request), now)
    is_stranger = not may_look and not queues
    # Unlike the page's own title this one says what the page is for.
    return {**context, **parts, "title": "Home", "since": now.isoformat(), "is_stranger": is_stranger}


def _with(request: HttpRequest, queues: list[ReviewQueue], right: DeskRight) -> list[ReviewQueue]:
    held = list_rights_at_desk(request)
    return [queue for queue in queues if right in held.get(queue.pk, ())]
