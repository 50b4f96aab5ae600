"""Who is in the team: behaviours of actors, the topics between them, and what waits for a person.

Two more have no workflow here, since a turn of theirs is one step: `team.desk` and `team.outbox` say `mailbox=` in
`agents.py`, and `publish_workflows` makes their behaviours of that.
"""

from typing import Any, Final

from examples.desk_team.reading import TOPICS
from orchestration import Listen, Review, StepSpec, TopicSpec, Verify, WorkflowSpec

WAYS: Final = ("memory", "specialist", "asked_back", "handed", "person")
"""Who answered: what the team remembers, a specialist, the desk with a question of its own, a person later or now."""
_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 10_000}
_NAME: Final[dict[str, Any]] = {"type": "string", "maxLength": 100}

ANSWERED: Final = TopicSpec(
    "team.answered",
    {
        "type": "object",
        "required": ["customer", "message_id", "day", "topic", "question", "text", "by", "about", "all_of"],
        "properties": {
            "customer": _NAME,
            "message_id": _NAME,
            "day": {"type": "string", "maxLength": 10},
            "topic": {"enum": list(TOPICS)},
            "question": _TEXT,
            "text": _TEXT,
            "by": {"enum": list(WAYS)},
            "about": _NAME,
            "all_of": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
            "order": {"type": ["string", "null"], "maxLength": 20},
            "used": {"type": "array", "items": {"enum": ["name", "tone", "order", "answer"]}},
        },
        "additionalProperties": False,
    },
    description="Each message of a customer, with the answer, who gave it, and what was known before.",
)
NEWS: Final = TopicSpec(
    "shop.news",
    {
        "type": "object",
        "required": ["topic", "about", "text"],
        "properties": {"topic": {"enum": list(TOPICS)}, "about": _NAME, "text": _TEXT},
        "additionalProperties": False,
    },
    description="What holds from now on instead of what the handbook says.",
)

SPECIALIST: Final = WorkflowSpec(
    name="team-specialist",
    description="One for each topic: answers what desks ask, by the handbook and the news.",
    actor="team.specialist",
    mailbox=10,
    listens=(Listen("shop.news", key="body.topic"),),
    steps=(StepSpec("advise", agent="team.specialist"),),
)
LIBRARIAN: Final = WorkflowSpec(
    name="team-librarian",
    description="One for each topic: proposes what is worth to be remembered; a checker or a person accepts it.",
    actor="team.librarian",
    listens=(
        # Answers about one order are nobody else's.
        Listen(
            "team.answered",
            key="body.topic",
            where="body.by in ['specialist', 'person'] && (!has(body.order) || body.order == null)",
        ),
        Listen("shop.news", key="body.topic"),
    ),
    # A proposal that a person looks at holds up no other.
    on_stuck="park",
    steps=(
        StepSpec(
            "propose",
            agent="team.librarian",
            verify=Verify("team.checker", max_revisions=0),
            review=Review(question="Shall the whole team answer so from now on?", main="note.text"),
        ),
    ),
)
PERSON: Final = WorkflowSpec(
    name="team-person",
    description="A question that nobody in the team can answer, with what was said before, for a person.",
    sla="customer-facing",
    actor="team.person",
    # Each question has a ticket of its own, however many wait.
    on_stuck="park",
    steps=(
        StepSpec("collect", agent="team.collector"),
        StepSpec(
            "answer",
            agent="human",
            needs=("collect",),
            # However long the story is: these two are never shortened.
            pin={"collect": ("/question", "/order")},
            input={"question": "input.messages[0].body.question"},
            form={
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 5_000}},
                "additionalProperties": False,
            },
        ),
        StepSpec(
            "pass_on", agent="team.courier", needs=("answer",), input={"asked": "input.messages[0].body"}
        ),
    ),
)
