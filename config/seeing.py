"""The last look at a page of the console: what can't be seen, or turns the reading order, stands there spelled out.

Pages that show what agents wrote mark it themselves, where they cut and indent it. This is for everything else that
people have written (descriptions, names, reasons, notes), and for pages that are not ours.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from django.http import HttpRequest, HttpResponse

from orchestration.domain.visible import is_unseen, spell_out

# What is typed in must come back as it was: text areas, and the values of inputs and options. Scripts are no text.
_PARTS: Final = re.compile(
    r"(<textarea\b.*?</textarea\s*>|<script\b.*?</script\s*>|<style\b.*?</style\s*>|<title\b.*?</title\s*>|<[^>]*>)",
    re.DOTALL | re.IGNORECASE,
)
_AS_IT_IS: Final = re.compile(r"<(?:textarea|script|style|input|option)\b", re.IGNORECASE)
_MARK: Final = '<span class="rm-unseen">{}</span>'


class NothingUnseen:
    """Middleware: spells out unseen characters in HTML."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with nothing unseen."""
        answer = self.get_response(request)
        if not answer.streaming and answer.get("Content-Type", "").startswith("text/html"):
            page = answer.content.decode(answer.charset)
            if unseen := {c for c in set(page) if c != "\r" and is_unseen(c)}:
                answer.content = "".join(_show_parts(page, unseen)).encode(answer.charset)
        return answer


def _show_parts(page: str, unseen: set[str]) -> Iterator[str]:
    spelled = {ord(character): spell_out(character) for character in unseen}
    marked = {point: _MARK.format(words) for point, words in spelled.items()}
    for number, part in enumerate(_PARTS.split(page)):
        is_tag = number % 2 == 1
        if is_tag and _AS_IT_IS.match(part):
            yield part
        else:
            yield part.translate(spelled if is_tag else marked)
