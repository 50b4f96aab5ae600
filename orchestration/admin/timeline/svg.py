"""Draws a timeline. Only numbers and escaped texts go in; classes name what console.css colours."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from orchestration.admin.timeline.lanes import Lane
from orchestration.admin.timeline.scale import GAP_WIDTH, Scale
from orchestration.admin.timeline.spans import Span, SpanKind
from orchestration.admin.times import place_moment
from orchestration.admin.words import describe_duration
from orchestration.selectors.time_spent import Mark

_LABELS = 236.0
_WIDTH = 1120.0
_LANE = 22.0
_BAR = 12.0
_HEAD = 34.0
_TICKS_APART = 110.0
_TICK_TEXT = 48.0
_MARK_CHARACTER = 6.5
_LEAST_WIDTH = 2.0
_INDENT = 12.0
_BIN = 2.0
TONES = {
    "wait": "waiting for a worker",
    "running": "running",
    "done": "done",
    "bad": "failed",
    "withdrawn": "withdrawn",
    "retry": "until the next try",
    "children": "until what it waits for is there",
    "held": "held for a person",
}
"""What the colours mean."""
_BAD = frozenset({"failed", "crashed"})
_RAN = frozenset({"done", "running", "bad"})


def draw_timeline(
    lanes: Sequence[Lane], start: datetime, end: datetime, marks: Sequence[tuple[Mark, str]], title: str
) -> SafeString:
    """Return the timeline as an inline SVG.

    Args: start, end: of the run, or now.  marks: what happened to the run as a whole, with words.
    """
    busy = [(span.start, span.end) for lane in lanes for span in lane.spans if span.kind is SpanKind.RUN]
    scale = Scale(start, end, busy, _WIDTH - _LABELS - 8)
    height = _HEAD + _LANE * len(lanes) + 6
    parts = [
        *_draw_grid(scale, height),
        *_draw_gaps(scale, height),
        *_draw_marks(scale, marks, height),
        *(_draw_lane(lane, scale, _HEAD + _LANE * n) for n, lane in enumerate(lanes)),
    ]
    return format_html(
        '<svg class="rm-timeline" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>',
        f"{_WIDTH:g}",
        f"{height:g}",
        title,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _draw_grid(scale: Scale, height: float) -> Iterator[SafeString]:
    # Where there is no room for its words there is no tick.
    ends = (scale.width, *(gap.x for gap in scale.gaps))
    ticks = [
        (x, passed)
        for x, passed in scale.list_ticks(_TICKS_APART)
        if not any(0 <= end - x < _TICK_TEXT for end in ends)
    ]
    for (x, passed), words in zip(ticks, _name_ticks([passed for _, passed in ticks]), strict=True):
        yield format_html(
            '<path class="rm-tick" d="M{} {}V{}"/><text class="rm-tick-text" x="{}" y="{}"{}>{}</text>',
            f"{_LABELS + x:.1f}",
            f"{_HEAD - 4:g}",
            f"{height:g}",
            f"{_LABELS + x + 3:.1f}",
            f"{_HEAD - 8:g}",
            *(("", words) if passed else place_moment("{}", scale.start, "time")),
        )


def _name_ticks(passed: list[timedelta]) -> list[str]:
    """Return the ticks' words, to the millisecond where they would else be the same."""
    names = [describe_duration(span) for span in passed]
    if len(set(names)) == len(names):
        return names
    return [f"{span.total_seconds():.3f} s" for span in passed]


def _draw_gaps(scale: Scale, height: float) -> Iterator[SafeString]:
    for gap in scale.gaps:
        yield format_html(
            "<g><title>Nothing ran for {}; this time is squeezed.</title>"
            '<rect class="rm-gap" x="{}" y="{}" width="{}" height="{}"/>'
            '<text class="rm-gap-text" x="{}" y="{}">{}</text></g>',
            describe_duration(gap.length),
            f"{_LABELS + gap.x:.1f}",
            f"{_HEAD - 4:g}",
            f"{GAP_WIDTH:g}",
            f"{height - _HEAD + 4:g}",
            f"{_LABELS + gap.x + GAP_WIDTH / 2:.1f}",
            f"{_HEAD - 8:g}",
            describe_duration(gap.length),
        )


def _draw_marks(scale: Scale, marks: Sequence[tuple[Mark, str]], height: float) -> Iterator[SafeString]:
    written = 0.0
    for mark, words in sorted(marks, key=lambda marked: marked[0].at):
        x, width = _LABELS + scale.place(mark.at), _MARK_CHARACTER * len(words)
        is_left = x + width > _WIDTH
        left = x - width if is_left else x
        # Where its words would stand on others, the line and its tooltip tell.
        has_room = left >= written
        written = left + width if has_room else written
        yield format_html(
            '<g><title{}>{}</title><path class="rm-mark" d="M{} 12V{}"/>{}</g>',
            *place_moment(f"{words}: {{}}", mark.at),
            f"{x:.1f}",
            f"{height:g}",
            _write_mark(words, x, is_left=is_left) if has_room else "",
        )


