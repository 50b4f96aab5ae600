"""The board as tables: what a screen reader reads of a chart, and what no chart could show."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from escalation.domain.sla import describe_duration
from escalation.figures import AGES
from orchestration.admin.times import moment

NOTHING: Final = "-"
_NUMBER: Final = mark_safe(' class="rm-number"')


@dataclass(frozen=True, slots=True)
class Column:
    """One column: which value it shows, under which name, and how."""

    name: str
    label: str
    show: Callable[[Any], str]
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table, ready to show; the first cell of a row names it.

    Attributes:
        rows: of each cell its words, and whether it is a number.
        empty: what is said in its place without rows.
    """

    title: str
    columns: Sequence[Column]
    rows: list[list[tuple[str, bool]]]
    note: str = ""
    empty: str = ""

    @property
    def body(self) -> SafeString:
        """Return the rows as HTML: of hundreds of them a template takes most of the page's time, cell by cell."""
        return format_html_join("\n", "<tr>{}</tr>", ((_write_row(row),) for row in self.rows))


def _write_row(row: list[tuple[str, bool]]) -> SafeString:
    [(name, _), *others] = row
    cells = format_html_join(
        "", "<td{}>{}</td>", ((_NUMBER if is_number else "", words) for words, is_number in others)
    )
    return format_html('<th scope="row">{}</th>{}', name, cells)


def show_count(value: int | None) -> str:
    """Return a number of things."""
    return NOTHING if value is None else f"{value:,}"


def show_rate(value: float | None) -> str:
    """Return a number of things in an hour."""
    return NOTHING if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def show_share(value: float | None) -> str:
    """Return a share in percent; what is not all is never rounded to 100."""
    if value is None:
        return NOTHING
    return f"{min(99.9, value * 100):.1f} %" if value < 1 else "100 %"


def show_length(seconds: float | None) -> str:
    """Return a length of time in words."""
    if seconds is None:
        return NOTHING
    return describe_duration(timedelta(seconds=seconds)) if seconds >= 1 else "under 1 s"


def show_most(seconds: float | None) -> str:
    """Return in words within what nine of ten were."""
    if seconds is None:
        return ""
    return f"9 of 10 {'within' if seconds >= 1 else 'in'} {show_length(seconds)}"


def show_moment(at: datetime | None) -> str:
    """Return a time of day with its day, in the viewer's zone where a script can tell which."""
    return NOTHING if at is None else moment(at, "short")


def show_text(value: str) -> str:
    """Return a text as it is."""
    return value


def make_table(
    title: str, columns: Sequence[Column], rows: Iterable[dict[str, Any]], note: str = "", empty: str = ""
) -> Table:
    """Return a table of rows of the board."""
    shown = [[(column.show(row[column.name]), column.is_number) for column in columns] for row in rows]
    return Table(title, columns, shown, note, empty)


TIMES: Final = (
    Column("at", "From", show_moment, is_number=False),
    Column("opened", "Opened", show_count),
    Column("resolved", "Decided", show_count),
    Column("sla_share", "Decided in time", show_share),
    Column("breaches", "Missed", show_count),
    Column("first_touch_share", "First look in time", show_share),
    Column("first_touch_p50_seconds", "First look, half within", show_length),
    Column("first_touch_p90_seconds", "First look, 9 of 10 within", show_length),
    Column("resolution_p50_seconds", "Decision, half within", show_length),
    Column("resolution_p90_seconds", "Decision, 9 of 10 within", show_length),
)
QUEUES: Final = (
    Column("title", "Review queue", show_text, is_number=False),
    *TIMES[1:5],
    Column("resolution_p50_seconds", "Half within", show_length),
    Column("resolution_p90_seconds", "9 of 10 within", show_length),
)
BACKLOG: Final = (
    Column("title", "Review queue", show_text, is_number=False),
    Column("open", "Open", show_count),
    Column("claimed", "Claimed", show_count),
    Column("overdue", "Overdue", show_count),
    Column("audits", "Audits besides", show_count),
    Column("arrivals_per_hour", "Come an hour", show_rate),
    Column("capacity_per_hour", "Can be decided an hour", show_rate),
    Column("predicted_wait_seconds", "A new one waits", show_length),
    Column("predicted_breaches", "Will be late", show_count),
    Column("predicted_breach_at", "First late at", show_moment),
    Column("falls_behind_at", "Falls behind at", show_moment),
)
AGE_COLUMNS: Final = (
    Column("title", "Review queue", show_text, is_number=False),
    *(Column(f"open_{name.replace(' ', '_')}", name.capitalize(), show_count) for name, _ in AGES),
)
REVIEWERS: Final = (
    Column("reviewer", "Reviewer", show_text, is_number=False),
    Column("open_claims", "Holds", show_count),
    Column("capacity", "May hold", lambda value: "any" if value is None else str(value)),
    Column("resolved_last_hour", "Decided in the last hour", show_count),
)
AGENTS: Final = (
    Column("agent", "Agent", show_text, is_number=False),
    Column("escalated", "Escalated", show_count),
    Column("escalation_share", "Of its attempts", show_share),
    Column("judged", "Proposals judged", show_count),
    Column("overturn_share", "Not approved as they were", show_share),
    Column("edit_share", "Edited", show_share),
)
RULES: Final = (
    Column("agent", "Agent", show_text, is_number=False),
    Column("rule", "Rule", lambda rule: str(rule).replace("_", " "), is_number=False),
    Column("escalated", "Escalated", show_count),
    Column("escalation_share", "Of the agent's attempts", show_share),
)
