import pytest
from examples.fraud.workflows import FRAUD_CHECK
from examples.research.workflows import RESEARCH
from orchestration.testing import run_workflow
from escalation.models import Ticket
from examples.fraud.books import open_books
from examples.fraud.scoring import gather, score_by_model
from examples.fraud.scorer_model import open_model

def test_shots(console):
    b = open_books()
    p = next(x for x in b.to_check() if x.label == "cloned card" and .5 <= score_by_model(open_model(), gather(b, x))["score"] < .7)
    f = run_workflow(FRAUD_CHECK, {"payment_id": p.id})
    r = run_workflow(RESEARCH, {"question": "Compare all power sources and the ways to store power in capacity, cost and land."})
    t = Ticket.objects.get()
    console.page.set_viewport_size({"width": 1400, "height": 1000})
    for name, path in (("run", f"/admin/orchestration/run/{r.run.pk}/change/"), ("fraud", f"/admin/orchestration/run/{f.run.pk}/change/"), ("ticket", f"/admin/escalation/ticket/{t.pk}/change/"), ("cards", "/admin/fraud/cardaction/"), ("tickets", "/admin/escalation/ticket/")):
        console.page.goto(console.address + path); console.page.wait_for_timeout(1500)
        console.page.screenshot(path=f"/tmp/shot_{name}.png", full_page=True)
