"""Every moment in a list of the console is told in the viewer's zone, and still sorts its list."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField
from django.test import Client

from escalation.domain.acts import Act
from escalation.models import AuditLine

# Django's own pages of people and groups keep Django's columns.
_OURS = ("orchestration", "agents", "escalation")


def _list_bare_moments() -> list[str]:
    bare = []
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in _OURS:
            continue
        for column in page.list_display:
            try:
                field = model._meta.get_field(str(column)) if isinstance(column, str) else None
            except FieldDoesNotExist:
                continue
            if isinstance(field, DateTimeField):
                bare.append(f"{model.__name__}.{column}")
    return bare


def test_no_list_shows_a_moment_in_the_servers_zone() -> None:
    import config.urls

    assert config.urls.urlpatterns
    assert _list_bare_moments() == []


@pytest.mark.django_db
def test_a_moment_of_a_list_says_its_zone_and_sorts_the_list() -> None:
    root = User.objects.create_superuser("root")
    AuditLine.objects.create(act=Act.CLAIMED, actor_name="root", door="console")
    client = Client()
    client.force_login(root)
    shown = client.get("/admin/escalation/auditline/").content.decode()
    assert '<time datetime="' in shown
    page: Any = admin.site._registry[AuditLine]
    assert str(label_for_field(page.list_display[0], AuditLine, page)) == "At"
    assert "?o=" in shown
