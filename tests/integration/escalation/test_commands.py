import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from escalation.escrow import claim_ticket
from escalation.models import Ticket
from tests.integration.escalation.desk import EDITED, PROPOSAL, go_on, hold

pytestmark = pytest.mark.django_db


def _run(*arguments: object) -> str:
    out = io.StringIO()
    call_command(*(str(argument) for argument in arguments), stdout=out)
    return out.getvalue()


def _run_json(*arguments: object) -> Any:
    return json.loads(_run(*arguments, "--json"))


def test_open_tickets_are_listed_by_due_time(anna: User) -> None:
    first, second = hold()[0], hold()[0]
    claim_ticket(second.pk, anna)

    listed = _run_json("list_tickets")

    assert [item["id"] for item in listed] == [first.pk, second.pk]
    assert [item["claimed_by"] for item in listed] == [None, "anna"]
    assert (listed[0]["workflow"], listed[0]["step"], listed[0]["seen"]) == ("letter", "draft", PROPOSAL)
    assert listed[0]["due_at"] == first.due_at.isoformat()


def test_the_table_shows_what_a_person_needs(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)

    line = _run("list_tickets").splitlines()[1]

    for word in (str(ticket.pk), "open", "left", "customer-facing", "letter/draft", "anna", "0.5"):
        assert word in line


def test_an_empty_list_says_so(db: None) -> None:
    assert _run("list_tickets") == "No tickets.\n"
    assert _run_json("list_tickets") == []


def test_status_chooses(anna: User) -> None:
    decided, waiting = hold()[0], hold()[0]
    _run("resolve_ticket", decided.pk, "--as", "anna", "--resolution", "skip")

    assert [item["id"] for item in _run_json("list_tickets", "--status", "resolved")] == [decided.pk]
    assert [item["id"] for item in _run_json("list_tickets")] == [waiting.pk]
    assert len(_run_json("list_tickets", "--status", "all")) == 2


def test_an_unknown_queue_is_refused_with_the_known_ones(ticket: Ticket) -> None:
    assert len(_run_json("list_tickets", "--queue", "default")) == 1
    with pytest.raises(CommandError, match=r"--queue: there is no review queue 'x'; known: default"):
        _run("list_tickets", "--queue", "x")


def test_claiming(ticket: Ticket, anna: User, ben: User) -> None:
    assert _run("claim_ticket", ticket.pk, "--as", "anna").startswith(
        f"Ticket {ticket.pk} is claimed by anna"
    )
    assert _run_json("claim_ticket", ticket.pk, "--as", "anna")["claim_number"] == 1
    with pytest.raises(CommandError, match="claimed by anna until"):
        _run("claim_ticket", ticket.pk, "--as", "ben")


@pytest.mark.parametrize("command", [["claim_ticket"], ["resolve_ticket", "--resolution", "skip"]])
def test_unknown_people_and_tickets_are_named(ticket: Ticket, anna: User, command: list[str]) -> None:
    with pytest.raises(CommandError, match="--as: there is no user 'nobody'"):
        _run(*command, ticket.pk, "--as", "nobody")
    with pytest.raises(CommandError, match="There is no ticket 4711"):
        _run(*command, 4711, "--as", "anna")


def test_approving_claims_first_and_answers_the_same_twice(ticket: Ticket, anna: User) -> None:
    command = ("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "approve")

    first = _run_json(*command)

    assert (first["status"], first["resolution"], first["resolved_by"]) == ("resolved", "approve", "anna")
    assert first["output"] == PROPOSAL
    assert _run_json(*command) == first
    assert _run(*command) == f"Ticket {ticket.pk} is resolved: approve by anna.\n"


def test_deciding_leaves_another_persons_claim_alone(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, ben)

    with pytest.raises(CommandError, match="claimed by ben"):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "skip")

    ticket.refresh_from_db()
    assert (ticket.status, ticket.claimed_by) == ("open", ben)


@pytest.mark.parametrize("word", ["edit", "edit-and-approve", "edit_and_approve"])
def test_editing_takes_json(ticket: Ticket, anna: User, word: str) -> None:
    _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", word, "--output", json.dumps(EDITED))

    assert go_on(ticket).outputs["send"] == {"sent": EDITED}


def test_editing_takes_a_file(ticket: Ticket, anna: User, tmp_path: Path) -> None:
    file = tmp_path / "output.json"
    file.write_text(json.dumps(EDITED))

    shown = _run_json(
        "resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "edit", "--output", f"@{file}"
    )

    assert shown["output"] == EDITED


def test_editing_takes_standard_input(ticket: Ticket, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(EDITED)))

    shown = _run_json("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "edit", "--output", "-")

    assert shown["output"] == EDITED


@pytest.mark.parametrize("word", ["send_back", "send-back"])
def test_sending_back(ticket: Ticket, anna: User, word: str) -> None:
    _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", word, "--feedback", "be brief")

    assert go_on(ticket).held == ["draft"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edit"], "--output: needed with --resolution edit"),
        (
            ["approve", "--output", "{}"],
            "--output: needed with --resolution edit or answer, and goes with it only",
        ),
        (["edit", "--output", "{"], r"--output: no valid JSON at line 1, column 2"),
        (["edit", "--output", "@/no/such/file"], "--output: can't read /no/such/file: No such file"),
        (["edit", "--output", "[" * 100_000], "--output: nested deeper than 32 levels"),
        (["edit", "--output", '{"a": NaN}'], "--output: at /a: NaN is not JSON"),
        (["edit", "--output", '{"a": {"b": 1, "b": 2}}'], "--output: at /a/b: this name stands twice"),
        (["send_back"], "feedback: say what the agent should do better"),
        (["skip", "--feedback", "hm"], "feedback: goes with send_back only"),
        (["shrug"], "argument --resolution: invalid choice"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(
    ticket: Ticket, anna: User, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", *arguments)

    ticket.refresh_from_db()
    assert (ticket.status, ticket.resolution, ticket.claimed_by) == ("open", None, None)


def test_a_claim_from_before_outlives_a_refusal(ticket: Ticket, anna: User) -> None:
    claimed = claim_ticket(ticket.pk, anna)

    with pytest.raises(CommandError, match="feedback: say what"):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "send_back")

    ticket.refresh_from_db()
    assert (ticket.claimed_by, ticket.claim_number) == (anna, claimed.claim_number)


def test_somebody_elses_claim_outlives_a_refusal(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, ben)

    with pytest.raises(CommandError, match="ben"):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "approve")

    ticket.refresh_from_db()
    assert (ticket.status, ticket.claimed_by) == ("open", ben)


def test_a_file_that_is_no_text_is_named(ticket: Ticket, anna: User, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"\xff\xd8\x00")

    with pytest.raises(CommandError, match="--output: no UTF-8 text"):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "edit", "--output", f"@{file}")


def test_who_requested_a_run_does_not_approve_it_from_the_shell(anna: User) -> None:
    (ticket,) = hold(requested_by=anna)

    with pytest.raises(CommandError, match="let a colleague decide"):
        _run("resolve_ticket", ticket.pk, "--as", "anna", "--resolution", "approve")

    ticket.refresh_from_db()
    assert (ticket.status, ticket.claimed_by) == ("open", None)
