from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents import Result
from escalation.domain.draft import Draft
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.testing import run_workflow
from tests.integration.escalation.desk import EDITED, PROPOSAL, expire_claim, fail, go_on, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db
LIST = "admin:escalation_ticket_changelist"
BUTTONS = ("claim", "release", "keep_draft", "discard_draft", "resolve")


def _page(ticket: Ticket) -> str:
    return reverse("admin:escalation_ticket_change", args=(ticket.pk,))


def _press(person: User, button: str, ticket: Ticket, form: dict[str, Any] | None = None) -> Any:
    client = Client()
    client.force_login(person)
    return client.post(reverse(f"admin:escalation_ticket_{button}", args=(ticket.pk,)), form or {})


def _look(person: User, address: str) -> Any:
    client = Client()
    client.force_login(person)
    return client.get(address)


def _form(ticket: Ticket, resolution: str, **typed: str) -> dict[str, str]:
    """What the browser sends: line ends as browsers write them."""
    fields = {"key:body": PROPOSAL["body"], "key:subject": "Your order", "rest": '{"facts": {"order": 7}}'}
    sent = {"claim_number": "1", "seen_digest": ticket.seen_digest, "resolution": resolution, "note": ""}
    return {name: str(text).replace("\n", "\r\n") for name, text in {**fields, **sent, **typed}.items()}


def _text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def claimed(ticket: Ticket, anna: User) -> Ticket:
    return claim_ticket(ticket.pk, anna)


def test_a_failed_undo_shows_what_is_to_be_undone(anna: User) -> None:
    trip = WorkflowSpec(
        name="trip",
        steps=(
            StepSpec("car", agent="test.book", compensate="test.cancel"),
            StepSpec("pay", agent="test.pay", needs=("car",), on_failure="abort"),
        ),
    )
    agents = {"test.book": lambda _: {"number": "K-4711"}, "test.pay": fail, "test.cancel": fail}
    ticket = Ticket.objects.get(run=run_workflow(trip, {}, agents=agents).run)

    text = _text(_look(anna, _page(ticket)))

    assert "The run was aborted, and “car” is not undone yet. What shall happen?" in text
    assert "K-4711" in text.partition(">What is to be undone</h3>")[2].partition("Claim and decide")[0]


def test_a_failed_item_shows_which(anna: User) -> None:
    each = StepSpec("each", agent="test.each", for_each="['lamp 17']")
    done = run_workflow(WorkflowSpec(name="each", steps=(each,)), {}, agents={"test.each": fail})
    text = _text(_look(anna, _page(Ticket.objects.get(run=done.run))))
    assert "lamp 17" in text.partition(">What the step is about</h3>")[2].partition("Claim and decide")[0]


def test_the_list_shows_open_tickets_those_due_first_at_the_top(anna: User) -> None:
    tickets = [hold()[0] for _ in range(3)]
    claim_ticket(tickets[0].pk, anna)
    resolve_ticket(tickets[0].pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)

    shown = _look(anna, reverse(LIST)).context["cl"].result_list

    assert [ticket.pk for ticket in shown] == [tickets[1].pk, tickets[2].pk]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("free", ["expired", "free"]),
        ("mine", ["mine"]),
        ("claimed", ["mine", "bens"]),
        ("resolved", ["done"]),
        ("withdrawn", []),
        ("all", ["done", "free", "expired", "bens", "mine"]),
    ],
)
def test_the_list_filters_by_state(anna: User, ben: User, state: str, expected: list[str]) -> None:
    names = ["mine", "bens", "expired", "free", "done"]
    tickets = {name: hold()[0] for name in names}
    for name, person in (("mine", anna), ("bens", ben), ("expired", ben), ("done", anna)):
        claim_ticket(tickets[name].pk, person)
    expire_claim(tickets["expired"])
    done = tickets["done"]
    resolve_ticket(done.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)

    shown = _look(anna, f"{reverse(LIST)}?state={state}").context["cl"].result_list

    assert [ticket.pk for ticket in shown] == [tickets[name].pk for name in expected]


def test_looking_claims_nothing(ticket: Ticket, anna: User) -> None:
    page = _text(_look(anna, _page(ticket)))

    ticket.refresh_from_db()
    assert (ticket.claim_number, ticket.touched_at) == (0, None)
    assert "Claim and decide" in page
    assert 'name="resolution"' not in page


def test_the_page_shows_what_is_judged_and_what_led_to_it(claimed: Ticket, anna: User) -> None:
    page = _text(_look(anna, _page(claimed)))

    for words in (
        "May this be the result of the step “draft”?",
        "Where is my lamp?",
        "your lamp is on its way.",
        "50%",
        claimed.rule,
        "facts (test.facts)",
        "test.writer",
        "answered after",
        'value="approve"',
    ):
        assert words in page, words


