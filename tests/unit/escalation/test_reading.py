"""What agents wrote is read as it is: Markdown is set only where nothing of it is hidden, and loads nothing."""

import re

import pytest

from escalation.admin.reading import can_show, show_text, show_value


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
