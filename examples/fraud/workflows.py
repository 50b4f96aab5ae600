"""What happens to a payment. The spec is data: read it from top to bottom."""

from typing import Final

from examples.fraud.verdicts import BLOCK_FROM, FRAUD_FROM, GREY_FROM, VERDICTS
from orchestration import Retry, StepSpec, Verify, WorkflowSpec

_PAYMENT: Final = {"payment_id": "steps.payment.id"}
_EVIDENCE: Final = ("transaction", "behaviour", "reputation")

FRAUD_CHECK: Final = WorkflowSpec(
    name="fraud-check",
    description="Say whether a payment is fraud, block the card meanwhile, and ask a person in the grey zone.",
    sla="customer-facing",
    input_schema={
        "type": "object",
        "required": ["payment_id"],
        "properties": {"payment_id": {"type": "string", "minLength": 1, "maxLength": 50}},
        "additionalProperties": False,
    },
    steps=(
        StepSpec("payment", agent="fraud.books", input={"payment_id": "input.payment_id"}),
        StepSpec("transaction", agent="fraud.transaction_analysis", needs=("payment",), input=_PAYMENT),
        StepSpec("behaviour", agent="fraud.behaviour_analysis", needs=("payment",), input=_PAYMENT),
        StepSpec(
            "reputation",
            agent="fraud.reputation_service",
            needs=("payment",),
            input=_PAYMENT,
            retry=Retry(max_attempts=2, backoff_base_seconds=0.5),
            fallback="fraud.reputation_copy",
        ),
        StepSpec(
            "score",
            agent="fraud.model_scorer",
            needs=_EVIDENCE,
            input={step: f"steps.{step}" for step in _EVIDENCE},
            fallback="fraud.rules_scorer",
        ),
        StepSpec(
            "block",
            agent="fraud.block_card",
            needs=("score", "payment"),
            when=f"steps.score.score >= {BLOCK_FROM}",
            input={
                "card": "steps.payment.card",
                "payment": "steps.payment.id",
                "score": "steps.score.score",
            },
            compensate="fraud.unblock_card",
        ),
        StepSpec(
            "review",
            agent="human",
            needs=("payment", "score", *_EVIDENCE),
            after=("block",),
            when=f"steps.score.score >= {GREY_FROM} && steps.score.score < {FRAUD_FROM}",
            input={
                "question": "'Did the owner of the card make this payment? Then it is legit, else fraud.'",
                "card_is_blocked": f"steps.score.score >= {BLOCK_FROM}",
                "score": "steps.score.score",
            },
            form={
                "type": "object",
                "required": ["verdict"],
                "properties": {
                    "verdict": {"enum": list(VERDICTS)},
                    "note": {"type": "string", "maxLength": 500},
                },
                "additionalProperties": False,
            },
        ),
        StepSpec(
            "verdict",
            agent="fraud.judge",
            needs=("score", "review", *_EVIDENCE),
            after=("block",),
            optional=("review",),
            input={"score": "steps.score", "review": "steps.review"},
            verify=Verify("fraud.verdict_verifier", max_revisions=0),
        ),
        StepSpec(
            "release",
            agent="fraud.unblock_card",
            needs=("verdict", "block"),
            when="steps.verdict.verdict == 'legit'",
            input={"card": "steps.block.card"},
        ),
        StepSpec(
            "case",
            agent="fraud.case_files",
            needs=("verdict",),
            when="steps.verdict.verdict == 'fraud'",
            input={"payment": "input.payment_id", "verdict": "steps.verdict"},
        ),
    ),
)
