"""Texts: as they stand, or set as Markdown where they are written in it and nothing of them is hidden by that.

No raw HTML, no image and nothing else that a browser would load. Where setting would leave out or alter a letter
(a cell too many, an entity, a number of a list), the text is shown as it was written: people approve what they see.
"""

import html
import re
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from orchestration.admin.visible import mark_unseen

# Behind some thousands, brackets that nobody closes take longer than a page may.
_MOST_CHARACTERS: Final = 10_000
# What nobody writes by accident in a letter; a dash at the beginning of a line is a list in both.
_IS_MARKDOWN: Final = re.compile(
    r"^ {0,3}(?:#{1,6} \S|[-*+] \S|\d{1,9}[.)] \S|> ?\S|`{3}|\|.+\|[ \t]*$)|\*\*[^*\n]+\*\*|\]\([^)\n]+\)|`[^`\n]+`",
    re.MULTILINE,
)
_TAG: Final = re.compile(r"<[^>]*>")
_TAGS: Final = frozenset(
    {"p", "br", "hr", "strong", "em", "ul", "ol", "li", "code", "pre", "blockquote", "a", "span", "div"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
_ATTRIBUTES: Final = {"a": {"href"}, "p": {"class"}, "span": {"class"}, "ol": {"class"}, "table": {"class"}}
_SCHEMES: Final = frozenset({"http", "https", "mailto"})


class _Renderer(RendererHTML):
    """Writes text with unseen characters marked, links with their address, lists with the numbers that were typed."""

    def text(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        return mark_unseen(tokens[idx].content)

    def code_inline(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        return format_html("<code>{}</code>", mark_unseen(tokens[idx].content))

    def fence(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        label = format_html("<span>{}</span>\n", mark_unseen(tokens[idx].info)) if tokens[idx].info else ""
        return format_html("<pre>{}<code>{}</code></pre>", label, mark_unseen(tokens[idx].content))

    def code_block(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        return format_html("<pre><code>{}</code></pre>", mark_unseen(tokens[idx].content))

    def link_open(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        return format_html('<a href="{}">', tokens[idx].attrGet("href") or "")

    def link_close(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        opening = next(t for t in reversed(tokens[:idx]) if t.type == "link_open")
        address, title = str(opening.attrGet("href") or ""), str(opening.attrGet("title") or "")
        told = f"{address} {title}".strip()
        return format_html('</a> <span class="rm-address">({})</span>', mark_unseen(told))

    def heading_open(self, _tokens: Sequence[Token], _idx: int, _options: Any, _env: Any) -> str:
        return '<p class="rm-heading">'  # no heading of the page: its outline is ours

    def heading_close(self, _tokens: Sequence[Token], _idx: int, _options: Any, _env: Any) -> str:
        return "</p>"

    def ordered_list_open(self, _tokens: Sequence[Token], _idx: int, _options: Any, _env: Any) -> str:
        return '<ol class="rm-numbered">'

    def list_item_open(self, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
        number = tokens[idx].info
        return f'<li><span class="rm-number">{number}.</span> ' if number else "<li>"

    def table_open(self, _tokens: Sequence[Token], _idx: int, _options: Any, _env: Any) -> str:
        return '<table class="rm-cells">'


_MARKDOWN: Final = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    .enable("table")
    .disable(["reference", "image", "html_block", "html_inline", "autolink"])
)


def show_text(text: str) -> SafeString:
    """Return a text as safe HTML: prose with its line ends, or set as the Markdown that it is."""
    if len(text) <= _MOST_CHARACTERS and _IS_MARKDOWN.search(text):
        shown = _set(text)
        if _letters(html.unescape(_TAG.sub(" ", shown))) == _letters(text):
            return format_html('<div class="rm-markdown">{}</div>', shown)
    return format_html('<div class="rm-prose">{}</div>', mark_unseen(text))


def _set(text: str) -> SafeString:
    env: MutableMapping[str, Any] = {}
    clean = nh3.clean(
        _MARKDOWN.render(text, env),
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - no tag, attribute or address is left but those allowed above


def _letters(text: str) -> list[str]:
    return [character for character in text if character.isalnum()]
