"""What browsers never send: the desk's pages refuse it in words, and lose nothing that was typed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.escrow import claim_ticket
from escalation.models import ReviewerProfile, ReviewQueue, SavedView, Ticket
from escalation.queues import make_queue
from orchestration.domain.moments import read_moment
from tests.integration.escalation.buttons import LIST, press, sign_in, text_of
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

NEXT = "/admin/escalation/ticket/next/"
# As Python reads moments, and PostgreSQL, or a sum with a lease, does not.
NO_MOMENTS = (
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00",
    "2026",
    "x" * 1000,
)


def _follow(browser: Client, address: str, **form: object) -> tuple[int, str]:
    """Send a form, and return what came of it, with the page that the browser is led to."""
    answer = browser.post(address, form, follow=True)
    return answer.status_code, text_of(answer)


def test_next_says_that_one_holds_as_many_as_one_may(anna: User) -> None:
    hold(), hold()
    ReviewerProfile.objects.create(user=anna, capacity=1)
    browser = sign_in(anna)
    assert browser.post(NEXT).status_code == 302

    status, page = _follow(browser, NEXT)

    assert status == 200
    assert "You hold 1 ticket, as many as you are to hold at once" in page


def test_choosing_tickets_that_one_may_only_look_at_says_so_above_the_list(anna: User) -> None:
    (ticket,) = hold()
    queue = make_queue(ticket.queue.project_id, "vip", "VIP")
    ReviewQueue.objects.filter(pk=queue.pk).update(is_restricted=True)
    Ticket.objects.filter(pk=ticket.pk).update(queue=queue)

    status, page = _follow(
        sign_in(give_role(anna, queue, "viewer")), "/admin/escalation/ticket/together/", tickets=ticket.pk
    )

    assert status == 200
    assert "takes the role reviewer or lead there" in page
    assert Ticket.objects.get().claimed_by is None


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_a_text_that_names_no_moment_of_ours_is_none(text: str) -> None:
    assert read_moment(text) is None


def test_an_offset_that_only_python_knows_is_put_into_utc() -> None:
    assert str(read_moment("2026-01-01T00:00:00+00:00:30.5")) == "2025-12-31 23:59:29.500000+00:00"


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00+23:59:59.999999"])
def test_a_moment_of_an_address_that_is_none_shows_the_first_rows(anna: User, text: str) -> None:
    (ticket,) = hold()
    browser = sign_in(anna)

    page = browser.get(reverse(LIST), {"after": f"{text}~{2**63 - 1}", "state": "resolved"})
    taken = browser.post(NEXT, {"since": text})

    assert page.status_code == 200
    assert taken.status_code == 302
    assert Ticket.objects.get().claimed_by == anna
    assert str(ticket.pk) in taken["Location"]


def test_a_view_with_filters_beyond_what_is_kept_is_refused_by_name(anna: User) -> None:
    long = "&".join(f"{name}={'ж' * 200}" for name in ("q", "workflow", "agent"))

    status, page = _follow(sign_in(anna), "/admin/escalation/ticket/views/keep/", name="long", query=long)

    assert status == 200
    assert "query: these filters are too long" in page
    assert not SavedView.objects.exists()


def test_a_name_with_a_nul_is_nobodys(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)

    answer = press(sign_in(make_member("lena", "admin")), ticket, "assign", to="an\x00na")

    assert answer.status_code == 400
    assert "to: nobody called" in text_of(answer)


def test_a_threshold_for_a_project_with_a_nul_is_nobodys() -> None:
    body = {"project": "default\x00", "workflow": "letter", "step": "draft", "confidence": "0.7"}

    address = "/admin/escalation/agenthour/agent/test.writer/threshold/"
    assert sign_in(make_member("lena", "admin")).post(address, body).status_code == 403


@pytest.mark.parametrize(
    ("term", "found"), [("anna", 1), ("{ticket}", 1), ("9" * 30, 0), ("-1", 0), ("ann", 0)]
)
def test_the_audit_is_searched_by_user_name_and_by_ticket(anna: User, term: str, found: int) -> None:
    (ticket,), (other,) = hold(), hold()
    record(Act.CLAIMED, anna, ticket=ticket)
    record(Act.CLAIMED, make_member("ben", "reviewer"), ticket=other)

    address = reverse("admin:escalation_auditline_changelist")
    page = sign_in(make_member("lena", "admin")).get(address, {"q": term.format(ticket=ticket.pk)})

    assert page.status_code == 200
    assert page.context["cl"].result_count == found
