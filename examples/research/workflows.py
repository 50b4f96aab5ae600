"""What happens to a question. How many researchers there are is not here: the coordinator decides."""

from typing import Final

from orchestration import StepSpec, Verify, WorkflowSpec

MIN_CONFIDENCE: Final = 0.7

RESEARCH: Final = WorkflowSpec(
    name="research",
    description="Answer a question from documents, or hand it to a person with what was found.",
    input_schema={
        "type": "object",
        "required": ["question"],
        "properties": {"question": {"type": "string", "minLength": 3, "maxLength": 1_000}},
        "additionalProperties": False,
    },
    steps=(
        StepSpec(
            "plan",
            agent="research.coordinator",
            input={"question": "input.question"},
            min_confidence=MIN_CONFIDENCE,
        ),
        StepSpec(
            "analyse",
            agent="research.analyst",
            needs=("plan",),
            input={"plan": "steps.plan"},
            min_confidence=MIN_CONFIDENCE,
        ),
        StepSpec(
            "report",
            agent="research.writer",
            needs=("analyse",),
            input={"analysis": "steps.analyse"},
            verify=Verify("research.fact_checker", max_revisions=0),
        ),
    ),
)
