"""What the analyst makes of the findings: what can't be believed and must be fetched again, and what is left. Pure.

A figure is bad when its document was corrected, when a newer one or a measured one instead of a planned one was
seen, or when it is impossible beside another. The step that brought it is sent back once, with the documents to
leave out. What stays doubtful after that lowers the confidence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from examples.research.errors import HandoffUnreadable
from examples.research.library import Library

# Two figures that differ by less say the same.
_SAME: Final = 0.02
# What a plant would yield if it ran at full power through all hours of a year, in GWh per MW.
_FULL_YEAR: Final = 8.76
_BEST: Final = 0.95
_OLD_YEARS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one researcher brought. `step`: who it was; `feedback`: why it was sent back, if it was."""

    step: str
    subject: str
    figures: tuple[dict[str, Any], ...]
    others: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    notes: tuple[dict[str, Any], ...]
    feedback: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a figure of one researcher. `weight`: the worst goes back first."""

    step: str
    weight: int
    reason: str
    document: str


def read_findings(plan: Any) -> list[Finding]:
    """Return what all researchers brought, those sent by leads included, in the order in which they were sent.

    Raises: HandoffUnreadable: the hand-off is something else, or had to be summarised.
    """
    if isinstance(plan, Mapping) and "summary" in plan:
        raise HandoffUnreadable(
            "the researchers brought more than fits into a hand-off: ask for fewer things or raise "
            "HANDOFF_TOKENS"
        )
    if isinstance(plan, Mapping) and "spawned" not in plan:
        raise HandoffUnreadable(
            "nobody was sent: a plan that waits for a person is sent back with what to look for, not approved; "
            "abort this run and ask again in other words"
        )
    if not isinstance(plan, Mapping) or not isinstance(plan["spawned"], Mapping):
        raise HandoffUnreadable(f"plan is {plan!r:.80}: give what the coordinator's step put out")
    return list(_walk(plan["spawned"]))


def find_faults(library: Library, findings: Sequence[Finding]) -> list[Fault]:
    """Return what is wrong with the figures, the worst first."""
    faults = [
        fault
        for finding in findings
        for fault in (
            *_find_corrected(library, finding),
            *_find_outdated(library, finding, findings),
            *_find_impossible(library, finding),
        )
    ]
    return sorted(faults, key=lambda fault: -fault.weight)


def choose_rework(findings: Sequence[Finding], faults: Sequence[Fault]) -> tuple[str, list[str]] | None:
    """Return whom to send back, and why: the worst who was not sent back before; None when nobody is."""
    fresh = {finding.step for finding in findings if not finding.feedback}
    step = next((fault.step for fault in faults if fault.step in fresh), None)
    if step is None:
        return None
    own = [fault for fault in faults if fault.step == step]
    left_out = ", ".join(dict.fromkeys(fault.document for fault in own))
    return step, [*dict.fromkeys(fault.reason for fault in own), f"Leave out: {left_out}."]


def analyse(
    library: Library, assignment: Mapping[str, Any], findings: Sequence[Finding], faults: Sequence[Fault]
) -> tuple[dict[str, Any], float]:
    """Return the analysis as the step's output, and how sure it is."""
    rows = [
        _build_row(library, finding, figure)
        for finding in findings
        for figure in sorted(finding.figures, key=lambda one: str(one["measure"]))
    ]
    notes = [{"subject": finding.subject} | note for finding in findings for note in finding.notes]
    doubts = list(_find_doubts(library, findings, faults, rows))
    analysis = {
        "question": assignment["question"],
        "why": assignment["why"],
        "rows": rows,
        "notes": notes,
        "answers": _rank(library, assignment, rows),
        "fetched_again": [
            {"step": finding.step, "because": finding.feedback} for finding in findings if finding.feedback
        ],
        "doubts": doubts,
    }
    return analysis, round(_weigh(findings, faults, doubts), 3)


def _walk(spawned: Mapping[str, Any]) -> Iterator[Finding]:
    for key, output in spawned.items():
        if isinstance(output, Mapping) and isinstance(output.get("spawned"), Mapping):
            yield from _walk(output["spawned"])
        else:
            yield _read(key, output)


def _read(key: str, output: Any) -> Finding:
    try:
        return Finding(
            step=str(output["step"]),
            subject=str(output["subject"]),
            figures=tuple(output["figures"]),
            others=tuple(output["others"]),
            missing=tuple(output["missing"]),
            notes=tuple(output["notes"]),
            feedback=str(output["feedback"]),
        )
    except (KeyError, TypeError) as error:
        raise HandoffUnreadable(
            f"spawned.{key}: {error} is missing or wrong in what the researcher gave"
        ) from error


