"""The board's charts, as unfold's Chart.js wants them: a canvas with its data in an attribute, and no script of ours.

Two colours that people of any colour vision tell apart, and a dash beside the second: nothing hangs on colour alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from escalation.admin.board.tables import (
    AGE_COLUMNS,
    TIMES,
    Table,
    make_table,
    show_length,
    show_share,
)
from escalation.domain.measures import Measure
from escalation.figures import AGES, PARTS, Board

BLUE: Final = "#2b8ac9"
VERMILION: Final = "#d55e00"
_QUIET: Final = "#808795"
_GRID: Final = "#d1d5db"  # unfold's script puts the theme's colour in its place


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and the same as a table.

    Attributes: says: what the picture shows, for who does not see it.  value, options: JSON.
        times: JSON, the moments that `times.js` labels in the viewer's zone; "": its labels stay.
    """

    kind: str
    title: str
    says: str
    value: str
    options: str
    table: Table
    times: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, by the columns of the board's table of hours or days."""

    name: str
    label: str
    per: float = 1.0


def draw_charts(board: Board) -> list[Chart]:
    """Return the board's charts."""
    rows = list(PARTS["time"](board))
    every = "day (UTC)" if board.reading.period.by_day else "hour"
    total = board.reading.total
    counted = f"{total.count(Measure.OPENED):,} opened, {total.resolved:,} decided"
    halves = [
        show_length(total.tell(measure, 0.5)) for measure in (Measure.TOUCH_TIME, Measure.DECISION_TIME)
    ]
    return [
        _draw_lines(
            f"Tickets per {every}",
            counted,
            rows,
            (Line("opened", "Opened"), Line("resolved", "Decided")),
            by_day=board.reading.period.by_day,
        ),
        _draw_lines(
            "In time, in percent",
            f"{show_share(total.sla_share)} decided in time, {show_share(total.touch_share)} looked at in time",
            rows,
            (Line("sla_share", "Decided", 0.01), Line("first_touch_share", "First look", 0.01)),
            by_day=board.reading.period.by_day,
            highest=100,
        ),
        _draw_lines(
            "Minutes to the first look",
            f"half within {halves[0]}",
            rows,
            (Line("first_touch_p50_seconds", "Half", 60), Line("first_touch_p90_seconds", "9 of 10", 60)),
            by_day=board.reading.period.by_day,
        ),
        _draw_lines(
            "Minutes to the decision",
            f"half within {halves[1]}",
            rows,
            (Line("resolution_p50_seconds", "Half", 60), Line("resolution_p90_seconds", "9 of 10", 60)),
            by_day=board.reading.period.by_day,
        ),
        _draw_ages(board),
    ]


def _draw_lines(
    title: str,
    says: str,
    rows: list[dict[str, Any]],
    lines: Sequence[Line],
    *,
    by_day: bool,
    highest: float | None = None,
) -> Chart:
    # Days are UTC's, and say so; hours are of wherever the viewer is.
    moments = [row["at"].astimezone(UTC) for row in rows]
    labels = [f"{at:%-d %b}" if by_day else f"{at:%H:%M}" for at in moments]
    looks: tuple[dict[str, Any], ...] = (
        {"borderColor": BLUE, "backgroundColor": BLUE, "order": 1},
        {"borderColor": VERMILION, "backgroundColor": VERMILION, "borderDash": [5, 4], "order": 0},
    )
    sets = [
        {
            "label": line.label,
            "data": [_scale(row[line.name], line.per) for row in rows],
            "spanGaps": True,
            "clip": 8,
            **look,
        }
        for line, look in zip(lines, looks, strict=True)
    ]
    names = ("at", *(line.name for line in lines))
    columns = [column for column in TIMES if column.name in names]
    return Chart(
        "line",
        title,
        says,
        json.dumps({"labels": labels, "datasets": sets}),
        write_options(highest=highest),
        make_table(title, columns, rows),
        "" if by_day else json.dumps([at.isoformat() for at in moments]),
    )


def _draw_ages(board: Board) -> Chart:
    ages = [sum(queue.ages[place] for queue in board.desk.queues.values()) for place in range(len(AGES))]
    value = {
        "labels": [name for name, _ in AGES],
        "datasets": [{"label": "Open tickets", "data": ages, "backgroundColor": BLUE, "maxBarThickness": 40}],
    }
    return Chart(
        "bar",
        "Open tickets by age",
        f"{sum(ages):,} open",
        json.dumps(value),
        write_options(legend=False),
        make_table("Open tickets by age", AGE_COLUMNS, PARTS["backlog"](board)),
    )


def _scale(value: float | None, per: float) -> float | None:
    return None if value is None else round(value / per, 2)


def write_options(*, highest: float | None = None, legend: bool = True) -> str:
    """Return how a chart looks, as JSON."""
    ticks = {"color": _QUIET, "maxRotation": 0, "autoSkipPadding": 12}
    grid = {"color": _GRID, "tickWidth": 0}
    return json.dumps(
        {
            "animation": False,
            "responsive": True,
            "maintainAspectRatio": False,
            "elements": {"point": {"radius": 2, "hitRadius": 8}, "line": {"borderWidth": 2}},
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {
                "legend": {"display": legend, "align": "end", "labels": {"color": _QUIET, "boxHeight": 1}}
            },
            "scales": {
                "x": {"ticks": ticks, "grid": {**grid, "display": False}},
                "y": {
                    "beginAtZero": True,
                    "ticks": {**ticks, "precision": 0, "maxTicksLimit": 6},
                    "grid": grid,
                    **({"max": highest} if highest is not None else {}),
                },
            },
        }
    )
