from agents import Task, agent
from tests.chaos.crashapp.journal import note


@agent("late.step")
def late(task: Task) -> str:
    note("end", run=task.run_id, key=task.step_key, token=task.token)
    return f"{task.step_key} was worth the wait"
