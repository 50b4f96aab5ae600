"""How good an agent's confidence is, as a chart and as a table; and a threshold in words."""

import json
from dataclasses import dataclass
from typing import Final

from escalation.admin.board.charts import BLUE, VERMILION, Chart, write_options
from escalation.admin.board.tables import Column, make_table, show_count, show_share, show_text
from escalation.domain.calibration import Bin, Interval, Threshold
from escalation.learning import Calibration

_TITLE: Final = "Right, in percent, by stated confidence"


def _show_interval(value: Interval | None) -> str:
    return "-" if value is None else f"{show_share(value.low)} to {show_share(value.high)}"


_COLUMNS: Final = (
    Column("confidence", "Confidence", show_text, is_number=False),
    Column("count", "Judged", show_count),
    Column("right", "Right", show_share),
    Column("interval", "95 % certain", _show_interval),
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A threshold in words. Attributes: wrong: of what it accepts unseen.  load: what comes to people."""

    confidence: str
    wrong: str
    load: str


def draw_curve(found: Calibration) -> Chart:
    """Return the reliability curve: a dot for each tenth of confidence, beside the line of what was stated."""
    bins = found.bins
    value = {
        "labels": [_name(one) for one in bins],
        "datasets": [
            {
                "label": "Right",
                "data": [
                    None if one.right_share is None else round(one.right_share * 100, 1) for one in bins
                ],
                "borderColor": BLUE,
                "backgroundColor": BLUE,
                "pointRadius": 4,
                "spanGaps": True,
                "clip": 8,
                "order": 0,
            },
            {
                "label": "As stated",
                "data": [round((one.low + one.high) * 50, 1) for one in bins],
                "borderColor": VERMILION,
                "backgroundColor": VERMILION,
                "borderDash": [5, 4],
                "pointRadius": 0,
                "order": 1,
            },
        ],
    }
    rows = [
        {"confidence": _name(one), "count": one.count, "right": one.right_share, "interval": one.interval}
        for one in bins
        if one.count
    ]
    says = f"{found.judged:,} judged of {found.stated:,} answers"
    table = make_table(_TITLE, _COLUMNS, rows)
    return Chart("line", _TITLE, says, json.dumps(value), write_options(highest=100), table)


def explain(confidence: float, means: Threshold | None) -> Meaning:
    """Return what a threshold means, in words."""
    if means is None:
        return Meaning(show_confidence(confidence), "not known: nobody judged what it accepts", "-")
    return Meaning(
        show_confidence(confidence),
        f"{show_share(means.error_share)} ({_show_interval(means.error)}, by {means.judged:,} judged)",
        show_share(means.load_share),
    )


def show_confidence(confidence: float) -> str:
    """Return a confidence as people read it, exactly."""
    return f"{confidence * 100:.6g} %"


def _name(one: Bin) -> str:
    return f"{one.low * 100:.0f} to {one.high * 100:.0f} %"
