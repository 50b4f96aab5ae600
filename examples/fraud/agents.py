"""The fraud desk's agents: each reads its task, asks the module that knows, and says what it found."""

from agents import Result, Task, agent
from examples.fraud import cards, habits, reputation, scoring, signs, verdicts
from examples.fraud.books import open_books
from examples.fraud.scorer_model import open_model


@agent("fraud.books", timeout_seconds=10)
def look_up(task: Task) -> Result:
    """Look the payment up in the books."""
    payment = open_books().payment(task.input["payment_id"])
    return Result(payment.model_dump(mode="json", exclude={"label"}))


@agent("fraud.transaction_analysis", timeout_seconds=10)
def analyse_transaction(task: Task) -> Result:
    """Work out what the payment itself shows: speed of travel, small trials before it, pace, kind."""
    books = open_books()
    payment = books.payment(task.input["payment_id"])
    found = signs.read_signs(books.directory, payment, books.before(payment))
    return Result(found)


@agent("fraud.behaviour_analysis", timeout_seconds=10)
def analyse_behaviour(task: Task) -> Result:
    """Work out how the payment fits what its maker always does."""
    books = open_books()
    payment = books.payment(task.input["payment_id"])
    return Result(habits.read_habits(payment, books.before(payment)))


@agent("fraud.reputation_service", timeout_seconds=5)
def ask_reputation(task: Task) -> Result:
    """Ask the outside service what it knows of device and merchant."""
    books = open_books()
    payment = books.payment(task.input["payment_id"])
    return Result(reputation.ask_service(books.directory.reputation, payment))


@agent("fraud.reputation_copy", timeout_seconds=10)
def read_reputation(task: Task) -> Result:
    """Look device and merchant up in the bank's own, older copy."""
    books = open_books()
    payment = books.payment(task.input["payment_id"])
    return Result(reputation.read_copy(books.directory.old_reputation, payment))


@agent("fraud.model_scorer", timeout_seconds=30, pools={"gpu": 1})
def score_by_model(task: Task) -> Result:
    """Score by the model, which needs the one GPU."""
    return Result(scoring.score_by_model(open_model(), scoring.read_evidence(task.input)))


@agent("fraud.rules_scorer", timeout_seconds=10)
def score_by_rules(task: Task) -> Result:
    """Score by plain rules, when the model can't."""
    return Result(scoring.score_by_rules(scoring.read_evidence(task.input)))


@agent("fraud.block_card", timeout_seconds=10, effects=["blocks the customer's card"])
def block_card(task: Task) -> Result:
    """Block the card until it is clear what the payment is."""
    reason = f"payment {task.input['payment']} scored {task.input['score']}"
    card = _read_card(task.input)
    return Result(cards.block(card, reason=reason, idempotency_key=task.idempotency_key, run_id=task.run_id))


@agent("fraud.unblock_card", timeout_seconds=10, effects=["unblocks the customer's card"])
def unblock_card(task: Task) -> Result:
    """Take this run's block back: the payment was legitimate, or the run was aborted (then it compensates)."""
    given = task.input.get("output", task.input)
    reason = "the run was aborted" if "output" in task.input else "the payment was legitimate"
    card = _read_card(given)
    return Result(
        cards.unblock(card, reason=reason, idempotency_key=task.idempotency_key, run_id=task.run_id)
    )


@agent("fraud.judge", timeout_seconds=10)
def judge(task: Task) -> Result:
    """Say what the payment is: by the score, or by a person's word."""
    word = verdicts.read_word(task.input["review"])
    return Result(verdicts.judge(task.input["score"], word))


@agent("fraud.verdict_verifier", timeout_seconds=10)
def verify_verdict(task: Task) -> Result:
    """Pass a verdict only if it follows from its score, and the score from the figures that the steps found."""
    faults = verdicts.find_faults(task.input["output"], task.handoff)
    return Result({"verdict": "FAIL" if faults else "PASS", "reasons": faults})


@agent("fraud.case_files", timeout_seconds=10, effects=["files a case of fraud"])
def file_case(task: Task) -> Result:
    """File a case for what was found to be fraud."""
    verdict = task.input["verdict"]
    filed = cards.file_case(
        task.input["payment"],
        score=float(verdict["score"]),
        reasons=verdict["reasons"],
        idempotency_key=task.idempotency_key,
        run_id=task.run_id,
    )
    return Result(filed)


def _read_card(given: object) -> str:
    """Return the card that an input names.

    Raises: ValueError: it names none.
    """
    card = given.get("card") if isinstance(given, dict) else None
    if not isinstance(card, str) or not card:
        raise ValueError(f"card is {card!r}: give the card's number")
    return card
