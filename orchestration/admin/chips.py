"""Small pieces of HTML that several lists and pages show."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import STATE_WORDS, describe_duration
from orchestration.selectors.progress import WAITING

_EXCERPT_CHARACTERS = 120


def chip(status: str, words: str = "") -> SafeString:
    """Return a status as a coloured label."""
    return format_html('<span class="rm-chip rm-{}">{}</span>', status, words or status.replace("_", " "))


def state_chip(state: str) -> SafeString:
    """Return a run's state as a coloured label."""
    return chip(tone_of(state), STATE_WORDS[state])


def tone_of(state: str) -> str:
    """Return the class of a run's state: a step that is `waiting` is at work, a run is waiting for people."""
    return "people" if state == WAITING else state


def show_age(moment: datetime, now: datetime) -> SafeString:
    """Return how long ago something was, with the moment itself on hovering."""
    return format_html(
        '<time class="rm-nowrap" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        describe_duration(now - moment),
    )


def show_progress(done: int, total: int) -> SafeString:
    """Return how much of a plan is done, as a bar and in figures."""
    return format_html(
        '<span class="rm-nowrap"><progress class="rm-bar" max="{}" value="{}"></progress>{}/{}</span>',
        total,
        done,
        done,
        total,
    )


def show_excerpt(text: str) -> SafeString:
    """Return the beginning of a text an agent may have written, on one line; a dash when there is none."""
    line = " ".join(text.split())
    short = line if len(line) <= _EXCERPT_CHARACTERS else f"{line[:_EXCERPT_CHARACTERS].rstrip()}…"
    return mark_unseen(short) if short else SafeString("-")
