"""The board's page: key figures, charts and tables of the review queues that the person may see."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from escalation.admin.access import find_queues_of, has_desk_right
from escalation.admin.board.charts import draw_charts
from escalation.admin.board.tables import (
    AGENTS,
    BACKLOG,
    NOTHING,
    QUEUES,
    REVIEWERS,
    RULES,
    Table,
    make_table,
    show_count,
    show_length,
    show_moment,
    show_most,
    show_share,
)
from escalation.domain.desk_rights import DeskRight
from escalation.domain.measures import Measure
from escalation.domain.sheets import write_sheet
from escalation.figures import PARTS, Board, Period, build_board
from escalation.models import ReviewQueue, read_clock
from escalation.selectors.channels import find_channel_trouble, find_untold_queues
from orchestration.admin.access import caller_of

PERIODS: Final = {
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "90d": ("90 days", timedelta(days=90)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page was asked for; what it does not know counts as not asked."""

    period: str
    queue: ReviewQueue | None

    def write(self) -> str:
        """Return it as the query of an address."""
        query = QueryDict(mutable=True)
        query["period"] = self.period
        if self.queue:
            query["queue"] = str(self.queue.pk)
        return query.urlencode()


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure. `grade`: bad where somebody has to do something."""

    label: str
    value: str
    more: str = ""
    grade: str = ""


_EMPTY_WORDS: Final = (
    "No ticket came in this period, and none waits. Choose a longer period, or start a run of a workflow that asks "
    "people: its tickets are counted here as they open."
)
_MEDIA: Final = Media(css={"all": ("escalation/console.css", "escalation/board.css")})


@require_safe
def show_board(request: HttpRequest) -> HttpResponse:
    """Show the board, or one of its tables as CSV. It belongs to no table, and so to no admin of one."""
    if not has_desk_right(request, DeskRight.LOOK):
        raise PermissionDenied
    queues = list(find_queues_of(request).select_related("project"))
    asked = _read(request.GET, queues)
    now = read_clock()
    period = Period.build(now - PERIODS[asked.period][1], now)
    board = build_board(caller_of(request), period, [asked.queue.pk] if asked.queue else None)
    part = request.GET.get("csv", "")
    if part in PARTS:
        return _answer_sheet(board, part)
    frame = {**admin.site.each_context(request), "media": _MEDIA, "title": "Board", "subtitle": None}
    # What a mail server said may name people: it is for those who can do something about it.
    is_lead = has_desk_right(request, DeskRight.LEAD) or has_desk_right(request, DeskRight.MANAGE)
    trouble = find_channel_trouble() if is_lead else []
    untold = find_untold_queues(board.queues) if is_lead else []
    return TemplateResponse(
        request,
        "admin/escalation/board/page.html",
        {**frame, **_build_page(board, asked, queues), "channels_in_trouble": trouble, "untold": untold},
    )


def _read(query: QueryDict, queues: list[ReviewQueue]) -> Asked:
    period = query.get("period", "")
    chosen = query.get("queue", "")
    queue = next((queue for queue in queues if str(queue.pk) == chosen), None)
    return Asked(period if period in PERIODS else "24h", queue)


def _answer_sheet(board: Board, part: str) -> HttpResponse:
    answer = HttpResponse(write_sheet(PARTS[part](board)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="board-{part}.csv"'
    return answer


def _build_page(board: Board, asked: Asked, queues: list[ReviewQueue]) -> dict[str, Any]:
    reading = board.reading
    return {
        "asked": asked,
        "query": asked.write(),
        "periods": [(name, words) for name, (words, _) in PERIODS.items()],
        "queues": queues,
        "board": board,
        "is_empty": not reading.total.counts
        and not any(queue.open or queue.audits for queue in board.desk.queues.values()),
        "tiles": _list_tiles(board),
        "charts": draw_charts(board),
        "waiting": _list_waiting(board),
        "tables": _list_tables(board),
        "reaches_back_to": reading.reaches_back_to,
        "missing_since": reading.missing_since,
        "empty_words": _EMPTY_WORDS,
    }


def _list_tiles(board: Board) -> list[Tile]:
    total, desk = board.reading.total, list(board.desk.queues.values())
    overdue, waiting = sum(queue.overdue for queue in desk), sum(queue.open for queue in desk)
    late = sum(queue.late_ahead for queue in desk)
    first = min((queue.first_late_at for queue in desk if queue.first_late_at), default=None)
    waits = [queue.wait_seconds for queue in desk if queue.open and queue.wait_seconds is not None]
    unattended = any(queue.open and queue.pace is None for queue in desk)
    audits = sum(queue.audits for queue in desk)
    besides = f"; {show_count(audits)} audits besides" if audits else ""
    return [
        Tile(
            "Decided in time",
            show_share(total.sla_share),
            f"{show_count(total.count(Measure.MISSED))} missed",
        ),
        Tile(
            "First look in time",
            show_share(total.touch_share),
            f"{show_count(total.count(Measure.TOUCH_MISSED))} missed",
        ),
        Tile(
            "Time to the first look",
            show_length(total.tell(Measure.TOUCH_TIME, 0.5)),
            show_most(total.tell(Measure.TOUCH_TIME, 0.9)),
        ),
        Tile(
            "Time to the decision",
            show_length(total.tell(Measure.DECISION_TIME, 0.5)),
            show_most(total.tell(Measure.DECISION_TIME, 0.9)),
        ),
        Tile(
            "Open now",
            show_count(waiting),
            f"{show_count(overdue)} overdue{besides}",
            "bad" if overdue else "",
        ),
        Tile(
            "Will be late",
            show_count(late) if waits or not waiting else NOTHING,
            _say_late(first, unattended=unattended),
            "bad" if late or unattended else "",
        ),
    ]


def _say_late(first: Any, *, unattended: bool) -> str:
    if first is not None:
        return format_html("at this pace; the first at {}", show_moment(first))
    return "nobody is there to decide" if unattended else "at this pace"


def _list_waiting(board: Board) -> list[tuple[str, Table]]:
    return [
        (
            "backlog",
            make_table(
                "What waits, and what will be late",
                BACKLOG,
                PARTS["backlog"](board),
                note="At the pace of the last hour. “Falls behind”: what comes later is not decided in time. "
                "Audits hold nothing and are counted beside the others.",
            ),
        ),
    ]


def _list_tables(board: Board) -> list[tuple[str, Table]]:
    reviewers = [
        make_table(
            "Load per reviewer",
            REVIEWERS,
            PARTS["reviewers"](board),
            empty="Nobody holds a ticket or decided one within the last hour.",
        )
    ]
    return [
        ("queues", make_table("By review queue", QUEUES, PARTS["queues"](board))),
        *(("reviewers", table) for table in reviewers if board.leads),
        (
            "agents",
            make_table(
                "By agent",
                AGENTS,
                PARTS["agents"](board),
                note="An edit of nothing but fields that the queue lets pass counts as approved.",
                empty="No agent's work was escalated in this period.",
            ),
        ),
        (
            "rules",
            make_table(
                "Why it was escalated",
                RULES,
                PARTS["rules"](board),
                empty="Nothing was escalated in this period.",
            ),
        ),
    ]