def test_a_failed_step_shows_its_error_and_asks_for_an_output(anna: User) -> None:
    (ticket,) = hold(writer=fail)
    claim_ticket(ticket.pk, anna)

    page = _text(_look(anna, _page(ticket)))

    assert "has no result. What shall happen?" in page
    assert "ValueError: no such order" in page
    assert 'value="approve"' not in page
    assert "Use this output" in page


def test_the_page_says_under_which_key_a_step_goes_on_that_is_sent_back(claimed: Ticket, anna: User) -> None:
    assert "under a new idempotency key" in _text(_look(anna, _page(claimed)))
    (failed,) = hold(writer=fail)
    claim_ticket(failed.pk, anna)
    assert "under the same idempotency key" in _text(_look(anna, _page(failed)))


def test_a_wide_join_shows_the_first_of_what_it_received(anna: User) -> None:
    feeders = tuple(StepSpec(f"f{i:02}", agent="test.facts") for i in range(52))
    join = StepSpec("join", agent="test.writer", needs=tuple(step.key for step in feeders))
    (ticket,) = hold(WorkflowSpec(name="wide", steps=(*feeders, join)))

    page = _text(_look(anna, _page(ticket)))

    assert "f49 (test.facts)" in page
    assert "f50 (test.facts)" not in page
    assert "And from 2 more steps" in page


def test_what_agents_wrote_is_escaped_and_nothing_hides(anna: User) -> None:
    trap = "<script>alert(1)</script> \u202eevil\u200b"
    (ticket,) = hold(writer=lambda _task: Result({"body": trap, trap: 1}, confidence=0.1))
    claim_ticket(ticket.pk, anna)

    page = _text(_look(anna, _page(ticket)))

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<span class="rm-unseen">[U+202E]</span>evil<span class="rm-unseen">[U+200B]</span>' in page
    assert "\u202e" not in page
    assert "\u200b" not in page


def test_claiming_opens_the_page(ticket: Ticket, anna: User) -> None:
    answer = _press(anna, "claim", ticket)

    ticket.refresh_from_db()
    assert (answer.status_code, answer.url) == (302, _page(ticket))
    assert ticket.claimed_by == anna


def test_the_second_of_two_is_told_who_has_it(claimed: Ticket, ben: User) -> None:
    client = Client()
    client.force_login(ben)

    page = client.post(reverse("admin:escalation_ticket_claim", args=(claimed.pk,)), follow=True)

    assert f"Ticket {claimed.pk} is claimed by anna until" in _text(page)
    assert "is working on this ticket" in _text(page)
    assert 'name="resolution"' not in _text(page)


def test_the_next_ticket_is_the_free_one_due_first(anna: User, ben: User) -> None:
    first, second = hold()[0], hold()[0]
    claim_ticket(first.pk, ben)
    client = Client()
    client.force_login(anna)

    answer = client.post(reverse("admin:escalation_ticket_claim_next"))
    none_left = client.post(reverse("admin:escalation_ticket_claim_next"), follow=True)

    second.refresh_from_db()
    assert answer.headers["Location"] == f"{_page(second)}?next"
    assert second.claimed_by == anna
    assert "No ticket is free" in _text(none_left)


def test_approving(claimed: Ticket, anna: User) -> None:
    answer = _press(anna, "resolve", claimed, _form(claimed, "approve", note="fine"))

    claimed.refresh_from_db()
    assert (answer.status_code, answer.url) == (302, reverse(LIST))
    assert (claimed.resolution, claimed.resolved_by, claimed.note) == ("approve", anna, "fine")
    assert go_on(claimed).outputs["send"] == {"sent": PROPOSAL}


def test_editing_and_approving(claimed: Ticket, anna: User) -> None:
    _press(anna, "resolve", claimed, _form(claimed, "edit", **{"key:body": str(EDITED["body"])}))

    assert go_on(claimed).outputs["send"] == {"sent": EDITED}


def test_approving_beside_changed_text_is_refused_and_the_draft_kept(claimed: Ticket, anna: User) -> None:
    form = _form(claimed, "approve", **{"key:body": "Dear Bob"})

    answer = _press(anna, "resolve", claimed, form)

    claimed.refresh_from_db()
    assert answer.status_code == 400
    assert "Press “Edit and approve”" in _text(answer)
    assert claimed.status == "open"
    assert Draft.from_json(claimed.draft_json).fields["key:body"] == "Dear Bob"
    assert "Dear Bob" in _text(_look(anna, _page(claimed)))


def test_json_that_can_not_be_read_is_named_and_kept(claimed: Ticket, anna: User) -> None:
    answer = _press(anna, "resolve", claimed, _form(claimed, "edit", rest='{"facts": '))

    claimed.refresh_from_db()
    assert answer.status_code == 400
    assert "Everything else, as JSON: no valid JSON at line 1" in _text(answer)
    assert Draft.from_json(claimed.draft_json).fields["rest"] == '{"facts": '
    assert claimed.status == "open"


