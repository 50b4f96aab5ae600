"""The report: what was asked, the answer, every figure with its source, and what is doubtful. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from examples.research.library import Library


def write_report(library: Library, analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as the writer's output.

    `text` is Markdown; a number in brackets names one of `sources`; `claims` are the figures it states, for checking.
    """
    rows, notes = analysis["rows"], analysis["notes"]
    documents = list(dict.fromkeys(line["document"] for line in (*rows, *notes)))
    numbers = {key: place for place, key in enumerate(documents, start=1)}
    parts = [
        f"# {analysis['question']}",
        *_write_answers(analysis["answers"]),
        *_write_rows(rows, numbers),
        *_write_notes(notes, numbers),
        *_write_list("What is doubtful", analysis["doubts"]),
        *_write_list("What was fetched again", [_say_again(one) for one in analysis["fetched_again"]]),
        *_write_list("Sources", [f"[{numbers[key]}] {_cite(library, key)}" for key in documents]),
    ]
    return {
        "question": analysis["question"],
        "text": "\n\n".join(parts) + "\n",
        "claims": [
            {key: row[key] for key in ("subject_name", "measure", "value", "document", "quote")}
            for row in rows
        ]
        + [{"document": note["document"], "quote": note["quote"]} for note in notes],
        "sources": documents,
    }


def _write_answers(answers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for answer in answers:
        first, *rest = answer["order"]
        others = f", then {', '.join(rest)}" if rest else ""
        yield f"The {answer['wanted']} by {answer['measure']}: **{first}**{others}."


def _write_rows(rows: Sequence[Mapping[str, Any]], numbers: Mapping[str, int]) -> Iterator[str]:
    if rows:
        lines = [
            f"| {row['subject_name']} | {row['name']} | {row['value']:g} {row['unit']}"
            f"{' (planned)' if row['is_planned'] else ''} | {row['year']} | [{numbers[row['document']]}] |"
            for row in rows
        ]
        yield "\n".join(["| what | measure | figure | as of | source |", "|---|---|---|---|---|", *lines])


def _write_notes(notes: Sequence[Mapping[str, Any]], numbers: Mapping[str, int]) -> Iterator[str]:
    unique = {note["quote"]: note for note in notes}
    yield from _write_list(
        "What the documents say",
        [f'"{quote}" ({note["year"]}) [{numbers[note["document"]]}]' for quote, note in unique.items()],
    )


def _write_list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)


def _say_again(one: Mapping[str, Any]) -> str:
    return f"{one['step']}: {' '.join(str(one['because']).split())}"


def _cite(library: Library, key: str) -> str:
    document = library.documents[key]
    return f"{document.title} ({document.kind}, {document.published.isoformat()}; {key})"
