"""What the steps of a run wait for, and the signals that came to it, as its page shows them: without their values."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from orchestration.admin.addresses import step_url
from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen
from orchestration.models import Call, Signal


@dataclass(frozen=True, slots=True)
class WaitView:
    """An open call for which a step waits."""

    row: Call
    step_url: str
    name: SafeString


@dataclass(frozen=True, slots=True)
class SignalView:
    """A signal, and what became of it. Attributes: answered: the waits, with the page of their step."""

    row: Signal
    name: SafeString
    state: SafeString
    sender: SafeString
    whom: SafeString
    refusal: SafeString
    answered: list[tuple[Call, str]]


def view_waits(calls: Sequence[Call]) -> list[WaitView]:
    """Return open calls as the page shows them. Their steps must be loaded."""
    return [WaitView(call, step_url(call.run_id, call.step.key), mark_unseen(call.name)) for call in calls]


def view_signals(signals: Sequence[Signal]) -> list[SignalView]:
    """Return signals as the page shows them. Their steps and calls must be loaded."""
    return [_view(signal) for signal in signals]


def _view(signal: Signal) -> SignalView:
    url = "" if signal.step is None else step_url(signal.run_id, signal.step.key)
    return SignalView(
        row=signal,
        name=mark_unseen(signal.name),
        state=_show_state(signal),
        sender=mark_unseen(signal.sender),
        whom=mark_unseen(signal.step_key),
        refusal=mark_unseen(signal.refusal),
        answered=[(call, url) for call in signal.calls.all()],
    )


def _show_state(signal: Signal) -> SafeString:
    if signal.taken_at is not None:
        return chip("succeeded", "matched")
    return chip("failed", "refused") if signal.refusal else chip("waiting", "kept")
