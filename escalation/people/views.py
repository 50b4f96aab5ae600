"""Views of the inbox under names of one's own. They hold filters, and give no right."""

from typing import Final

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction

from escalation.domain.inbox import InboxQuery
from escalation.errors import SettingInvalid
from escalation.models import SavedView

MOST_VIEWS: Final = 20
_MOST_CHARACTERS: Final = 40
_MOST_OF_QUERY: Final = 1_000


def keep_view(person: AbstractBaseUser, name: str, query: InboxQuery) -> SavedView:
    """Keep filters under a name; the same name again holds the new ones.

    Raises: SettingInvalid: naming the field; nothing was kept.
    """
    name = " ".join(name.replace("\x00", " ").split())
    if not 0 < len(name) <= _MOST_CHARACTERS:
        raise SettingInvalid(f"name: give the view a name of at most {_MOST_CHARACTERS} characters.")
    kept = query.write()
    if len(kept) > _MOST_OF_QUERY:
        raise SettingInvalid(
            "query: these filters are too long to be kept; shorten the search, and keep the view then."
        )
    with transaction.atomic():
        # Two tabs at once count one after the other.
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        others = SavedView.objects.filter(person=person.pk).exclude(name=name).count()
        if others >= MOST_VIEWS:
            raise SettingInvalid(f"name: you have {MOST_VIEWS} views; remove one before you keep another.")
        view, _ = SavedView.objects.update_or_create(person_id=person.pk, name=name, defaults={"query": kept})
    return view


def forget_view(person: AbstractBaseUser, view_id: int) -> bool:
    """Remove a view of one's own; False: there is none."""
    removed, _ = SavedView.objects.filter(pk=view_id, person=person.pk).delete()
    return bool(removed)
