"""On a phone each cell of a list says of which column it is: also the first one, where rows lead nowhere."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from escalation.domain.acts import Act
from escalation.models import AuditLine, Delivery
from orchestration.models import VerifierTrial

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db: None) -> Client:
    person = User.objects.create_superuser("root")
    AuditLine.objects.create(act=Act.CLAIMED, actor=person, actor_name="root", door="console")
    Delivery.objects.create(channel="fax", person=person, due_at=timezone.now())
    VerifierTrial.objects.create(agent="test.judge", case_digest="0" * 64, expected="PASS", said="PASS")
    client = Client()
    client.force_login(person)
    return client


def _list_unlinked() -> list[Any]:
    return [model for model, page in admin.site._registry.items() if page.list_display_links is None]


def test_the_first_cell_of_a_row_says_its_column(root: Client) -> None:
    assert reverse("admin:index"), "the console is loaded with its addresses"
    unlinked = _list_unlinked()
    assert {AuditLine, Delivery, VerifierTrial} <= set(unlinked)
    for model in unlinked:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        page = root.get(reverse(name)).content.decode()
        row = page[page.index('class="data-row') :]
        labels = re.findall(r'<t[hd][^>]*data-label="([^"]*)"', row)
        assert labels, name
        assert "Select record" not in labels, name
        first = row[: row.index("</t")]
        assert "<a " not in first, "it leads nowhere"