def _find_corrected(library: Library, finding: Finding) -> Iterator[Fault]:
    for figure in finding.figures:
        better = library.correction_of(figure["document"])
        if better is not None:
            reason = f"{_say(library, finding, figure)} comes from {figure['document']}, which {better.key} corrects."
            yield Fault(finding.step, 3, reason, figure["document"])


def _find_outdated(library: Library, finding: Finding, findings: Sequence[Finding]) -> Iterator[Fault]:
    for figure in finding.figures:
        rivals = [
            other
            for one in findings
            if one.subject == finding.subject
            for other in (*one.figures, *one.others)
            if other["measure"] == figure["measure"] and not other["is_planned"] and _differs(other, figure)
        ]
        newer = [other for other in rivals if other["year"] > figure["year"] or figure["is_planned"]]
        if newer:
            best = max(newer, key=lambda other: int(other["year"]))
            kind = "is only planned" if figure["is_planned"] else f"is of {figure['year']}"
            reason = (
                f"{_say(library, finding, figure)} in {figure['document']} {kind}, but {best['document']} of "
                f"{best['year']} says {_amount(library, best)}."
            )
            yield Fault(finding.step, 2, reason, figure["document"])


def _find_impossible(library: Library, finding: Finding) -> Iterator[Fault]:
    """Yield a yield beyond what the capacity can give; the older document of the two is not believed."""
    by_measure = {figure["measure"]: figure for figure in (*finding.others, *finding.figures)}
    energy, capacity = by_measure.get("energy"), by_measure.get("capacity")
    if energy and capacity and energy["value"] > capacity["value"] * _FULL_YEAR:
        older = min(energy, capacity, key=lambda figure: int(figure["year"]))
        reason = (
            f"{_say(library, finding, energy)} is more than {_amount(library, capacity)} can give in a year."
        )
        yield Fault(finding.step, 4, reason, older["document"])


def _differs(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(abs(one["value"] - other["value"]) > _SAME * max(abs(one["value"]), abs(other["value"])))


def _find_doubts(
    library: Library, findings: Sequence[Finding], faults: Sequence[Fault], rows: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    yield from (fault.reason for fault in faults)
    for finding in findings:
        for measure in finding.missing:
            name = library.measure(measure).name
            yield f"The documents do not state the {name} of {_name(library, finding.subject)}."
    for row in rows:
        if row["is_planned"]:
            yield f"The {row['name']} of {row['subject_name']} is only planned."
        newest = max(other["year"] for other in rows if other["measure"] == row["measure"])
        if newest - row["year"] >= _OLD_YEARS:
            yield f"The {row['name']} of {row['subject_name']} is of {row['year']}, others are of {newest}."


def _weigh(findings: Sequence[Finding], faults: Sequence[Fault], doubts: Sequence[str]) -> float:
    """Return how sure the analysis is: how much of what was asked was found, lowered by every doubt."""
    found = sum(len(finding.figures) for finding in findings)
    asked = found + sum(len(finding.missing) for finding in findings)
    missing = asked - found
    share = found / asked if asked else _match(findings)
    # What is missing is counted in the share already; a fault that a second search did not mend weighs most.
    lighter = len(doubts) - len(faults) - missing
    return float(_BEST * share * 0.6 ** len(faults) * 0.97**lighter)


def _match(findings: Sequence[Finding]) -> float:
    """Return how well the best sentence matches the question; half a match is as good as these get."""
    best = max((note["match"] for finding in findings for note in finding.notes), default=0.0)
    return min(1.0, float(best) * 3)


def _rank(
    library: Library, assignment: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return who has the most, or the least, of each measure that two or more have."""
    ranked = []
    for key in assignment["measures"]:
        own = [row for row in rows if row["measure"] == key]
        if len(own) > 1:
            order = sorted(own, key=lambda row: float(row["value"]), reverse=assignment["wanted"] != "least")
            ranked.append(
                {
                    "measure": library.measure(key).name,
                    "wanted": assignment["wanted"] or "most",
                    "order": [row["subject_name"] for row in order],
                }
            )
    return ranked


def _build_row(library: Library, finding: Finding, figure: Mapping[str, Any]) -> dict[str, Any]:
    measure = library.measure(figure["measure"])
    return {
        "subject_name": _name(library, finding.subject),
        "name": measure.name,
        "unit": measure.unit,
        **{key: figure[key] for key in ("measure", "value", "year", "is_planned", "document", "quote")},
    }


def _say(library: Library, finding: Finding, figure: Mapping[str, Any]) -> str:
    name = library.measure(figure["measure"]).name
    return f"The {name} of {_name(library, finding.subject)}, {_amount(library, figure)},"


def _amount(library: Library, figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:g} {library.measure(figure['measure']).unit}"


def _name(library: Library, subject: str) -> str:
    return f"the {library.subject(subject).name}" if subject else "what was asked for"
