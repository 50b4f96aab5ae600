"""What a ticket is about, by parts: their beginnings for its page, and pages and files of the whole.

Read next: `page.py`, which shows the beginnings.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from escalation.admin.rendering import Passage, cut_value, describe_value, is_prose, write_text
from escalation.models import Ticket
from orchestration.admin.visible import mark_unseen
from orchestration.domain.spec import Review

_PAGE_CHARACTERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class ValueView:
    """The beginning of a value.

    Attributes: url: of its pages.  is_cut: there is more than the passages show.  size: of its JSON, in words.
    """

    passages: list[Passage]
    url: str
    is_cut: bool
    size: str

    @property
    def has_folded(self) -> bool:
        """Tell whether some of it is folded away."""
        return any(passage.is_folded for passage in self.passages)


def view_part(ticket: Ticket, part: str, review: Review | None = None) -> ValueView | None:
    """Return the beginning of a part of a ticket, set as its spec says; None when the ticket has no such part."""
    stored = PARTS[part][1](ticket)
    if stored is None:
        return None
    passages = describe_value(json.loads(stored), review)
    return ValueView(
        passages=passages,
        url=reverse("admin:escalation_ticket_whole", args=(ticket.pk, part)),
        is_cut=any(passage.is_cut for passage in passages),
        size=describe_size(stored),
    )


def describe_size(stored: str) -> str:
    """Return how large a stored value is, as a person says it."""
    kilobytes = len(stored.encode()) / 1000
    return f"{kilobytes:,.0f} KB" if kilobytes >= 10 else f"{kilobytes:.1f} KB"


def build_whole_page(request: HttpRequest, ticket: Ticket, part: str) -> dict[str, Any]:
    """Return the context of one page of a part: of the property that `?key=` names, or of the first.

    Raises: Http404: the ticket has no such part, property or page.
    """
    parts = cut_value(json.loads(_find(ticket, part)))
    key = request.GET.get("key", next(iter(parts)))
    if key not in parts:
        raise Http404(f"There is no {key} in this {part}.")
    text = write_text(parts[key])
    pages = max(1, -(-len(text) // _PAGE_CHARACTERS))
    number = _read_page(request, pages)
    return {
        "ticket": ticket,
        "part": PARTS[part][0],
        "url": reverse("admin:escalation_ticket_whole", args=(ticket.pk, part)),
        "keys": [(name, mark_unseen(name)) for name in parts if name],
        "key": key,
        "text": _cut_page(text, number),
        "is_code": not is_prose(parts[key]),
        "number": number,
        "pages": pages,
        "characters": len(text),
        "title": f"Ticket {ticket.pk}: {PARTS[part][0]}",
    }


def download_part(ticket: Ticket, part: str) -> HttpResponse:
    """Return a part as a file, byte for byte as it is stored.

    Raises: Http404: the ticket has no such part.
    """
    name = f"ticket-{ticket.pk}-{part}.json"
    return HttpResponse(
        _find(ticket, part),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def find_task(ticket: Ticket) -> Any:
    """Return what a step that people do is about: its input, and the item or output it belongs to."""
    seen = ticket.seen
    item = seen.get("item")
    return seen.get("input") if item is None else {"item": item, **seen.get("input", {})}


def _find(ticket: Ticket, part: str) -> str:
    stored = PARTS[part][1](ticket) if part in PARTS else None
    if stored is None:
        raise Http404(f"Ticket {ticket.pk} has no {part}.")
    return stored


def _read_page(request: HttpRequest, pages: int) -> int:
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 0
    if not 1 <= number <= pages:
        raise Http404(f"There is no page {asked[:20]}; the pages are 1 to {pages}.")
    return number


def _cut_page(text: str, number: int) -> SafeString:
    return mark_unseen(text[(number - 1) * _PAGE_CHARACTERS : number * _PAGE_CHARACTERS])


def _task(ticket: Ticket) -> str | None:
    return json.dumps(find_task(ticket), ensure_ascii=False) if ticket.is_for_person else None


def _item(ticket: Ticket) -> str | None:
    # A task shows its item already.
    return None if ticket.is_for_person else ticket.step.item_json


def _output(ticket: Ticket) -> str | None:
    """Return what became the output, where that differs from what was proposed."""
    output = ticket.resolution_output_json
    return None if output == ticket.seen_json else output


PARTS: Final[dict[str, tuple[str, Callable[[Ticket], str | None]]]] = {
    "input": ("What the run was asked", lambda ticket: ticket.run.input_json),
    "task": ("What is to be done", _task),
    "item": ("What the step is about", _item),
    "proposal": ("Proposed", lambda ticket: ticket.seen_json if ticket.has_proposal else None),
    "output": ("Decided output", _output),
}
"""By the name that addresses give: heading, and where the stored JSON is."""
