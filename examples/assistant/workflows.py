"""What happens to a message: the assistant answers it, within a budget."""

from typing import Final

from orchestration import Budget, StepSpec, WorkflowSpec

ASSISTANT: Final = WorkflowSpec(
    name="assistant",
    description="Answer a customer's message with a model; a refund above 50 euro waits for a person.",
    sla="customer-facing",
    input_schema={
        "type": "object",
        "required": ["customer", "text"],
        "properties": {
            "message_id": {"type": "string", "minLength": 1, "maxLength": 100},
            "customer": {"type": "string", "minLength": 1, "maxLength": 100},
            "text": {"type": "string", "minLength": 1, "maxLength": 10_000},
        },
        "additionalProperties": False,
    },
    steps=(
        StepSpec(
            "answer",
            agent="assistant.desk",
            input={"customer": "input.customer", "text": "input.text"},
            # No message is worth more: a model that goes round in circles is stopped here.
            budget=Budget(usd="0.50", calls=20),
        ),
    ),
)
