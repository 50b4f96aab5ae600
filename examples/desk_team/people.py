"""Playing the person whom the team asks: tickets are decided as the desk would, from answers of a file."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User

from agents.domain.reading import read_json
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from escalation.selectors import list_open_tickets
from examples.desk_team.handbook import DATA_DIR
from orchestration.domain.states import ResolutionKind


def read_answers() -> Mapping[str, str]:
    """Return what a person would say, by the message's id."""
    answers: Mapping[str, str] = read_json((DATA_DIR / "people.json").read_text(encoding="utf-8"))
    return answers


def answer_tickets(person: User, answers: Mapping[str, str]) -> int:
    """Answer each question that waits for a person and has an answer; return how many."""
    waiting = list_open_tickets().filter(run__workflow_name="team-person").select_related("run")
    return sum(_answer(ticket, person, answers) for ticket in waiting)


def _answer(ticket: Ticket, person: User, answers: Mapping[str, str]) -> bool:
    asked = ticket.run.input["messages"][0]["body"]
    text = answers.get(asked["message_id"].rpartition(":")[2])
    if text is None:
        return False
    claimed = claim_ticket(ticket.pk, person)
    resolve_ticket(
        ticket.pk,
        person,
        ResolutionKind.EDIT,
        claim_number=claimed.claim_number,
        seen_digest=ticket.seen_digest,
        output={"text": text},
    )
    return True
