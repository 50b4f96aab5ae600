"""Durable runs of agents: PostgreSQL is the truth, Celery the doorbell.

The map, in reading order:

1. `domain/states.py`     the states of a step and a run, and the one list of edges between them
2. `domain/spec.py`       what a workflow is: steps, needs, conditions, limits
3. `models/`              the rows: workflow, run, step, edge, attempt, decision, hand-off, receipt, event, process
4. `transitions/`         the only writer of status; one declared ending or guarded statement per edge
5. `executor/`            one attempt: claim, assemble, invoke, decide, write, release; `pipeline.py` first
6. `dispatch.py`          what was released becomes Celery messages, chains and chords
7. `holds/`               what waits for a person: the outlook of each choice, and the choice carried out
8. `actors/`              messages: routed to mailboxes, turned into runs, answered
9. `runs/`                the use cases: start, wait, control, fork, verify
10. `usage/`, `sampling/`, `budgets/`, `outgoing/`, `memory/`, `awaited.py`  what agents used, what is kept for a later
                          look, what a run tree may use, what an answer sends, what is remembered, what a step waits
                          for: parts of endings
11. `worker/`             the process row, its heartbeat and lock, and what happens when it dies
12. `maintenance/`        the process that rescues, wakes and rings again
"""

from orchestration.domain.budget import Budget
from orchestration.domain.spec import Listen, Recall, Retry, Review, StepSpec, TopicSpec, Verify, WorkflowSpec

__all__ = ["Budget", "Listen", "Recall", "Retry", "Review", "StepSpec", "TopicSpec", "Verify", "WorkflowSpec"]
