"""The support desk's agents: each reads its task, asks the module that knows, and says how sure it is.

Importing this file must stay cheap (every Django process does it): the classifiers load inside a worker.
"""

from collections.abc import Callable, Sequence
from functools import partial

from django.utils import timezone

from agents import Result, Task, agent
from examples.support import artefacts, facts, guidelines, outbox, reading, retrieval, triage, writing
from examples.support.data_files import read_data
from examples.support.intents import Guess
from examples.support.likeness import guess_by_likeness
from examples.support.sentiment import read_tone
from examples.support.situation import Customer, Order, Product, Situation

Guesser = Callable[[Sequence[str]], list[Guess]]


@agent("crm.history", timeout_seconds=10)
def look_up_history(task: Task) -> Result:
    """Look up the customer and their latest orders."""
    return Result(retrieval.find_history(task.input["customer"]))


@agent("support.sentiment", timeout_seconds=10)
def read_sentiment(task: Task) -> Result:
    """Read the tone of a message. States no confidence: VADER has none that means a probability."""
    tone = read_tone(task.input["text"])
    return Result({"label": tone.label, "score": tone.score, "is_furious": tone.is_furious})


@agent("shop.inventory", timeout_seconds=10)
def look_up_inventory(task: Task) -> Result:
    """Look up the products a message names and what can be bought now."""
    return Result({"products": retrieval.find_products(task.input["text"])})


@agent("support.writer", timeout_seconds=60)
def write_reply(task: Task) -> Result:
    """Write a reply from templates and retrieved facts, and say honestly how sure it is."""
    return _write(task, artefacts.load_shop_model().guess)


@agent("support.template_writer", timeout_seconds=10)
def write_without_classifier(task: Task) -> Result:
    """Write a reply to what was asked before in almost the same words; anything else gets a draft for a person."""
    return _write(task, partial(guess_by_likeness, artefacts.shop_texts()))


@agent("brand.verifier", timeout_seconds=10)
def verify_reply(task: Task) -> Result:
    """Check a reply against the brand guidelines; a breach is a FAIL that names the guideline."""
    draft, customer = task.input["output"], task.handoff["history"]["customer"]
    checked = guidelines.Reply(
        subject=draft["subject"],
        body=draft["body"],
        customer_name=customer["name"] if customer else "",
        is_upset=task.handoff["sentiment"]["label"] == "negative",
        facts=draft["facts"],
    )
    breaches = guidelines.find_breaches(checked, read_data("guidelines")["rules"])
    return Result({"verdict": "FAIL" if breaches else "PASS", "reasons": breaches})


@agent(
    "mail.outbox",
    timeout_seconds=10,
    effects=["sends an e-mail to the customer"],
    reversible=False,
    pools={"mail": 1},
)
def send_reply(task: Task) -> Result:
    """Send a reply, once per idempotency key."""
    reply = outbox.read_reply(task.input)
    return Result(outbox.send(reply, idempotency_key=task.idempotency_key, run_id=task.run_id))


@agent("triage.classifier", timeout_seconds=60)
def classify_intent(task: Task) -> Result:
    """Name the intent of a message and how likely that is right."""
    guess = artefacts.load_triage_model().guess([task.input["text"].casefold()])[0]
    return Result({"intent": guess.label}, confidence=guess.confidence)


@agent("triage.answer", timeout_seconds=10)
def compose_answer(task: Task) -> Result:
    """Compose the answer to an intent from its template."""
    answer = triage.compose_answer(task.input["intent"], task.input["customer"], read_data("triage_answers"))
    return Result(answer)


def _write(task: Task, guess: Guesser) -> Result:
    """Write a reply, with any way of telling what a message is about."""
    situation = _build_situation(task)
    masked = reading.mask_names(situation.text, situation.product_names)
    matter = reading.read_matter(masked, guess)
    language = reading.read_language(situation.text, read_data("languages"))
    suspicious = guidelines.is_suspicious(situation.text, read_data("guidelines")["suspicious"])
    policy = read_data("policy")
    findings = facts.find_facts(matter.intent, situation) if matter.is_clear else facts.NOTHING
    doubts = writing.weigh(situation, matter, findings, language, is_suspicious=suspicious)
    if task.feedback:
        doubts.append(
            writing.Doubt("feedback", 0.0, f"This writer can't act on feedback ({task.feedback}): edit it.")
        )
    draft = writing.write_draft(situation, matter, findings, doubts, (read_data("replies"), policy))
    return Result(writing.describe(draft, situation, matter, language), confidence=draft.confidence)


def _build_situation(task: Task) -> Situation:
    history, sentiment, inventory = task.input["history"], task.input["sentiment"], task.input["inventory"]
    customer = history["customer"]
    return Situation(
        text=task.input["text"],
        sender=task.input["sender"],
        customer=Customer(**customer) if customer else None,
        orders=tuple(Order.read(order) for order in history["orders"]),
        has_older_orders=history["more_orders"] > 0,
        products=tuple(Product.read(product) for product in inventory["products"]) if inventory else None,
        is_upset=sentiment["label"] == "negative",
        is_furious=sentiment["is_furious"],
        today=timezone.now().date(),
        return_days=int(read_data("policy")["return_days"]),
    )
