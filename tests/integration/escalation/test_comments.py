"""What people say about a ticket is kept, told to those it names who may look, and shown to no agent."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from escalation.domain.comments import find_mentions
from escalation.errors import ResolutionInvalid
from escalation.escrow import claim_ticket, comment_on, resolve_ticket
from escalation.models import AuditLine, Comment, Notice, Ticket
from escalation.selectors import list_comments
from orchestration.domain.states import ResolutionKind
from orchestration.testing import drive
from tests.integration.escalation.buttons import button_of, page_of, sign_in, text_of
from tests.integration.escalation.desk import AGENTS, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@anna and @ben.", ("anna", "ben")),
        ("@anna, @anna!", ("anna",)),
        ("write to ada@example.org", ()),
        ("(@ben.maier) @", ("ben.maier",)),
        ("", ()),
    ],
)
def test_a_mention_is_a_name_behind_an_at(text: str, names: tuple[str, ...]) -> None:
    assert find_mentions(text) == names


def test_a_comment_tells_those_it_names_who_may_look(ticket: Ticket, anna: User, ben: User) -> None:
    User.objects.create_user("eve", is_staff=True)

    said = comment_on(ticket.pk, anna, "@ben, is this the lamp? @eve @nobody @anna")

    assert said.untold == ("eve", "nobody")
    assert said.comment.mentioned == ["anna", "ben"]
    assert [notice.person_id for notice in Notice.objects.filter(happening="mentioned")] == [ben.pk]
    line = AuditLine.objects.get(act="commented")
    assert (line.actor_name, line.ticket_id) == ("anna", ticket.pk)
    assert json.loads(line.data_json)["mentioned"] == ["anna", "ben"]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 20_001, "a\x00b"])
def test_what_is_no_comment_is_refused_and_nothing_is_kept(ticket: Ticket, anna: User, text: str) -> None:
    with pytest.raises(ResolutionInvalid, match="comment: "):
        comment_on(ticket.pk, anna, text)
    assert not Comment.objects.exists()
    assert not AuditLine.objects.filter(act="commented").exists()


def test_comments_are_only_appended(ticket: Ticket, anna: User) -> None:
    comment = comment_on(ticket.pk, anna, "first").comment
    for change in (
        lambda: Comment.objects.filter(pk=comment.pk).update(text="other"),
        lambda: Comment.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    comment_on(ticket.pk, anna, "second")
    assert [one.text for one in list_comments(ticket)] == ["first", "second"]


def test_no_agent_is_shown_a_comment(ticket: Ticket, anna: User) -> None:
    seen: list[Any] = []

    def write(task: Any) -> Any:
        seen.append(task)
        return {"body": "again"}

    comment_on(ticket.pk, anna, "a secret of ours")
    claim_ticket(ticket.pk, anna)
    resolve_ticket(
        ticket.pk, anna, ResolutionKind.SEND_BACK, claim_number=1, seen_digest=None, feedback="be brief"
    )
    drive(ticket.run_id, agents={**AGENTS, "test.writer": write})

    assert len(seen) == 1
    assert "be brief" in repr(seen)
    assert "secret" not in repr(seen)


def test_the_page_takes_and_shows_comments(ticket: Ticket, anna: User, ben: User) -> None:
    browser = sign_in(anna)

    answer = browser.post(
        button_of(ticket, "comment"), {"comment": "<b>look</b>\r\n@ben @ghost"}, follow=True
    )

    assert answer.redirect_chain == [(f"{page_of(ticket)}#comments", 302)]
    assert "&lt;b&gt;look&lt;/b&gt;\n@ben @ghost" in text_of(answer)
    assert "told ben" in text_of(answer)
    assert "Nobody was told of it as @ghost" in text_of(answer)


def test_a_comment_that_is_refused_is_given_back(ticket: Ticket, anna: User) -> None:
    long = "x" * 20_001
    answer = sign_in(anna).post(button_of(ticket, "comment"), {"comment": long})
    assert answer.status_code == 400
    assert long in text_of(answer)


def test_who_may_only_look_can_not_comment(ticket: Ticket) -> None:
    viewer = sign_in(make_member("vera", "viewer"))
    assert viewer.post(button_of(ticket, "comment"), {"comment": "hello"}).status_code == 403
    assert 'name="comment"' not in text_of(viewer.get(page_of(ticket)))
    assert not Comment.objects.exists()


def test_a_closed_ticket_can_be_commented(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)
    comment_on(ticket.pk, anna, "in hindsight")
    assert "in hindsight" in text_of(sign_in(anna).get(page_of(ticket)))


def test_a_ticket_is_put_off_from_its_page(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    form = {
        "claim_number": "1",
        "snooze_minutes": "60",
        "snooze_reason": "the shop opens at nine",
        "note": "half",
    }

    refused = sign_in(anna).post(button_of(ticket, "snooze"), form | {"snooze_minutes": "61"})
    answer = sign_in(anna).post(button_of(ticket, "snooze"), form)

    ticket.refresh_from_db()
    assert refused.status_code == 400
    assert "choose for how long" in text_of(refused)
    assert answer.status_code == 302
    assert ticket.snoozed_until is not None
    assert ticket.snooze_reason == "the shop opens at nine"
    assert "half" in (ticket.draft_json or "")


def test_the_latest_hundred_are_listed(anna: User) -> None:
    (ticket,) = hold()
    for number in range(105):
        comment_on(ticket.pk, anna, f"number {number}.")
    assert [one.text for one in list_comments(ticket)] == [f"number {n}." for n in range(5, 105)]
