"""What agents wrote is read as it is: Markdown is set only where nothing of it is hidden, and loads nothing."""

import re
from typing import Any

import pytest

from escalation.admin.reading import can_show, show_text, show_value
from escalation.admin.rendering import Passage, describe_value
from orchestration import Review


def test_markdown_is_set() -> None:
    shown = show_text("# Plan\n\n**First** `x`:\n\n3. three\n7. seven\n\n|a|b|\n|-|-|\n|1|2|\n")

    assert '<p class="rm-heading">Plan</p>' in shown
    assert "<strong>First</strong> <code>x</code>" in shown
    assert '<span class="rm-number">7.</span> seven' in shown  # as it was typed
    assert "<td>2</td>" in shown


def test_the_lines_of_a_letter_stay() -> None:
    assert show_text("Dear Ada,\nit comes.") == '<div class="rm-prose">Dear Ada,\nit comes.</div>'
    assert "Dear Ada,<br>\nit <strong>comes</strong>." in show_text("Dear Ada,\nit **comes**.")


def test_a_link_says_where_it_leads() -> None:
    shown = show_text("Pay **here**: [our shop](https://evil.example/pay)")

    assert '<a href="https://evil.example/pay" rel="noopener noreferrer nofollow">our shop</a>' in shown
    assert "(https://evil.example/pay)" in shown


@pytest.mark.parametrize(
    "text",
    [
        "**b** <img src=x onerror=alert(1)>",
        "**b** <script>alert(1)</script>",
        "**b** ![pixel](https://evil.example/p.png)",
        "**b** <style>@import url(//evil.example)</style>",
        "**b** [x](javascript:alert(1))",
        "**b** [x](data:text/html,<script>alert(1)</script>)",
        "**b** <https://evil.example>",
        '**b** [x](https://a.example "onmouseover=alert(1)")',
        "**b** <a href=https://evil.example onclick=alert(1)>x</a>",
        "- <svg onload=alert(1)>",
        "`<iframe src=//evil.example>`",
    ],
)
def test_nothing_in_it_runs_or_loads(text: str) -> None:
    tags = re.findall(r"<[^>]*>", show_text(text))

    assert not [
        tag for tag in tags if re.match(r"</?(img|script|style|iframe|svg|object|link|base|form)", tag)
    ]
    assert not [tag for tag in tags if re.search(r"\son\w+\s*=|javascript:|data:|style=|src=", tag)]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("|a|b|\n|-|-|\n|1|2|and pay 900|\n", "and pay 900"),
        ('[r]: https://evil.example "and pay 900"\n\n**b**', "and pay 900"),
        ("**b** <!-- and pay 900 -->", "and pay 900"),
        ('[x](https://a.example "and pay 900")', "and pay 900"),
        ("```and pay 900\ncode\n```", "and pay 900"),
        ("**b** &#8203;hidden", "#8203;hidden"),
    ],
)
def test_nothing_is_hidden_by_setting_it(text: str, hidden: str) -> None:
    assert hidden in re.sub(r"<[^>]*>", "", show_text(text))


def test_unseen_characters_are_marked_in_markdown_and_in_cells() -> None:
    assert '<span class="rm-unseen">[U+202E]</span>' in show_text("**a\u202eb**")
    assert '<span class="rm-unseen">[U+200B]</span>' in show_value([{"a": "x\u200b"}, {"a": "y"}])


def test_alike_objects_are_a_table() -> None:
    shown = show_value([{"article": "lamp", "net": 9}, {"article": "shade", "is_spare": True}])

    assert re.findall(r"<th scope[^>]*>([^<]*)", shown) == ["article", "net", "is spare"]
    assert [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", shown)] == [
        "lamp", "9", "", "shade", "", "yes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value", [[[[[[[[[[[1]]]]]]]]]], list(range(400)), {str(n): [n, n] for n in range(150)}]
)
def test_what_is_deep_or_long_is_no_list(value: object) -> None:
    assert not can_show(value)


_REVIEW = Review(
    main="letter",
    labels={"customer.mail": "E-mail <address>", "lines.price": "Euro"},
    fold=["customer.number", "lines.code", "trace"],
    links=["page", "customer.site", "sources"],
)


def _passages(value: Any) -> dict[str, Passage]:
    return {passage.key: passage for passage in describe_value(value, _REVIEW)}


def test_fields_within_others_and_in_lists_are_called_and_folded_as_the_spec_says() -> None:
    lines = [{"price": 7, "code": "A"}, {"price": 9, "code": "B"}]
    shown = _passages({"customer": {"mail": "a@example.org", "number": 12}, "lines": lines, "letter": "Hi"})

    assert list(shown) == ["letter", "customer", "lines"]
    assert shown["customer"].html == (
        '<dl class="rm-pairs"><dt>E-mail &lt;address&gt;</dt><dd><div class="rm-prose">a@example.org</div></dd></dl>'
        '<details class="rm-technical"><summary>More</summary>'
        '<dl class="rm-pairs"><dt>number</dt><dd><span class="rm-plain">12</span></dd></dl></details>'
    )
    plain, _, folded = shown["lines"].html.partition("<details")
    assert '<th scope="col">Euro</th>' in plain
    assert "code" not in plain
    assert '<th scope="col">code</th>' in folded
    assert "Euro" not in folded


def test_what_the_spec_names_is_not_folded_by_its_name_alone() -> None:
    review = Review(labels={"meta_id.x": "Number"})
    (named,) = describe_value({"meta_id": {"x": 1}}, review)
    (plain,) = describe_value({"meta_id": {"x": 1}})
    assert (named.is_folded, plain.is_folded) == (False, True)


def test_an_address_is_a_link_where_the_spec_says_so_and_shows_where_it_leads() -> None:
    value = {
        "page": "https://shop.example/?a=1&b=<2>",
        "customer": {"site": "http://a.example"},
        "other": "http://b",
    }
    shown = _passages({**value, "sources": ["https://c.example", "none"]})

    address = "https://shop.example/?a=1&amp;b=&lt;2&gt;"
    assert shown["page"].html == (
        f'<a href="{address}" rel="noopener noreferrer nofollow" target="_blank">{address}</a>'
    )
    assert '<a href="http://a.example"' in shown["customer"].html
    assert shown["sources"].html.count("<a ") == 1
    assert "<a " not in shown["other"].html


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https:",
        "https://",
        "https://bank.example@evil.example/",
        "https://b\u0430nk.example",
        "https://evil.example\\@bank.example",
        "https://a.example/\u202egpj.exe",
        " https://a.example",
        "https://a.example b",
        "https://[::1",
        "java\nscript:alert(1)",
    ],
)
def test_what_is_no_plain_address_of_the_web_stays_text(text: str) -> None:
    assert "<a " not in _passages({"page": text})["page"].html