@pytest.mark.parametrize("resolution", ["send_back", "skip", "abort"])
def test_the_other_buttons(claimed: Ticket, anna: User, resolution: str) -> None:
    feedback = {"feedback": "be brief"} if resolution == "send_back" else {}

    answer = _press(anna, "resolve", claimed, _form(claimed, resolution, **feedback))

    claimed.refresh_from_db()
    assert (answer.status_code, claimed.resolution) == (302, resolution)


def test_feedback_is_asked_for(claimed: Ticket, anna: User) -> None:
    answer = _press(anna, "resolve", claimed, _form(claimed, "send_back", note="keep me"))

    claimed.refresh_from_db()
    assert answer.status_code == 400
    assert "say what the agent should do better" in _text(answer)
    assert Draft.from_json(claimed.draft_json).note == "keep me"


def test_feedback_left_in_the_form_does_not_spoil_an_approval(claimed: Ticket, anna: User) -> None:
    _press(anna, "resolve", claimed, _form(claimed, "approve", feedback="never mind"))

    claimed.refresh_from_db()
    assert (claimed.resolution, claimed.feedback) == ("approve", "")


def test_a_lost_claim_shows_what_was_typed(claimed: Ticket, anna: User, ben: User) -> None:
    expire_claim(claimed)
    claim_ticket(claimed.pk, ben)

    answer = _press(anna, "resolve", claimed, _form(claimed, "edit", **{"key:body": "my long text"}))

    claimed.refresh_from_db()
    assert answer.status_code == 409
    assert "my long text" in _text(answer)
    assert "It was not sent" in _text(answer)
    assert (claimed.status, claimed.draft_json) == ("open", None)


def test_an_old_tab_decides_nothing(claimed: Ticket, anna: User) -> None:
    expire_claim(claimed)
    claim_ticket(claimed.pk, anna)

    answer = _press(anna, "resolve", claimed, _form(claimed, "approve"))

    claimed.refresh_from_db()
    assert answer.status_code == 409
    assert "claimed again since you opened it" in _text(answer)
    assert claimed.status == "open"


def test_another_digest_is_refused(claimed: Ticket, anna: User) -> None:
    answer = _press(anna, "resolve", claimed, _form(claimed, "approve", seen_digest="0" * 64))

    claimed.refresh_from_db()
    assert answer.status_code == 409
    assert "no longer shows what you saw" in _text(answer)
    assert claimed.status == "open"


@pytest.mark.parametrize("missing", ["seen_digest", "claim_number"])
def test_a_form_without_its_bindings_is_refused(claimed: Ticket, anna: User, missing: str) -> None:
    form = _form(claimed, "approve")
    del form[missing]

    answer = _press(anna, "resolve", claimed, form)

    claimed.refresh_from_db()
    assert answer.status_code in {400, 409}
    assert claimed.status == "open"


def test_a_double_click_gets_the_same_answer(claimed: Ticket, anna: User) -> None:
    form = _form(claimed, "approve")

    answers = [_press(anna, "resolve", claimed, form) for _ in range(2)]

    assert [(answer.status_code, answer.url) for answer in answers] == [(302, reverse(LIST))] * 2


def test_who_requested_the_run_is_told(anna: User) -> None:
    (ticket,) = hold(requested_by=anna)

    page = _text(_look(anna, _page(ticket)))
    answer = _press(anna, "claim", ticket)

    assert "a colleague decides this ticket" in page
    assert "Claim and decide" not in page
    assert answer.status_code == 403
    assert "let a colleague decide" in _text(answer)


def test_the_list_offers_no_claim_on_what_one_asked_for(anna: User) -> None:
    [own, *_] = hold(requested_by=anna)
    listed = _text(_look(anna, reverse(LIST)))
    assert _page(own) in listed
    assert ">Claim</button>" not in listed


def test_drafts_are_kept_and_discarded(claimed: Ticket, anna: User) -> None:
    _press(anna, "keep_draft", claimed, _form(claimed, "", **{"key:subject": "Hello"}))
    kept = _text(_look(anna, _page(claimed)))
    _press(anna, "discard_draft", claimed, _form(claimed, ""))
    discarded = _text(_look(anna, _page(claimed)))

    assert "This is a draft by anna." in kept
    assert "Hello" in kept
    assert "This is a draft" not in discarded
    assert "Hello" not in discarded


def test_releasing_returns_to_the_list(claimed: Ticket, anna: User) -> None:
    answer = _press(anna, "release", claimed)

    claimed.refresh_from_db()
    assert (answer.status_code, answer.url) == (302, reverse(LIST))
    assert claimed.claimed_by is None


