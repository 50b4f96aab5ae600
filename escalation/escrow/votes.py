"""Votes: several people decide a ticket, each on their own, and the vote that makes them enough is the decision.

Votes come one after the other, under the locks of run, step and ticket. Nobody is told what was voted before the
decision: the audit's line of a vote says that there is one, the line of the decision how all voted. Where the votes
can't agree any more, a lead decides. Read next: `domain/votes.py`.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.resolution import Choice
from escalation.domain.states import TicketStatus
from escalation.domain.votes import Ballot, Standing, count_votes, fill_ballot, join_words
from escalation.errors import AlreadyVoted
from escalation.escrow.alarming import ask_leads
from escalation.escrow.kept import read_choice
from escalation.escrow.quorum import count_voters_left
from escalation.escrow.seats import end_seats
from escalation.models import Seat, Ticket, Vote
from orchestration.domain.holds import Way
from orchestration.domain.states import ResolutionKind


def find_answer(ticket: Ticket, user: AbstractBaseUser, choice: Choice) -> Ticket | None:
    """Return the ticket if somebody has cast this very vote: sent twice it is one. None: they have not voted.

    Args: ticket: as its row says; a seat is no claim there.
    Raises: AlreadyVoted: they voted otherwise, and the vote is open.
    """
    # A lead who holds it decides now, also in the words of the vote that they cast before.
    if ticket.seats == 1 or ticket.claimed_by_id == user.pk:
        return None
    vote = Vote.objects.filter(ticket=ticket.pk, person=user.pk).first()
    if vote is not None and read_choice(vote) == choice:
        return ticket
    if vote is not None and ticket.is_open and ticket.has_quorum:
        raise AlreadyVoted(ticket.pk)
    return None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What enough people voted. Attributes: voters: who did.  told: how all voted, for the audit."""

    choice: Choice
    voters: tuple[str, ...]
    told: list[dict[str, Any]]


def cast_vote(ticket: Ticket, user: AbstractBaseUser, choice: Choice, way: Way) -> Agreed | None:
    """Keep a choice that was checked as a vote.

    Args: ticket: locked behind its run and step, with the seat of this person as its claim.
    Returns: what the votes decided, for the caller to carry out in this transaction; None: nothing yet, or never.
    """
    seat: Seat = ticket.own_seat
    ballot = fill_ballot(choice, ticket.seen_json if way.takes_proposal else None)
    Vote.objects.create(
        ticket=ticket,
        seat=seat.number,
        person_id=user.pk,
        claim_number=seat.claim_number,
        seen_digest=ticket.seen_digest,
        kind=ballot.kind,
        output_digest=ballot.digest,
        output_json=choice.output_json,
        feedback=choice.feedback,
        note=choice.note,
        agent=choice.agent,
        reason_code=choice.reason_code,
        scope=choice.scope or "",
    )
    Seat.objects.filter(pk=seat.pk).update(has_voted=True, claim_expires_at=None, draft_json=None)
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(votes_cast=F("votes_cast") + 1)
    record(Act.VOTED, user, ticket=ticket, digest=ticket.seen_digest, seat=seat.number, of=ticket.seats)
    ticket.refresh_from_db()
    votes = _list_votes(ticket)
    winner = settle_votes(ticket, votes)
    if winner is None:
        return None
    won = [vote for vote in votes if _ballot_of(vote) == winner]
    return Agreed(_join(won), tuple(vote.person.get_username() for vote in won), _tell(votes))


def settle_votes(ticket: Ticket, votes: list[Vote] | None = None) -> Ballot | None:
    """Count the votes of a locked ticket; where they can't agree any more, let a lead decide it.

    Returns: what they decided; None: nothing yet, or never.
    """
    votes = _list_votes(ticket) if votes is None else votes
    tally = count_votes([_ballot_of(vote) for vote in votes], ticket.votes_needed, count_voters_left(ticket))
    if tally.standing is Standing.SPLIT:
        _hand_to_lead(ticket, votes)
    return tally.winner


def _list_votes(ticket: Ticket) -> list[Vote]:
    return list(Vote.objects.filter(ticket=ticket.pk).select_related("person").order_by("pk"))


def _ballot_of(vote: Vote) -> Ballot:
    return Ballot(ResolutionKind(vote.kind), vote.output_digest)


def _join(won: list[Vote]) -> Choice:
    """Return votes that agree as one choice: what all wrote, and the reason of the last."""
    return replace(
        read_choice(won[-1]),
        feedback=join_words([vote.feedback for vote in won]),
        note=join_words([vote.note for vote in won]),
    )


def _hand_to_lead(ticket: Ticket, votes: list[Vote]) -> None:
    end_seats([ticket])
    said = (
        f"The {len(votes)} people who voted do not agree, and {ticket.votes_needed} of {ticket.seats} would have to: "
        "a lead decides."
    )
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        needs_lead=True, desk_note=f"{ticket.desk_note} {said}".strip()
    )
    record(Act.SPLIT, None, ticket=ticket, votes=_tell(votes))
    ticket.refresh_from_db()
    ask_leads(ticket)


def _tell(votes: list[Vote]) -> list[dict[str, Any]]:
    return [
        {
            "person": vote.person.get_username(),
            "seat": vote.seat,
            "kind": vote.kind,
            "output": vote.output_digest,
        }
        for vote in votes
    ]
