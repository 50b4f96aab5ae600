"""The fraud desk's commands: teaching, switching the outside service, reporting."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from examples.fraud.books import Payment
from examples.fraud.scorer_model import Model, open_model
from examples.fraud.workflows import FRAUD_CHECK
from orchestration.testing import run_workflow


def _say(*command: str, **options: Any) -> str:
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue()


def test_the_model_is_the_one_its_books_teach() -> None:
    taught = Model.model_validate_json(_say("train_scorer", dry_run=True))
    assert taught.features == open_model().features
    assert taught.weights == pytest.approx(open_model().weights, abs=0.02)
    assert taught.offset == pytest.approx(open_model().offset, abs=0.02)


@pytest.mark.django_db
def test_the_service_is_switched_off_and_on() -> None:
    assert "is up" in _say("reputation")
    assert json.loads(_say("reputation", down=True, json=True)) == {
        "is_down": True,
        "answered": 0,
        "failed": 0,
    }
    assert json.loads(_say("reputation", down=True, json=True))["is_down"]
    assert "is up" in _say("reputation", up=True)


@pytest.mark.django_db
def test_the_report_counts_what_became_of_the_payments(
    stolen: Payment, usual: Payment, doubtful: Payment
) -> None:
    with pytest.raises(CommandError, match="start_run fraud-check --each"):
        _say("report_fraud")

    for payment in (stolen, usual, doubtful):
        run_workflow(FRAUD_CHECK, {"payment_id": payment.id})

    figures = json.loads(_say("report_fraud", json=True))
    assert {name: figures[name] for name in ("payments", "frauds", "caught", "missed", "escalated")} == {
        "payments": 3,
        "frauds": 2,
        "caught": 1,
        "missed": 0,
        "escalated": 1,
    }
    assert (figures["share_seen"], figures["open_or_failed"]) == (1.0, 0)
    assert "A person was asked about 1 (33.3%)." in _say("report_fraud")


@pytest.mark.django_db
def test_the_console_shows_what_was_done_and_lets_nobody_change_it(
    stolen: Payment, admin_client: Client
) -> None:
    run_workflow(FRAUD_CHECK, {"payment_id": stolen.id})

    for name, shown in (("cardaction", stolen.card), ("case", stolen.id), ("servicecall", stolen.id)):
        assert shown in admin_client.get(f"/admin/fraud/{name}/").content.decode()
        assert admin_client.get(f"/admin/fraud/{name}/add/").status_code == 403
