"""The mail of a run and of a step: what a turn was given, what was sent, and what is sent once somebody accepts it."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of
from orchestration.admin.actors.lines import view_deliveries, view_messages
from orchestration.admin.actors.page import read_turn
from orchestration.admin.addresses import actor_url
from orchestration.admin.paging import turn_page
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.domain.states import StepStatus
from orchestration.models import Run, Step
from orchestration.selectors.mailboxes import list_mail_of_run, list_mail_of_step
from orchestration.selectors.pending import list_letters, load_pending

_MOST = 50
_LINES_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class TurnLink:
    """Whose turn a run is, and which."""

    address: SafeString
    url: str
    number: str
    is_parked: bool


@dataclass(frozen=True, slots=True)
class LetterView:
    """A message that is sent once an answer is accepted as it stands."""

    words: SafeString
    body: SafeString


def link_turn(run: Run) -> TurnLink | None:
    """Return whose turn a run is; None: nobody's."""
    if run.actor is None:
        return None
    return TurnLink(
        mark_unseen(run.actor.address), actor_url(run.actor.pk), read_turn(run), is_parked=run.is_parked
    )


def build_mail(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what a run was given in messages, and a page of those that its steps have sent."""
    given, sent = list_mail_of_run(run.pk)
    user_id = caller_of(request).user_id
    page = turn_page(request, sent, _LINES_PER_PAGE)
    return {
        "page": page,
        "is_turn": run.actor_id is not None,
        "given": view_deliveries(list(given[:_MOST]), user_id),
        "sent": view_messages(page.rows, user_id),
    }


def show_mail_of_step(step: Step, user_id: int | None, *, is_hidden: bool) -> dict[str, Any]:
    """Return what a step has sent, and what it would send if its answer is accepted as it stands."""
    sent = list(list_mail_of_step(step.pk, step.run_id)[:_MOST])
    waits = step.status == StepStatus.HELD and not is_hidden
    letters = list_letters(load_pending(step.pk, step.revision)) if waits else []
    return {
        "sent": view_messages(sent, user_id),
        "would_send": [
            LetterView(mark_unseen(letter.words), show_json(json.dumps(letter.value)))
            for letter in letters[:_MOST]
        ],
        "would_send_count": len(letters),
    }
