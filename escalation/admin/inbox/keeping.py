"""Views of the inbox under names of one's own. They hold filters, and give no right."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from escalation.domain.inbox import read_query
from escalation.models import SavedView

_MOST_VIEWS = 20
_MOST_CHARACTERS = 40
_MOST_OF_QUERY = 1000
_INBOX = "admin:escalation_ticket_changelist"


def keep_view(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the page under a name; the same name again holds the new ones."""
    person = cast("User", request.user)
    name = " ".join(request.POST.get("name", "").replace("\x00", " ").split())
    query = read_query(QueryDict(request.POST.get("query", "")[:2000])).write()
    address = f"{reverse(_INBOX)}?{query}"
    if not 0 < len(name) <= _MOST_CHARACTERS:
        messages.error(request, f"name: give the view a name of at most {_MOST_CHARACTERS} characters.")
        return redirect(address)
    if len(query) > _MOST_OF_QUERY:
        messages.error(
            request,
            "query: these filters are too long to be kept; shorten the search, and keep the view then.",
        )
        return redirect(address)
    with transaction.atomic():
        # Two tabs at once count one after the other.
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        others = SavedView.objects.filter(person=person.pk).exclude(name=name).count()
        if others >= _MOST_VIEWS:
            messages.error(request, f"You have {_MOST_VIEWS} views; remove one before you keep another.")
            return redirect(address)
        SavedView.objects.update_or_create(person_id=person.pk, name=name, defaults={"query": query})
    messages.success(request, f"The view “{name}” is kept.")
    return redirect(address)


def forget_view(request: HttpRequest) -> HttpResponse:
    """Remove a view of one's own."""
    view = request.POST.get("view", "")
    if view.isascii() and view.isdecimal() and len(view) < 19:
        SavedView.objects.filter(pk=int(view), person=cast("User", request.user).pk).delete()
    messages.info(request, "The view is removed; its tickets are where they were.")
    return redirect(_INBOX)
