"""A run's context for a terminal: what its steps shared, lost and used."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from orchestration.domain.budget import Unit, show_amount
from orchestration.domain.losses import tell_loss
from orchestration.management.memories import HEAD, describe_memory, memory_rows
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Handoff, Run
from orchestration.selectors.context import RunContext
from orchestration.selectors.lineage_words import tell_line


def describe_context(run: Run, context: RunContext) -> dict[str, Any]:
    """Return what the steps of a run shared as JSON values."""
    return {
        "id": str(run.pk),
        "handoff_tokens": context.handoff_tokens,
        "handed": asdict(context.handed),
        "memories": [describe_memory(memory) for memory in context.memories],
        "handoffs": [_describe_handoff(handoff) for handoff in context.handoffs],
        "budgets": [
            {
                "step": pot.step.key if pot.step else None,
                "unit": pot.unit,
                "limit": pot.limit,
                "left": pot.state.left,
            }
            for pot in context.budgets
        ],
        "trace": [{"at": line.at.isoformat(), "words": tell_line(line)} for line in context.trace],
    }


def write_context(run: Run, context: RunContext) -> Iterator[str]:
    """Yield what the steps of a run shared as lines."""
    handed = context.handed
    yield f"{run.workflow} run {run.pk}"
    yield f"a step may be handed {context.handoff_tokens:,} tokens"
    yield (
        f"handed over: {handed.handoffs:,} outputs and {handed.recalled:,} memories, {handed.shortened:,} in short, "
        f"{handed.tokens_before:,} -> {handed.tokens_after:,} tokens; fetched: {handed.fetched:,}, "
        f"{handed.fetched_tokens:,} tokens"
    )
    if handed.shortened:
        yield f"lost: {tell_loss(handed.lost | {'fell_back': ''})}"
    yield "\nMEMORIES"
    yield from show_table(HEAD, memory_rows(context.memories))
    yield "\nHAND-OFFS"
    yield from show_table(("FROM", "TO", "NO", "TOKENS", "LOST"), list(map(_handoff_row, context.handoffs)))
    yield "\nBUDGET"
    yield from show_table(
        ("WHOSE", "LIMIT", "LEFT"),
        [
            (
                f"step {pot.step.key}" if pot.step else "the run",
                show_amount(Unit(pot.unit), pot.limit),
                show_amount(Unit(pot.unit), pot.state.left),
            )
            for pot in context.budgets
        ],
    )
    yield "\nLAST"
    yield from show_table(
        ("AT", "STEP", "WHAT HAPPENED"),
        [
            (show_time(line.at), line.step.key if line.step else "-", show_text(tell_line(line), 120))
            for line in context.trace
        ],
    )
    yield f"\nnext: `manage.py show_run {run.pk}` shows what its steps put out, `show_memory` what is remembered"


def _handoff_row(handoff: Handoff) -> tuple[str, ...]:
    before, after = handoff.tokens_before, handoff.tokens_after
    fetched = f"fetched {handoff.pointer or 'all of it'} of " if handoff.pointer is not None else ""
    return (
        show_text(f"{fetched}{handoff.sender}", 60),
        handoff.to_step.key,
        str(handoff.attempt.number),
        str(after) if before == after else f"{before} -> {after}",
        tell_loss(handoff.loss) if handoff.loss else "-",
    )


def say_tokens(handoff: Handoff) -> str:
    """Return how many tokens were handed over, and of what was shortened by whom and what it lost."""
    if not handoff.summarised_by:
        return str(handoff.tokens_after)
    lost = "" if handoff.loss is None else f"; {tell_loss(handoff.loss)}"
    return f"{handoff.tokens_before} -> {handoff.tokens_after} by {handoff.summarised_by}{lost}"


def _describe_handoff(handoff: Handoff) -> dict[str, Any]:
    return {
        "from": handoff.sender,
        "to": handoff.to_step.key,
        "attempt": handoff.attempt.number,
        "kind": handoff.kind,
        "pointer": handoff.pointer,
        "tokens_before": handoff.tokens_before,
        "tokens_after": handoff.tokens_after,
        "loss": handoff.loss,
        "at": handoff.handed_at.isoformat(),
    }
