"""What pages and answers of the engine keep from somebody, as it is the business of a review queue that is not theirs.

Whoever keeps the tickets says what that is, and tells its audit what is shown. What came straight from such a step is
kept as well; what later steps made of it is theirs.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from orchestration.conf import get_conf
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import HandoffKind, ResultKind
from orchestration.models import Handoff, Message, Run, RunResult, Step
from orchestration.ports import Escalator, load_escalator

RESTRICTED: Final = "it went to a review queue that is restricted, and you have no role there"
UNTOLD: Final = "the audit can't be told at the moment that you looked; try again in a minute"
_OF_STEPS: Final = frozenset({ResultKind.COMPUTED, ResultKind.ENDED})


def withhold(shown: Mapping[int, Collection[str | None]], user_id: int | None) -> dict[int, str]:
    """Return why what steps proposed and put out is not shown, by the step's id; the rest may be, and is told.

    Args: shown: by step, the stored texts that are about to be shown.
    """
    if not shown:
        return {}
    hidden = dict.fromkeys(_escalator().find_hidden(shown, user_id), RESTRICTED)
    untold = tell_shown({pk: texts for pk, texts in shown.items() if pk not in hidden}, user_id)
    return hidden | dict.fromkeys(untold, UNTOLD)


def find_restricted(step_ids: Collection[int]) -> frozenset[int]:
    """Return the steps that hide what they put out from anybody: of these nothing is told before it is proven."""
    return _escalator().find_hidden(step_ids, None) if step_ids else frozenset()


def find_unsearchable(step_ids: QuerySet[Any], user_id: int | None) -> frozenset[int]:
    """Return the steps whose texts somebody may not look through: that one is found would tell what it says.

    Args: step_ids: of which steps; only asked for where anything is hidden from them.
    """
    if not _escalator().hides_anything(user_id):
        return frozenset()
    return _escalator().find_hidden(list(step_ids), user_id)


def tell_shown(shown: Mapping[int, Collection[str | None]], user_id: int | None) -> frozenset[int]:
    """Tell that somebody is about to be shown what steps proposed and put out; return the steps where that fails.

    Args: shown: by step, the stored texts.  user_id: None at a shell, for the system's user.
    """
    digests = {
        step_id: [digest_text(text) for text in texts if text is not None] for step_id, texts in shown.items()
    }
    told = {step_id: found for step_id, found in digests.items() if found}
    return _escalator().note_seen(told, user_id) if told else frozenset()


def hides_item(step: Step, user_id: int | None) -> bool:
    """Return whether what a grown step is about came from what is hidden from somebody."""
    if step.item_json is None:
        return False
    return bool(_escalator().find_handed_hidden([(step.run_id, step.pk)], user_id))


def withhold_handed(readers: Iterable[tuple[UUID, int]], user_id: int | None) -> dict[int, str]:
    """Return why it is not shown to somebody what steps were handed of their runs and of steps before, by their ids.

    Args: readers: the steps, each with its run.
    """
    places = list(dict.fromkeys(readers))
    if not places:
        return {}
    hidden = _escalator().find_handed_hidden(places, user_id)
    return {places[place][1]: RESTRICTED for place in hidden}


def withhold_recalled(readers: Collection[int], user_id: int | None) -> dict[int, str]:
    """Return why it is not shown to somebody what memories steps were handed: a step that wrote one hides it."""
    if not readers:
        return {}
    rows = Handoff.objects.filter(to_step__in=readers, kind=HandoffKind.RECALL, memory__step__isnull=False)
    pairs = list(rows.order_by().values_list("to_step", "memory__step").distinct())
    hidden = _escalator().find_hidden({writer for _, writer in pairs}, user_id) if pairs else frozenset()
    return {reader: RESTRICTED for reader, writer in pairs if writer in hidden}


def hides_input(run: Run, user_id: int | None) -> bool:
    """Return whether a run was given what is hidden from somebody: by who started it, what it forks, or in messages."""
    if run.parent_step_id is None and run.forked_from_id is None and run.actor_id is None:
        return False
    return bool(_escalator().find_handed_hidden([(run.pk, None)], user_id))


def hides_result(run: Run, result: RunResult | None, user_id: int | None) -> bool:
    """Return whether a run's result is made of what its steps put out, of which one is hidden from somebody."""
    if result is None or result.kind not in _OF_STEPS:
        return False
    return bool(_escalator().find_hidden_runs([run.pk], user_id)) or hides_input(run, user_id)


def find_hidden_senders(answers: Collection[Message], user_id: int | None) -> dict[int, str]:
    """Return which messages, of a run and of no step of it, are made of what is hidden from somebody, and why."""
    said_by = {message.pk: message.run_id for message in answers if message.run_id is not None}
    if not said_by:
        return {}
    runs = list(dict.fromkeys(said_by.values()))
    hidden = _escalator().find_hidden_runs(runs, user_id)
    return {pk: RESTRICTED for pk, run_id in said_by.items() if run_id in hidden}


def _escalator() -> Escalator:
    return load_escalator(get_conf().ESCALATOR)
