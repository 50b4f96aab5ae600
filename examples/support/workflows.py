"""What happens to a message. The specs are data: read them from top to bottom."""

from typing import Final

from examples.support.intents import MIN_CONFIDENCE
from orchestration import StepSpec, Verify, WorkflowSpec

_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 10_000}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 100}


def _reply_of(step: str) -> dict[str, str]:
    """Return the input of `mail.outbox`: exactly what is sent, as the step before left it."""
    return {field: f"steps.{step}.{field}" for field in ("recipient", "email", "subject", "body")}


SUPPORT_REPLY: Final = WorkflowSpec(
    name="support-reply",
    description="Answer a customer's message, or hand it to a person with a draft.",
    sla="customer-facing",
    input_schema={
        "type": "object",
        "required": ["customer", "text"],
        "properties": {
            "message_id": _NAME,
            "customer": _NAME,
            "text": _TEXT,
            # What a person would do; for measuring only: no step reads it.
            "expected": {"enum": ["answered", "escalated"]},
        },
        "additionalProperties": False,
    },
    steps=(
        StepSpec("history", agent="crm.history", input={"customer": "input.customer"}),
        StepSpec("sentiment", agent="support.sentiment", input={"text": "input.text"}, needs=("history",)),
        StepSpec("inventory", agent="shop.inventory", input={"text": "input.text"}, critical=False),
        StepSpec(
            "draft",
            agent="support.writer",
            needs=("history", "sentiment", "inventory"),
            input={
                "text": "input.text",
                "sender": "input.customer",
                "history": "steps.history",
                "sentiment": "steps.sentiment",
                "inventory": "steps.inventory",
            },
            min_confidence=MIN_CONFIDENCE,
            fallback="support.template_writer",
            verify=Verify("brand.verifier", max_revisions=1),
        ),
        # A message that was sent can't be called back, so nothing compensates it: all that may fail comes before.
        StepSpec("send", agent="mail.outbox", needs=("draft",), input=_reply_of("draft")),
    ),
)

SUPPORT_TRIAGE: Final = WorkflowSpec(
    name="support-triage",
    description="Name the intent of a message and answer it, or hand it to a person.",
    sla="customer-facing",
    input_schema={
        "type": "object",
        "required": ["customer", "text"],
        "properties": {
            "message_id": _NAME,
            "customer": _NAME,
            "text": _TEXT,
            # What a person would call it; for measuring only: no step reads it.
            "expected_intent": _NAME,
        },
        "additionalProperties": False,
    },
    steps=(
        StepSpec(
            "classify", agent="triage.classifier", input={"text": "input.text"}, min_confidence=MIN_CONFIDENCE
        ),
        StepSpec(
            "answer",
            agent="triage.answer",
            needs=("classify",),
            input={"intent": "steps.classify.intent", "customer": "input.customer"},
        ),
        StepSpec("send", agent="mail.outbox", needs=("answer",), input=_reply_of("answer")),
    ),
)
