"""What a person is asked about a held step, and what they may choose: one table, by the subject of the hold.

The engine carries out what a row says (`holds/resolve.py`), the room of tickets checks a decision by it, and console,
API and commands take their buttons, choices and words from it. A further subject is a further row of `SUBJECTS`. Read
next: `anew.py`, which says what a step that is sent back does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from orchestration.domain.hold_fields import AGENT, FEEDBACK, OUTPUT, SCOPE, Field
from orchestration.domain.states import ReceiptKind, ResolutionKind, StepStatus


class HoldSubject(StrEnum):
    """What a person is asked about.

    An output that an agent gave or could not give; a step that people do; what an agent asks while it works; calls
    that it may not make without a person; a budget that leaves too little for its next call; accepted work that is
    looked at again, which holds nothing.
    """

    OUTPUT = "output"
    TASK = "task"
    QUESTION = "question"
    CALLS = "calls"
    BUDGET = "budget"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a person may let a held step go on.

    Attributes:
        to: where it moves the step; None: it moves none, and the engine is not asked.
        effect: what that means, in words.
        button, title: what is pressed, and what stands above it where there is more to fill in.
        done: what the ticket is then.  told: what the person did, as histories tell it.
        field: what it can't do without.  receipt: of the output, where it settles one.
        also: fields that are asked for under a condition.
        needs_proposal: it is there only if something was proposed, or (False) only if nothing was.
        is_offered: pages offer it; commands and the API take it in any case.
        answers: it answers what the agent of the step waits for, and the journal stays.
        of_budget: what is answered is how to go on with a budget that leaves too little.
    """

    kind: ResolutionKind
    to: StepStatus | None
    effect: str
    button: str
    done: str
    told: str
    title: str = ""
    field: Field | None = None
    also: tuple[Field, ...] = ()
    receipt: ReceiptKind = ReceiptKind.OUTPUT
    needs_proposal: bool | None = None
    is_offered: bool = True
    answers: bool = False
    of_budget: bool = False

    @property
    def takes_proposal(self) -> bool:
        """Tell whether what was proposed becomes the output as it stands."""
        return self.kind is ResolutionKind.APPROVE


_APPROVE = Way(
    ResolutionKind.APPROVE,
    StepStatus.SUCCEEDED,
    effect="the proposed output becomes final",
    button="Approve as proposed",
    done="approved",
    told="approved it",
    needs_proposal=True,
)
_EDIT = Way(
    ResolutionKind.EDIT,
    StepStatus.SUCCEEDED,
    effect="the reviewer's output becomes final",
    title="Edit, then approve",
    button="Edit and approve",
    done="edited and approved",
    told="changed it and let it pass",
    field=OUTPUT,
    receipt=ReceiptKind.EDIT,
    needs_proposal=True,
)
_GIVE = replace(_EDIT, title="Give the output yourself", button="Use this output", needs_proposal=False)
_DO = replace(_EDIT, title="Do the step", button="Done", needs_proposal=None)
_ANSWER = Way(
    ResolutionKind.ANSWER,
    StepStatus.AVAILABLE,
    effect="the agent gets the answer and goes on where it asked",
    title="Answer",
    button="Answer",
    done="answered",
    told="answered it",
    field=OUTPUT,
    answers=True,
)
_ALLOW = replace(
    _APPROVE,
    to=StepStatus.AVAILABLE,
    effect="the agent makes these calls",
    button="Approve as asked",
    answers=True,
)
_ALLOW_CHANGED = replace(
    _EDIT,
    to=StepStatus.AVAILABLE,
    effect="the agent makes the calls that the reviewer approves, with the reviewer's arguments",
    title="Change, then approve",
    button="Approve as changed",
    answers=True,
)
_DENY = Way(
    ResolutionKind.SEND_BACK,
    StepStatus.AVAILABLE,
    effect="none of the calls is made; the agent is told why, and goes on",
    title="Deny, and say why",
    button="Deny",
    done="denied, and the agent is told why",
    told="denied it",
    field=FEEDBACK,
    answers=True,
)
_TOP_UP = replace(
    _ANSWER,
    effect="the limit is raised, and every step that waits for that budget goes on where it was",
    title="Top up",
    button="Top up",
    done="topped up",
    told="topped the budget up",
    of_budget=True,
)
_FINISH = replace(
    _DENY,
    effect="the agent runs again with your words, and what it called is not called again; it sees what is left",
    title="Finish, with what there is",
    button="Finish with what there is",
    done="told to finish with what there is",
    told="told it to finish with what there is",
    of_budget=True,
)
_SEND_BACK = Way(
    ResolutionKind.SEND_BACK,
    StepStatus.AVAILABLE,
    effect="the agent tries again and gets the feedback as `task.feedback`",
    title="Send back with feedback",
    button="Send back",
    done="sent back with your feedback",
    told="sent it back",
    field=FEEDBACK,
)
# There is no agent to be told better; whoever does so all the same asks people again, with the feedback in the history.
_ASK_AGAIN = replace(_SEND_BACK, is_offered=False)
_HAND_ON = Way(
    ResolutionKind.HAND_ON,
    StepStatus.AVAILABLE,
    effect="another agent does the step; its answer is checked like any other",
    title="Hand to another agent",
    button="Hand on",
    done="handed to another agent",
    told="handed it to another agent",
    field=AGENT,
)
_SKIP = Way(
    ResolutionKind.SKIP,
    StepStatus.SKIPPED,
    effect="the step is skipped, and with it whoever needs its output without `optional`",
    button="Skip this step",
    done="skipped",
    told="skipped it",
    receipt=ReceiptKind.SKIP,
)
_CLOSE = Way(
    ResolutionKind.CLOSE,
    StepStatus.CANCELLED,
    effect="the run ends as a success without an answer; what is open in it is cancelled, nothing is undone",
    button="Close without an answer",
    done="closed without an answer",
    told="closed the run without an answer",
    also=(SCOPE,),
)
_ABORT = Way(
    ResolutionKind.ABORT,
    StepStatus.FAILED,
    effect="the run fails",
    button="Abort the run",
    done="aborted; its run fails",
    told="aborted the run",
)
# What is looked at again was accepted: whatever a person thinks of it, its run goes on or has ended.
_WOULD_APPROVE = replace(
    _APPROVE,
    to=None,
    effect="nothing changes in the run; the agent counts as right",
    button="Would approve",
    done="judged right",
    told="would have approved it",
)
_WOULD_EDIT = replace(
    _EDIT,
    to=None,
    effect="nothing changes in the run; it is kept what should have been put out",
    title="How it should have been",
    button="Would edit",
    done="judged as to be edited",
    told="would have edited it",
)
_WOULD_REFUSE = Way(
    ResolutionKind.REFUSE,
    None,
    effect="nothing changes in the run; the agent counts as wrong, and the leads are told",
    button="Would refuse",
    done="judged wrong; the leads are told",
    told="would have refused it",
    needs_proposal=True,
)

