"""Rooms know nothing of those above them: no import says so (`test_imports`), and no key, table or page either.

Django gives the row that a foreign key points to a way back, by which a lower room could ask a table of a higher one
without importing it. What it wants to know of the rooms above, it asks through `orchestration.ports`.
"""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from django.apps import apps
from django.db import models

from escalation.models import Ticket
from tests.architecture.sources import PROJECT_DIR

_ROOMS: Final = ("agents", "orchestration", "escalation")


def _ways_back(model: type[models.Model]) -> Iterator[str]:
    """Yield the keys of a model by which a row of a lower room knows it."""
    for field in model._meta.get_fields():
        other = field.related_model
        if not isinstance(field, models.ForeignKey | models.ManyToManyField) or not isinstance(other, type):
            continue
        below = _ROOMS[: _ROOMS.index(model._meta.app_label)]
        if other._meta.app_label in below and not (field.remote_field.related_name or "").endswith("+"):
            yield f"{model.__name__}.{field.name}"


def _names_above(room: str, text: str) -> list[str]:
    """Return the tables and pages of higher rooms that a text names."""
    above = _ROOMS[_ROOMS.index(room) + 1 :]
    tables = [model._meta.db_table for label in above for model in apps.get_app_config(label).get_models()]
    return re.findall(
        "|".join((*(rf"\b{table}\b" for table in tables), *(f"admin:{label}_" for label in above))), text
    )


def test_no_key_leads_back_from_a_lower_room() -> None:
    found = [
        way
        for room in _ROOMS
        for model in apps.get_app_config(room).get_models()
        for way in _ways_back(model)
    ]
    assert found == [], 'give it related_name="+"'


@pytest.mark.parametrize("room", _ROOMS[:-1])
def test_no_table_or_page_of_a_higher_room_is_named(room: str) -> None:
    files = [file for suffix in ("py", "html", "js") for file in (PROJECT_DIR / room).rglob(f"*.{suffix}")]
    named = {str(file): _names_above(room, file.read_text(encoding="utf-8")) for file in files}
    assert len(files) > 20
    assert {file: names for file, names in named.items() if names} == {}


def test_a_way_back_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ticket._meta.get_field("step").remote_field, "related_name", "tickets")

    assert list(_ways_back(Ticket)) == ["Ticket.step"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM escalation_ticket t",
        "JOIN escalation_reviewqueue",
        'reverse("admin:escalation_ticket_change")',
        "{% url 'admin:escalation_breach_changelist' %}",
    ],
)
def test_each_name_of_a_higher_room_is_seen(text: str) -> None:
    assert _names_above("orchestration", text) != []


def test_names_of_errors_are_no_tables() -> None:
    assert (
        _names_above("orchestration", '"escalation_error": 500, "escalation.escrow.DatabaseEscalator"') == []
    )
