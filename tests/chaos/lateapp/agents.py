from agents import Task, agent


@agent("late.step")
def late(task: Task) -> str:
    return f"{task.step_key} was worth the wait"