_DEFAULT = Way(
    ResolutionKind.DEFAULT,
    StepStatus.SUCCEEDED,
    effect="the safe default that the workflow names becomes final",
    button="Use the safe default",
    done="resolved by the safe default",
    told="used the safe default",
    receipt=ReceiptKind.DEFAULT,
)
BY_RULE: Final[Mapping[ResolutionKind, Way]] = {way.kind: way for way in (_DEFAULT, _ABORT)}
"""What a rule may choose when people do not decide in time. Never an approval."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that people are asked about.

    Attributes:
        question: with `{step}`.  question_unproposed: instead, when nothing was proposed.
        holds: the step waits for the answer.
    """

    question: str
    ways: tuple[Way, ...]
    question_unproposed: str = ""
    holds: bool = True


SUBJECTS: Final[Mapping[HoldSubject, Subject]] = {
    HoldSubject.OUTPUT: Subject(
        "May this be the result of the step “{step}”?",
        (_APPROVE, _EDIT, _GIVE, _SEND_BACK, _HAND_ON, _SKIP, _CLOSE, _ABORT),
        question_unproposed="The step “{step}” has no result. What shall happen?",
    ),
    HoldSubject.TASK: Subject("The step “{step}” is yours to do.", (_DO, _ASK_AGAIN, _SKIP, _CLOSE, _ABORT)),
    HoldSubject.QUESTION: Subject(
        "The agent of the step “{step}” asks you something.", (_ANSWER, _SKIP, _CLOSE, _ABORT)
    ),
    HoldSubject.CALLS: Subject(
        "The agent of the step “{step}” wants to do this. May it?",
        (_ALLOW, _ALLOW_CHANGED, _DENY, _SKIP, _CLOSE, _ABORT),
    ),
    HoldSubject.BUDGET: Subject(
        "Too little is left of a budget for the step “{step}”. What shall happen?",
        (_TOP_UP, _FINISH, _SKIP, _CLOSE, _ABORT),
    ),
    HoldSubject.AUDIT: Subject(
        "Would you have let this result of the step “{step}” pass?",
        (_WOULD_APPROVE, _WOULD_EDIT, _WOULD_REFUSE),
        holds=False,
    ),
}

_ALL: Final = (*(way for asked in SUBJECTS.values() for way in asked.ways), _DEFAULT)
WAY_OF: Final[Mapping[ResolutionKind, Way]] = {
    kind: next(way for way in _ALL if way.kind is kind) for kind in ResolutionKind
}
"""The first way of each kind. What a kind needs is the same for all subjects; so is what it does, where something
is held; only its button may not be."""
CHOSEN_BY_PEOPLE: Final = tuple(kind for kind in ResolutionKind if kind is not ResolutionKind.DEFAULT)


def find_ways(subject: HoldSubject, *, has_proposal: bool) -> dict[ResolutionKind, Way]:
    """Return the ways that a hold can be resolved in, by their kinds, in the order of the page."""
    ways = SUBJECTS[subject].ways
    return {way.kind: way for way in ways if way.needs_proposal in {None, has_proposal}}


def ask_about(subject: HoldSubject, step: str, *, has_proposal: bool) -> str:
    """Return the question that a hold puts to people."""
    asked = SUBJECTS[subject]
    return ((not has_proposal and asked.question_unproposed) or asked.question).format(step=step)


def kinds_with(field: Field) -> list[ResolutionKind]:
    """Return the kinds of resolution that take a field."""
    return [kind for kind in ResolutionKind if WAY_OF[kind].field is field]


def list_kinds(ways: Mapping[ResolutionKind, Way]) -> str:
    """Return kinds of resolution in words: `edit, send back, skip or abort`."""
    *others, last = (kind.replace("_", " ") for kind in ways)
    return f"{', '.join(others)} or {last}" if others else last
