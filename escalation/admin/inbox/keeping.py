"""Buttons of the inbox: keep its filters as a view of one's own, and forget one."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from escalation import people
from escalation.domain.inbox import is_number, read_query
from escalation.errors import SettingInvalid

_INBOX = "admin:escalation_ticket_changelist"


def keep_view(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the page under a name; the same name again holds the new ones."""
    query = read_query(QueryDict(request.POST.get("query", "")[:2000]))
    try:
        view = people.keep_view(cast("User", request.user), request.POST.get("name", ""), query)
    except SettingInvalid as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The view “{view.name}” is kept.")
    return redirect(f"{reverse(_INBOX)}?{query.write()}")


def forget_view(request: HttpRequest) -> HttpResponse:
    """Remove a view of one's own."""
    view = request.POST.get("view", "")
    if is_number(view):
        people.forget_view(cast("User", request.user), int(view))
    messages.info(request, "The view is removed; its tickets are where they were.")
    return redirect(_INBOX)