@pytest.mark.parametrize("button", BUTTONS)
def test_buttons_only_post_with_a_csrf_token_and_the_right(claimed: Ticket, anna: User, button: str) -> None:
    address = reverse(f"admin:escalation_ticket_{button}", args=(claimed.pk,))
    onlooker = make_member("onlooker", "viewer")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)

    assert _look(anna, address).status_code == 405
    assert strict.post(address, _form(claimed, "approve")).status_code == 403
    assert _press(onlooker, button, claimed, _form(claimed, "approve")).status_code == 403
    asked = 200 if button in {"resolve", "keep_draft", "release"} else 302
    assert Client().post(address, _form(claimed, "approve")).status_code == asked
    claimed.refresh_from_db()
    assert (claimed.status, claimed.claimed_by, claimed.draft_json) == ("open", anna, None)


def test_an_onlooker_sees_no_buttons(ticket: Ticket) -> None:
    onlooker = make_member("onlooker", "viewer")

    page, listed = _text(_look(onlooker, _page(ticket))), _text(_look(onlooker, reverse(LIST)))

    assert "You may look, but not decide" in page
    assert "Claim and decide" not in page
    assert "formaction" not in listed


def test_a_member_of_nothing_may_not_look(ticket: Ticket) -> None:
    outsider = User.objects.create_user("outsider", is_staff=True)

    assert _look(outsider, _page(ticket)).status_code == 403
    assert _look(outsider, reverse(LIST)).status_code == 403


def test_the_page_takes_no_post_and_unknown_numbers_are_404(ticket: Ticket, anna: User) -> None:
    client = Client()
    client.force_login(anna)

    assert client.post(_page(ticket), {"status": "resolved"}).status_code == 405
    assert client.get(_page(ticket).replace(f"/{ticket.pk}/", "/4711/")).status_code == 404
    assert client.get(_page(ticket).replace(f"/{ticket.pk}/", "/nonsense/")).status_code == 404


def test_a_decided_ticket_shows_its_decision(claimed: Ticket, anna: User, ben: User) -> None:
    _press(anna, "resolve", claimed, _form(claimed, "edit", **{"key:body": "Final words", "note": "hm"}))

    page = _text(_look(ben, _page(claimed)))

    assert "Decided: edit" in page
    assert "by anna" in page
    assert "Final words" in page
    assert "Claim and decide" not in page


def test_deciding_a_decided_ticket_otherwise_says_who_decided(claimed: Ticket, anna: User) -> None:
    _press(anna, "resolve", claimed, _form(claimed, "approve"))

    answer = _press(anna, "resolve", claimed, _form(claimed, "skip"))

    assert answer.status_code == 409
    assert "was resolved (approve) by anna" in _text(answer)


@pytest.mark.parametrize("name", ["breach", "reviewqueue"])
def test_the_other_lists_open(ticket: Ticket, name: str) -> None:
    chief = User.objects.create_superuser("chief")

    assert _look(chief, reverse(f"admin:escalation_{name}_changelist")).status_code == 200


ASK = WorkflowSpec(
    name="asking",
    steps=[
        StepSpec(
            "verdict",
            agent="human",
            input={"amount": "input.amount"},
            form={
                "type": "object",
                "required": ["verdict"],
                "properties": {"verdict": {"enum": ["fraud", "fine"]}, "why": {"type": "string"}},
            },
        )
    ],
)


def _ask(person: User) -> Ticket:
    run_workflow(ASK, {"amount": 99})
    return claim_ticket(Ticket.objects.get(run__workflow_name="asking").pk, person)


def test_a_step_for_people_shows_its_form_and_takes_what_was_filled_in(anna: User) -> None:
    ticket = _ask(anna)

    page = _text(_look(anna, _page(ticket)))
    assert "is yours to do" in page
    assert '<option value="fraud"' in page
    assert "Send back" not in page

    filled = {"claim_number": "1", "seen_digest": ticket.seen_digest, "resolution": "edit"}
    _press(anna, "resolve", ticket, {**filled, "key:verdict": "fraud", "key:why": "too much"})

    ticket.refresh_from_db()
    assert ticket.resolution_output == {"verdict": "fraud", "why": "too much"}
    assert ticket.step.output == {"verdict": "fraud", "why": "too much"}
    assert ticket.step.status == "succeeded"


def test_what_does_not_fit_the_form_is_refused_and_kept(anna: User) -> None:
    ticket = _ask(anna)

    filled = {"claim_number": "1", "seen_digest": ticket.seen_digest, "resolution": "edit"}
    answer = _press(anna, "resolve", ticket, {**filled, "key:verdict": "odd", "key:why": "kept"})

    assert "is not one of" in _text(answer)
    ticket.refresh_from_db()
    assert ticket.is_open
    assert "kept" in (ticket.draft_json or "")
