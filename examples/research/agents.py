"""The research desk's agents: each reads its task, asks the module that knows, and says how sure it is."""

from typing import Final

from agents import Result, Task, agent
from examples.research import assignments, checking, findings, judging, report
from examples.research.library import open_library
from examples.research.reading import read_question
from examples.research.searching import cover
from orchestration import StepSpec

# As sure as a reading without a person gets.
_AT_HOME: Final = 0.95


@agent("research.coordinator", timeout_seconds=60)
def divide_work(task: Task) -> Result:
    """Read the question and send as many researchers as it needs; unsure when the documents know nothing of it.

    Sent back, it reads what a person said as part of the question, and goes.
    """
    library = open_library()
    question = " ".join(filter(None, (task.input["question"], task.feedback)))
    reading = read_question(library, question)
    assignment = assignments.assign(library, question, reading)
    # Figures are found or not; whether a sentence answers a question can only be told by its words.
    known = 1.0 if assignment.measures or task.feedback else cover(library, reading.words)
    spawn = assignments.plan_researchers(assignment)
    return Result(assignment.describe(), confidence=round(_AT_HOME * known, 3), spawn=spawn)


@agent("research.lead", timeout_seconds=60)
def send_members(task: Task) -> Result:
    """Send a researcher for each member of a group."""
    members = [member.key for member in open_library().members(task.input["group"])]
    if not members:
        raise ValueError(f"group {task.input['group']!r} has no members in the index of the library")
    steps: list[StepSpec] = assignments.plan_members(members)
    return Result({**task.input, "members": members}, spawn=steps)


@agent("research.researcher", timeout_seconds=60)
def find_out(task: Task) -> Result:
    """Search the documents for one errand; sent back, search again within what the feedback says."""
    errand = findings.Errand(
        subject=task.input["subject"],
        measures=assignments.read_list(task.input["measures"], "measures"),
        question=task.input["question"],
        asks_why=bool(task.input["asks_why"]),
    )
    found = findings.find_out(open_library(), errand, findings.read_scope(task.feedback))
    return Result(found | {"step": task.step_key, "feedback": task.feedback or ""})


@agent("research.analyst", timeout_seconds=60)
def analyse(task: Task) -> object:
    """Compare what the researchers brought; send the one with the worst data back, else say how sure the rest is."""
    library, plan = open_library(), task.input["plan"]
    brought = judging.read_findings(plan)
    faults = judging.find_faults(library, brought)
    sent_back = judging.choose_rework(brought, faults)
    if sent_back is not None:
        return Result.rework(*sent_back)
    analysis, confidence = judging.analyse(library, plan["output"], brought, faults)
    return Result(analysis, confidence=confidence)


@agent("research.writer", timeout_seconds=60)
def write_report(task: Task) -> Result:
    """Write the report with its sources."""
    return Result(report.write_report(open_library(), task.input["analysis"]))


@agent("research.fact_checker", timeout_seconds=60)
def check_facts(task: Task) -> Result:
    """Pass a report only if its documents say what it states."""
    faults = checking.find_unfounded(open_library(), task.input["output"])
    return Result({"verdict": "FAIL" if faults else "PASS", "reasons": faults})
