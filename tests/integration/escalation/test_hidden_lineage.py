"""What is decided at a restricted queue stands in the lineage without anybody's name, reason or words, at each door."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.escrow import claim_ticket, release_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration.domain.states import ResolutionKind
from orchestration.models import Event
from orchestration.selectors.lineage import LineageQuery, find_lineage, list_lineage
from orchestration.selectors.lineage_words import describe_line
from tests.integration.escalation.desk import EDITED, go_on, hold
from tests.integration.escalation.restricted import make_mia, read, restrict
from tests.people import give_role

pytestmark = pytest.mark.django_db
_NOTE = "my very own note"
_WORDS = "say it in fewer words"
_HIDDEN = ("judge-dora", _NOTE, _WORDS, "on its way", "comes on Friday")


def _decide(kind: ResolutionKind, **more: Any) -> Ticket:
    (ticket,) = hold()
    restrict(ticket)
    dora = give_role(User.objects.create_user("judge-dora"), ticket.queue, "reviewer")
    claim_ticket(ticket.pk, dora)
    release_ticket(ticket.pk, dora, note=_NOTE)
    claim_ticket(ticket.pk, dora)
    resolve_ticket(ticket.pk, dora, kind, claim_number=None, seen_digest=None, **more)
    go_on(ticket)
    return ticket


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (ResolutionKind.APPROVE, {"note": _NOTE}),
        (ResolutionKind.EDIT, {"note": _NOTE, "output": EDITED | {"rule": _NOTE, "resolution": _NOTE}}),
        (ResolutionKind.SEND_BACK, {"note": _NOTE, "feedback": _WORDS}),
        (ResolutionKind.SKIP, {"note": _NOTE}),
        (ResolutionKind.CLOSE, {"note": _NOTE}),
        (ResolutionKind.ABORT, {"note": _NOTE}),
    ],
)
def test_nobody_and_no_words_of_theirs_are_told_or_found(kind: ResolutionKind, more: dict[str, Any]) -> None:
    ticket = _decide(kind, **more)
    run = ticket.run
    lines = list(list_lineage(LineageQuery(run)))
    told = " ".join(str(describe_line(line)) for line in lines)
    assert kind in told
    assert [words for words in _HIDDEN if words in told] == []
    assert [words for words in _HIDDEN if find_lineage(LineageQuery(run, text=words)).lines.exists()] == []
    mia = make_mia(ticket, has_role=False)
    answers = [
        read(mia, f"/api/v1/runs/{run.pk}/lineage"),
        read(mia, "/api/v1/lineage?since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&page_size=200"),
    ]
    assert [words for words in _HIDDEN for text in answers if words in text] == []


def test_what_is_left_is_json_wherever_a_name_stood() -> None:
    ticket = _decide(ResolutionKind.APPROVE)
    texts = {
        '{"agent":"a","by":"x"}': {"agent": "a"},
        '{"agent":"a","by":"x","resolution":"r"}': {"agent": "a", "resolution": "r"},
        '{"by":"x"}': {},
        '{"by":"x","reason":"a \\"b\\", c","resolution":"r"}': {"resolution": "r"},
        '{"by":"x","reason":"\\u0000"}': {},
    }
    for text in texts:
        Event.objects.create(run=ticket.run, kind="step_resolved", data_json=text, at=ticket.opened_at)
    lines = find_lineage(LineageQuery(ticket.run, until=ticket.opened_at.replace(year=2100), kinds=["event"]))
    told = [describe_line(line)["data"] for line in lines.lines if line.name == "step_resolved"]
    assert [data for data in told if "ticket" not in data] == list(texts.values())
