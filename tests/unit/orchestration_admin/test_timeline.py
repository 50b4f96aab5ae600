"""What a step did when, the scale on which idle hours are squeezed, and the picture of both."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.admin.picture import PlanNode
from orchestration.admin.picture.growing import Group, group_steps
from orchestration.admin.timeline import Lane, Times, build_lanes, draw_timeline, find_tone
from orchestration.admin.timeline.scale import GAP_WIDTH, Scale
from orchestration.admin.timeline.spans import Span, SpanKind, Story, tell_spans
from orchestration.admin.timeline.svg import _draw_grid
from orchestration.selectors.plan_rows import PlanStep
from orchestration.selectors.time_spent import Mark, TimeSpent, Try
from tests.unit.orchestration_admin.test_growing import items, step

START = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tried(
    number: int,
    start: float,
    end: float | None,
    decision: str | None = "accept",
    outcome: str | None = "answered",
    due: float | None = None,
) -> Try:
    finished = None if end is None else at(end)
    return Try(number, at(start), finished, outcome, decision, None if due is None else at(due))


def tell(
    *tries: Try,
    ready: Sequence[float] = (0,),
    resolved: Sequence[float] = (),
    status: str = "succeeded",
    until: float = 100,
) -> list[tuple[str, float, float]]:
    story = Story(tries, [at(r) for r in ready], [at(r) for r in resolved], status, at(until))
    spans = tell_spans(story)
    return [(str(s.kind), (s.start - START).total_seconds(), (s.end - START).total_seconds()) for s in spans]


def test_a_step_waits_for_a_worker_from_the_end_of_what_it_needs() -> None:
    assert tell(tried(1, 5, 7), ready=(1, 3, 9)) == [("wait", 3, 5), ("run", 5, 7)]


def test_a_retry_waits_until_it_is_due_and_then_for_a_worker() -> None:
    first = tried(1, 0, 2, "retry", "failed", due=6)
    assert tell(first, tried(2, 7, 8)) == [("run", 0, 2), ("retry", 2, 6), ("wait", 6, 7), ("run", 7, 8)]
    assert tell(first, status="retryable", until=4) == [("run", 0, 2), ("retry", 2, 4)]


def test_a_held_step_is_held_until_people_decide() -> None:
    held = tried(1, 0, 2, "escalate")
    assert tell(held, status="held", until=50) == [("run", 0, 2), ("held", 2, 50)]
    assert tell(held, resolved=(40,), until=40) == [("run", 0, 2), ("held", 2, 40)]
    assert tell(held, tried(2, 45, 46), resolved=(40,)) == [
        ("run", 0, 2),
        ("held", 2, 40),
        ("wait", 40, 45),
        ("run", 45, 46),
    ]


def test_a_step_that_grew_waits_for_its_children() -> None:
    grew = tried(1, 0, 1, "wait", "expanded")
    assert tell(grew, status="waiting", until=9) == [("run", 0, 1), ("children", 1, 9)]
    assert tell(grew, tried(2, 9, 10, outcome="collected")) == [
        ("run", 0, 1),
        ("children", 1, 9),
        ("run", 9, 10),
    ]


def test_what_runs_or_waits_now_grows_until_now() -> None:
    assert tell(tried(1, 3, None, None, None), status="running", until=8) == [("wait", 0, 3), ("run", 3, 8)]
    assert tell(status="available", until=8) == [("wait", 0, 8)]
    assert tell(status="pending", until=8) == []


def test_a_later_round_begins_when_what_it_needs_was_done_anew() -> None:
    assert tell(tried(1, 0, 1), tried(2, 22, 23), ready=(0, 20)) == [
        ("run", 0, 1),
        ("wait", 20, 22),
        ("run", 22, 23),
    ]


@pytest.mark.parametrize("status", ["cancelled", "pending"])
def test_a_step_that_was_called_off_waits_for_nothing(status: str) -> None:
    called_off = tried(1, 0, 2, "withdraw", "withdrawn")
    assert tell(called_off, status=status, until=50) == [("run", 0, 2)]


def test_a_step_that_was_called_off_goes_on_when_what_it_needs_was_done_anew() -> None:
    called_off = tried(1, 0, 2, "withdraw", "withdrawn")
    assert tell(called_off, ready=(0, 20), status="available", until=25) == [("run", 0, 2), ("wait", 20, 25)]
    assert tell(called_off, tried(2, 22, 23), ready=(0, 20)) == [
        ("run", 0, 2),
        ("wait", 20, 22),
        ("run", 22, 23),
    ]


def test_a_crash_waits_for_a_worker() -> None:
    crashed = tried(1, 0, 1, None, "crashed")
    assert tell(crashed, tried(2, 4, 5)) == [("run", 0, 1), ("wait", 1, 4), ("run", 4, 5)]


def test_two_days_of_waiting_take_little_room() -> None:
    day = 86_400
    scale = Scale(at(0), at(2 * day + 4), [(at(0), at(2)), (at(2 * day + 2), at(2 * day + 4))], 1000)
    assert [gap.length for gap in scale.gaps] == [timedelta(days=2)]
    worked = (1000 - GAP_WIDTH) / 4
    places = [scale.place(at(s)) for s in (0, 1, 2, 2 * day + 2, 2 * day + 3, 2 * day + 4)]
    expected = [0, worked, 2 * worked, 2 * worked + GAP_WIDTH, 3 * worked + GAP_WIDTH, 1000]
    assert [round(place, 3) for place in places] == [round(place, 3) for place in expected]


def test_short_pauses_are_not_squeezed() -> None:
    scale = Scale(at(0), at(10), [(at(0), at(4)), (at(6), at(10))], 1000)
    assert scale.gaps == []
    assert scale.place(at(5)) == 500


def test_ticks_behind_a_squeezed_time_have_words_of_their_own() -> None:
    """A run that waited for ten seconds and then took milliseconds: each would be at 10 s."""
    busy = [(at(0), at(0.004)), (at(10), at(10.004))]
    scale = Scale(at(0), at(10.004), busy, 1000)
    assert scale.gaps
    words = re.findall(r'class="rm-tick-text"[^>]*>([^<]+)<', "".join(_draw_grid(scale, 100)))
    assert len(words) > 4
    assert len(set(words)) == len(words)
    assert words[-1] == "10.003 s"


moments = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(st.tuples(moments, moments), max_size=20), st.lists(moments, min_size=2, max_size=10))
def test_the_scale_keeps_order_and_bounds(busy: list[tuple[float, float]], asked: list[float]) -> None:
    runs = [(at(min(pair)), at(max(pair))) for pair in busy]
    scale = Scale(at(0), at(1e6), runs, 900)
    places = [scale.place(at(moment)) for moment in sorted(asked)]
    assert places == sorted(places)
    assert all(0 <= place <= 900 for place in places)
    ticks = [x for x, _ in scale.list_ticks(100)]
    assert len(ticks) <= 11
    assert ticks == sorted(ticks)


def _lanes(steps: list[PlanStep], tries: dict[int, list[Try]]) -> list[Lane]:
    def describe(group: Group) -> PlanNode:
        return PlanNode(tuple(s.key for s in group.steps), group.counts, href=f"#{group.first.pk}")

    spent = TimeSpent(tries, {}, [])
    return build_lanes(group_steps(steps, 6), [(1, 2), (2, 3)], spent, Times(at(0), at(60)), describe)


def test_lanes_stand_below_those_that_grew_them_and_what_has_not_begun_has_none() -> None:
    steps = [step(1, "plan"), step(2, "read"), step(3, "sum", status="pending"), *items(40, 2, "read")]
    steps.append(step(900, "plan/ask", 1, "spawned"))
    tries = {pk: [tried(1, 1, 2)] for pk in (1, 2, 900, *range(100, 140))}
    lanes = _lanes(steps, tries)
    assert [(lane.label, lane.depth, lane.count) for lane in lanes] == [
        ("plan", 0, 1),
        ("ask", 1, 1),
        ("read", 0, 1),
        ("40 \N{MULTIPLICATION SIGN} read[*]", 1, 40),
    ]


def test_a_verifier_is_named_by_its_agent_even_where_that_begins_like_the_step_it_judges() -> None:
    def describe(group: Group) -> PlanNode:
        first = group.first
        return PlanNode((first.key,), group.counts, name=first.agent if first.parent_id else "")

    judged = [step(1, "draft"), replace(step(2, "draft~1?0", 1, "verifier"), agent="draft.tone")]
    spent = TimeSpent({1: [tried(1, 1, 2)], 2: [tried(1, 2, 3)]}, {}, [])
    lanes = build_lanes(group_steps(judged, 6), [], spent, Times(at(0), at(9)), describe)
    assert [(lane.label, lane.name) for lane in lanes] == [
        ("draft", "draft"),
        ("draft.tone", "draft~1?0"),
    ]


def test_the_picture_of_ten_thousand_items_is_small() -> None:
    steps = [step(1, "plan"), step(2, "read"), step(3, "sum"), *items(10_000, 2, "read")]
    tries = {pk: [tried(1, pk % 50, pk % 50 + 3)] for pk in range(100, 10_100)}
    svg = draw_timeline(_lanes(steps, tries), at(0), at(60), [], "t")
    assert len(svg) < 20_000


def test_the_picture_holds_nothing_but_what_we_write() -> None:
    evil = '"><script>alert(1)</script>'
    spans = [
        Span(SpanKind.HELD, at(0), at(3)),
        Span(SpanKind.RUN, at(3), at(9), tried(1, 3, 9, outcome="failed")),
    ]
    lane = Lane(evil, evil, evil, "failed", 1, spans)
    svg = draw_timeline([lane], at(0), at(9), [(Mark("run_paused", at(4)), "paused")], evil)
    root = ET.fromstring(svg)  # noqa: S314 - what this project wrote itself
    assert {element.tag for element in root.iter()} == {"svg", "path", "text", "g", "title", "a", "rect"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not {"style"} & names
    assert not [name for name in names if name.startswith("on")]
    assert re.findall(r'class="rm-span (rm-tone-\w+)"', svg) == ["rm-tone-held", "rm-tone-bad"]
    assert "paused" in [element.text for element in root.iter("text")]


def _marks(*marks: tuple[str, float]) -> tuple[list[str], list[str]]:
    """Return the words that are written at marks of a minute, and those that their tooltips say."""
    told = [(Mark(f"run_{words}", at(seconds)), words) for words, seconds in marks]
    svg = draw_timeline([], at(0), at(60), told, "t")
    written = re.findall(r'<text class="rm-mark-text[^>]*>([^<]+)<', svg)
    return written, re.findall(r'<title[^>]*>([^:]+):[^<]+ UTC</title><path class="rm-mark"', svg)


def test_the_words_of_a_mark_give_way_to_those_before_them_and_its_tooltip_stays() -> None:
    assert _marks(("paused", 10), ("resumed", 11), ("paused", 30), ("resumed", 31)) == (
        ["paused", "paused"],
        ["paused", "resumed", "paused", "resumed"],
    )
    # A minute is 876 wide: six letters take 39 of it, 2.7 s.
    assert _marks(("paused", 10), ("resumed", 12.6))[0] == ["paused"]
    assert _marks(("paused", 10), ("resumed", 12.8))[0] == ["paused", "resumed"]
    # One that has no room of its own does not keep away the next.
    assert _marks(("paused", 10), ("resumed", 12), ("aborted", 13))[0] == ["paused", "aborted"]


def test_the_words_of_a_mark_at_the_end_stand_before_it() -> None:
    assert _marks(("paused", 50), ("cancelled", 60))[0] == ["paused", "cancelled"]
    assert _marks(("paused", 55), ("cancelled", 60)) == (["paused"], ["paused", "cancelled"])


def test_tones_say_how_an_attempt_ended() -> None:
    outcomes = ("answered", "collected", "failed", "crashed", "withdrawn", None)
    spans = [Span(SpanKind.RUN, at(0), at(1), tried(1, 0, 1, outcome=outcome)) for outcome in outcomes]
    assert [find_tone(span) for span in spans] == ["done", "done", "bad", "bad", "withdrawn", "running"]


def test_each_moment_of_the_picture_can_be_told_in_the_viewers_zone() -> None:
    span = Span(SpanKind.RUN, at(0), at(60), Try(1, at(0), at(60), "succeeded", None, None))
    lane = Lane("draft", "draft", "/", "succeeded", 0, [span])

    svg = draw_timeline([lane], at(0), at(60), [(Mark("run_paused", at(30)), "paused")], "t")

    told = re.findall(r'data-at="([^"]+)" data-form="(\w+)" data-words="([^"]+)">([^<]+)<', svg)
    assert [words for _, _, words, _ in told] == [
        "{}",
        "paused: {}",
        "attempt 1: succeeded 1 min, from {}",
    ]
    assert {at for at, _, _, _ in told} == {"2026-05-04T02:00:00Z", "2026-05-04T02:00:30Z"}
    assert told[0][3] == "02:00:00 UTC"
    # No moment stands there that is not told so.
    plain = re.sub(r'data-at="[^"]+"', "", re.sub(r">[^<]*02:00:[^<]*UTC[^<]*<", "><", svg))
    assert "02:00" not in plain
