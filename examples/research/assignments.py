"""Who is sent to answer a question: one researcher, one per subject, or leads that send researchers in turn. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from examples.research.errors import HandoffUnreadable
from examples.research.library import Library
from examples.research.reading import Reading, Wanted, known_measures
from orchestration import StepSpec

# More than a reader wants beside each other, when the question names none.
_MOST_MEASURES: Final = 4
_ANYBODY: Final = "reader"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be found out, and by whom.

    Attributes:
        subjects: one researcher each.  groups: one lead each, who sends a researcher per member.
        measures: what to find of each subject; none: sentences that answer the question.
        why: the reason for this division of work, in words.
    """

    question: str
    subjects: tuple[str, ...]
    groups: tuple[str, ...]
    measures: tuple[str, ...]
    wanted: Wanted
    asks_why: bool
    why: str

    def describe(self) -> dict[str, Any]:
        """Return the JSON form, which spawned steps read as `item`."""
        return asdict(self)


def assign(library: Library, question: str, reading: Reading) -> Assignment:
    """Divide the work that a question needs."""
    groups = reading.groups or _find_groups(library, reading)
    # A figure of nothing in particular would be anybody's.
    is_named = bool(reading.subjects or groups)
    measures = (reading.measures or _choose_measures(library, reading.subjects, groups)) if is_named else ()
    return Assignment(
        question=question,
        subjects=reading.subjects,
        groups=groups,
        measures=measures,
        wanted=reading.wanted,
        asks_why=reading.asks_why or not measures,
        why=_explain(len(reading.subjects), len(groups)),
    )


def plan_researchers(assignment: Assignment) -> list[StepSpec]:
    """Return the steps that an assignment needs: a researcher per subject, a lead per group."""
    alone = not assignment.subjects and not assignment.groups
    return [
        *(_researcher(key, f"item.subjects[{n}]") for n, key in enumerate(assignment.subjects)),
        *(_lead(key, f"item.groups[{n}]") for n, key in enumerate(assignment.groups)),
        *([_researcher(_ANYBODY, "''")] if alone else []),
    ]


def plan_members(members: Sequence[str]) -> list[StepSpec]:
    """Return a researcher per member of a group; each reads its subject from the lead's own output."""
    return [_researcher(key, f"item.members[{n}]") for n, key in enumerate(members)]


def read_list(value: Any, name: str) -> list[str]:
    """Return a list of texts out of a hand-off.

    Raises: HandoffUnreadable: it is something else; names it.
    """
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise HandoffUnreadable(f"{name} is {value!r:.80}: give a list of texts")
    return value


def _researcher(key: str, subject: str) -> StepSpec:
    given = {
        "subject": subject,
        "measures": "item.measures",
        "question": "item.question",
        "asks_why": "item.asks_why",
    }
    return StepSpec(key, agent="research.researcher", input=given)


def _lead(key: str, group: str) -> StepSpec:
    given = {
        "group": group,
        "measures": "item.measures",
        "question": "item.question",
        "asks_why": "item.asks_why",
    }
    return StepSpec(f"all-{key}", agent="research.lead", input=given)


def _find_groups(library: Library, reading: Reading) -> tuple[str, ...]:
    """Return the groups among which an end of a ranking can be looked for, when the question names no subject."""
    if reading.subjects or not reading.measures or not reading.wanted:
        return ()
    return tuple(
        group.key
        for group in library.index.groups
        if max(_shares(library, group.key, reading.measures), default=0.0) > 1 / 2
    )


def _shares(library: Library, group: str, measures: Sequence[str]) -> list[float]:
    members = [subject.key for subject in library.members(group)]
    if len(members) < 2:
        return []
    known = known_measures(library, members)
    return [known.get(measure, 0) / len(members) for measure in measures]


def _choose_measures(library: Library, subjects: Sequence[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Return what two or more subjects can be compared by: what the documents state of two thirds of them."""
    everybody = [*subjects, *(member.key for group in groups for member in library.members(group))]
    if len(everybody) < 2:
        return ()
    known = known_measures(library, everybody)
    enough = [key for key, count in known.items() if count * 3 >= len(everybody) * 2]
    return tuple(sorted(enough, key=lambda key: -known[key])[:_MOST_MEASURES])


def _explain(subjects: int, groups: int) -> str:
    match subjects, groups:
        case 0, 0:
            return "The question names nothing that stands in the index: one researcher reads everything."
        case 1, 0:
            return "The question is about one thing: one researcher."
        case _, 0:
            return f"The question compares {subjects} things: a researcher each."
        case _:
            alone = f" and a researcher for each of {subjects} other things" if subjects else ""
            return f"The question asks for whole groups ({groups}): a lead for each, who sends researchers{alone}."
