"""The assistant on the real engine: with a script in the model's place, and with the server that the demo has."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from agents.domain.reading import read_json
from agents.model_server import ModelServer, read_script
from config.demo.feeding import read_messages
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from examples.assistant.models import Refund
from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run
from orchestration.testing import FinishedRun, call, drive, run_workflow, scripted
from tests.architecture.sources import PROJECT_DIR
from tests.people import make_member

# Tools ask the database in threads of their own, which see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

_DATA = PROJECT_DIR / "examples" / "assistant" / "data"
_LENA = {"customer": "lena_moreau", "text": "The espresso machine of order 1041 leaks. Money back, please."}
_SOFIA = {"customer": "sofia_lund", "text": "A mug of order 1043 is broken. Money back, please."}


def _answer(text: str = "Done.", refunded: float = 0) -> dict[str, Any]:
    return {"text": text, "order": "1041", "refunded": refunded}


def _pay(euro: float, order: str = "1041") -> Any:
    return call("refund", order=order, euro=euro, reason="It leaks.")


def _tell(messages: Any) -> dict[str, Any]:
    """Answer with what the last tool told."""
    return _answer(str(messages[-1].parts[0].content))


def _run(*wishes: Any, given: dict[str, str] = _LENA) -> tuple[FinishedRun, Any]:
    """Let a model want these tools one after the other, and then say what the last one told."""
    model = scripted(lambda messages, n: wishes[n] if n < len(wishes) else _tell(messages))
    return run_workflow("assistant", given, models={"assistant": model}), model


def _paid() -> list[tuple[str, Decimal, bool]]:
    return list(Refund.objects.order_by("pk").values_list("order", "euro", "is_approved"))


def _decide(done: FinishedRun, kind: ResolutionKind = ResolutionKind.APPROVE, **what: Any) -> None:
    person = User.objects.filter(username="ada").first() or make_member("ada", "reviewer")
    ticket = claim_ticket(Ticket.objects.get(run=done.run, status="open").pk, person)
    resolve_ticket(
        ticket.pk, person, kind, claim_number=ticket.claim_number, seen_digest=ticket.seen_digest, **what
    )


def test_a_question_without_a_tool_is_answered_at_once() -> None:
    done, _ = _run(_answer("We are open from nine to six."))

    assert (done.status, done.calls("answer")) == ("succeeded", ["model"])
    assert done.outputs["answer"] == _answer("We are open from nine to six.")


def test_a_small_refund_is_paid_at_once() -> None:
    done, _ = _run(call("find_order", order="1043"), _pay(18.5, "1043"), _answer("Paid.", 18.5), given=_SOFIA)

    assert (done.status, done.held) == ("succeeded", [])
    assert done.calls("answer") == ["model", "tool:find_order", "model", "tool:refund", "model"]
    assert _paid() == [("1043", Decimal("18.50"), False)]
    refund = Refund.objects.get()
    assert (refund.customer, refund.run_id) == ("sofia_lund", str(done.run.pk))


@pytest.mark.parametrize("euro", [50.01, 249.0])
def test_a_large_refund_waits_for_a_person_and_nothing_is_paid_before(euro: float) -> None:
    held, model = _run(_pay(euro))

    assert (held.held, _paid()) == (["answer"], [])
    ticket = Ticket.objects.get(run=held.run)
    [wanted] = ticket.seen["calls"]
    assert (ticket.subject, wanted["tool"], wanted["arguments"]["euro"]) == ("calls", "refund", euro)
    assert (wanted["effects"], wanted["reversible"]) == (["pays money back to the customer"], False)
    _decide(held)
    done = drive(held.run.pk, models={"assistant": model})
    assert done.status == "succeeded"
    assert _paid() == [("1041", Decimal(str(euro)).quantize(Decimal("0.01")), True)]
    assert runs.verify(done.run.pk).fault is None


def test_the_ticket_s_page_says_what_would_be_paid_and_that_nothing_was(client: Client) -> None:
    held, _ = _run(_pay(249))
    client.force_login(make_member("ada", "reviewer"))

    ticket = Ticket.objects.get(run=held.run)
    page = client.get(reverse("admin:escalation_ticket_change", args=[ticket.pk])).content.decode()

    told = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Proposed refund euro 249 order 1041 reason It leaks. As it is kept, all of it" in told
    assert "refund is called: pays money back to the customer can't be undone" in told
    assert "Deny: nothing is called; the agent is told why, and goes on." in told
    assert "Done already" not in told


def test_exactly_fifty_needs_nobody() -> None:
    done, _ = _run(_pay(50))

    assert (done.status, _paid()) == ("succeeded", [("1041", Decimal("50.00"), False)])


def test_a_reviewer_may_change_the_amount() -> None:
    held, model = _run(_pay(249))
    seen = Ticket.objects.get(run=held.run).seen
    [wanted] = seen["calls"]
    changed = wanted | {"arguments": wanted["arguments"] | {"euro": 60}}
    _decide(held, ResolutionKind.EDIT, output=seen | {"calls": [changed]})

    done = drive(held.run.pk, models={"assistant": model})

    assert (done.status, _paid()) == ("succeeded", [("1041", Decimal("60.00"), True)])


def test_what_a_person_denies_is_not_paid_and_the_model_is_told_why() -> None:
    held, model = _run(_pay(249))
    _decide(held, ResolutionKind.SEND_BACK, feedback="The guarantee is over.")

    done = drive(held.run.pk, models={"assistant": model})

    assert (done.status, _paid()) == ("succeeded", [])
    assert done.outputs["answer"]["text"] == "The guarantee is over."


def test_two_halves_need_a_person_too() -> None:
    held, model = _run(_pay(40), _pay(40))

    assert (held.held, _paid()) == (["answer"], [("1041", Decimal("40.00"), False)])
    _decide(held)
    drive(held.run.pk, models={"assistant": model})
    assert _paid() == [("1041", Decimal("40.00"), False), ("1041", Decimal("40.00"), True)]


def test_nobody_gets_back_more_than_they_paid() -> None:
    held, model = _run(_pay(300))
    _decide(held)

    done = drive(held.run.pk, models={"assistant": model})

    assert _paid() == []
    assert "Of order 1041 249.00 euro are left to pay back, not 300.00." in done.outputs["answer"]["text"]


def test_an_order_of_somebody_else_is_not_paid_back() -> None:
    done, _ = _run(_pay(18.5), given=_SOFIA)

    assert (done.status, _paid()) == ("succeeded", [])
    assert "This customer has no order 1041" in done.outputs["answer"]["text"]


@pytest.fixture
def script_server() -> Iterator[ModelServer]:
    replies = read_script(read_json((_DATA / "script.json").read_bytes()))
    price = {"input_usd_per_million": "0", "output_usd_per_million": "0"}
    with ModelServer(replies) as server:
        entry = {"model": "openai:scripted", "base_url": server.url, "price": price}
        with override_settings(RINGMASTER={"MODELS": {"assistant": entry}}):
            yield server


@pytest.mark.usefixtures("script_server")
def test_the_demo_s_messages_are_answered_and_one_waits() -> None:
    ended = [run_workflow("assistant", message) for message in read_messages(_DATA / "messages.jsonl")]

    said = {
        str(done.run.input["message_id"]): done.outputs["answer"]["text"] if done.outputs else "held"
        for done in ended
    }
    assert said["a001"].startswith("We are open")
    assert said["a002"] == "Your order 1042, the blue kettle, is on its way, expected on Thursday."
    assert said["a003"] == "The red kettle is sold out at the moment. It costs 44.9 euro."
    assert "paid 18.5 euro of order 1043 back" in said["a004"]
    assert said["a005"] == "held"
    assert said["a006"].startswith("I can't find that order")
    assert _paid() == [("1043", Decimal("18.50"), False)]


@pytest.mark.usefixtures("script_server")
@pytest.mark.parametrize(
    ("kind", "what", "words"),
    [
        (ResolutionKind.APPROVE, {}, "paid 249 euro of order 1041 back"),
        (ResolutionKind.SEND_BACK, {"feedback": "We send a new one."}, "We send a new one."),
    ],
)
def test_the_server_s_script_knows_what_a_person_said(
    kind: ResolutionKind, what: dict[str, str], words: str
) -> None:
    held = run_workflow("assistant", _LENA)
    _decide(held, kind, **what)

    done = drive(held.run.pk)

    assert done.status == "succeeded"
    assert words in done.outputs["answer"]["text"]
    assert Run.objects.get().status == "succeeded"