def _write_mark(words: str, x: float, *, is_left: bool) -> SafeString:
    anchor = "rm-mark-text rm-mark-left" if is_left else "rm-mark-text"
    return format_html('<text class="{}" x="{}" y="10">{}</text>', anchor, f"{x:.1f}", words)


def _draw_lane(lane: Lane, scale: Scale, y: float) -> SafeString:
    indent = 4 + _INDENT * lane.depth
    label = format_html(
        '<a href="{}"><title>{}</title><text class="rm-lane rm-{}" x="{}" y="{}">{}</text></a>',
        lane.url,
        lane.name,
        lane.status,
        f"{indent:g}",
        f"{y + 15:g}",
        lane.label,
    )
    draw = _draw_spans if lane.count == 1 else _draw_density
    return format_html("<g>{}{}</g>", label, format_html_join("", "{}", ((s,) for s in draw(lane, scale, y))))


def _draw_spans(lane: Lane, scale: Scale, y: float) -> Iterator[SafeString]:
    several = sum(span.kind is SpanKind.RUN for span in lane.spans) > 1
    for span in lane.spans:
        x, width = _measure(span, scale)
        yield format_html(
            '<g><title{}>{}</title><rect class="{}" x="{}" y="{}" width="{}" height="{}"/>{}</g>',
            *place_moment(_describe(span), span.start, "time"),
            f"rm-span rm-tone-{find_tone(span)}",
            f"{_LABELS + x:.1f}",
            f"{y + (_LANE - _BAR) / 2:g}",
            f"{width:.1f}",
            f"{_BAR:g}",
            _number(span, _LABELS + x, y) if several and span.tried and width > 9 else "",
        )


def _number(span: Span, x: float, y: float) -> SafeString:
    number = span.tried.number if span.tried else ""
    return format_html(
        '<text class="rm-try" x="{}" y="{}">{}</text>', f"{x + 3:.1f}", f"{y + 14.5:g}", number
    )


def _draw_density(lane: Lane, scale: Scale, y: float) -> Iterator[SafeString]:
    """Draw many steps as how many of them were at each moment about the same."""
    yield format_html("<title>{}</title>", lane.name)
    of_tone: dict[str, list[Span]] = {tone: [] for tone in TONES}
    for span in lane.spans:
        of_tone[find_tone(span)].append(span)
    floor = y + (_LANE + _BAR) / 2 + 2
    # What ran is drawn over what waited.
    for tone in sorted(filter(of_tone.get, of_tone), key=lambda tone: tone in _RAN):
        outline = _trace(of_tone[tone], scale, lane.count, floor)
        yield format_html('<path class="rm-span rm-tone-{}" d="{}"/>', tone, outline)


def _trace(spans: Sequence[Span], scale: Scale, count: int, floor: float) -> SafeString:
    """Return the outline of how many spans there are at each place; one of them is still seen."""
    changes = [0] * (int(scale.width / _BIN) + 2)
    for span in spans:
        x, width = _measure(span, scale)
        first = min(int(x / _BIN), len(changes) - 2)
        changes[first] += 1
        changes[min(max(int((x + width) / _BIN), first + 1), len(changes) - 1)] -= 1
    path = [f"M{_LABELS:g} {floor:g}"]
    height = _BAR + 4
    last = 0
    for place, number in enumerate(accumulate(changes)):
        if number != last:
            tall = height * (0.25 + 0.75 * number / count) if number else 0
            path.append(f"H{_LABELS + place * _BIN:g}V{floor - tall:.1f}")
            last = number
    # Nothing but numbers and letters of ours.
    return mark_safe(f"{''.join(path)}V{floor:g}Z")  # noqa: S308


def _measure(span: Span, scale: Scale) -> tuple[float, float]:
    x, right = scale.place(span.start), scale.place(span.end)
    return min(x, scale.width - _LEAST_WIDTH), max(right - x, _LEAST_WIDTH)


def find_tone(span: Span) -> str:
    """Return what colours a span: one of TONES."""
    if span.tried is None:
        return str(span.kind)
    outcome = span.tried.outcome or "running"
    return "bad" if outcome in _BAD else outcome if outcome in {"running", "withdrawn"} else "done"


def _describe(span: Span) -> str:
    """Return what a span was, with `{}` for when it began."""
    length = describe_duration(span.end - span.start)
    since = "from {}"
    if span.tried is None:
        return f"{TONES[span.kind]} {length}, {since}"
    decided = f", then {span.tried.decision.replace('_', ' ')}" if span.tried.decision else ""
    return f"attempt {span.tried.number}: {span.tried.outcome or 'running'} {length}, {since}{decided}"
