"""The console's pages for runs, workflows and workers. Everything here reads, or passes on what people order.

1. `runs.py`, `workflows.py`, `workers.py`   the lists, and the ways to the pages
2. `run_page.py`, `step_page.py`             what a run's and a step's page show
3. `problems.py`                             what an operator must know first
4. `run_sections.py`                         the details of a run, a page of rows at a time
5. `plans.py`, `picture/`                    plans as pictures
6. `verifiers.py`                            how good verifiers are
7. `projects.py`                             projects, their members, API tokens
8. `actors/`                                 actors, their mail, topics, dead letters
9. `memory/`                                 what is remembered, its versions, writing and forgetting
10. `visible.py`                              what agents wrote, made safe to look at
11. `addresses.py`, `paging.py`, `words.py`, `chips.py`, `access.py`   what the pages share
"""

from orchestration.admin.actors import ActorAdmin, DeadLetterAdmin, MessageAdmin, TopicAdmin
from orchestration.admin.memory import MemoryAdmin
from orchestration.admin.projects import ApiTokenAdmin, ProjectAdmin
from orchestration.admin.runs import RunAdmin
from orchestration.admin.verifiers import VerifierTrialAdmin
from orchestration.admin.workers import WorkerProcessAdmin
from orchestration.admin.workflows import WorkflowAdmin

__all__ = [
    "ActorAdmin",
    "ApiTokenAdmin",
    "DeadLetterAdmin",
    "MemoryAdmin",
    "MessageAdmin",
    "ProjectAdmin",
    "RunAdmin",
    "TopicAdmin",
    "VerifierTrialAdmin",
    "WorkerProcessAdmin",
    "WorkflowAdmin",
]
