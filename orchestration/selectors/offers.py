"""What present workers tell of their agents, and why a step waits for one."""

from collections.abc import Collection, Iterable
from typing import Final

from django.db.models import Case, F, Func, IntegerField, QuerySet, TextField, Value, When
from django.db.models.functions import MD5
from django.db.models.lookups import LessThanOrEqual

from agents.domain.contract import strip_pin
from agents.domain.offers import MOST_BYTES, Offers, read_offers
from orchestration.domain.offering import Standing, Teller, describe_faults, gather_standings
from orchestration.domain.waits import WaitsFor
from orchestration.models import Step, WorkerProcess

_MOST_WORKERS: Final = 1_000
_MOST_TEXTS: Final = 50
_TOO_LONG: Final = "{"
"""Stands for a text that is not read, and can't be."""


def list_standings() -> list[Standing]:
    """Return how each agent stands that a present worker has, by name."""
    return gather_standings(_list_tellers())


def find_standing(agent: str) -> Standing:
    """Return how one agent stands among the present workers."""
    found = (standing for standing in list_standings() if standing.name == agent)
    return next(found, Standing(agent))


def with_told(rows: QuerySet[WorkerProcess]) -> QuerySet[WorkerProcess]:
    """Add `told_json`, what each worker tells of its agents, instead of the column, which may hold anything."""
    return rows.defer("offers_json").annotate(told_json=_bounded())


def find_waited_builds(steps: Iterable[Step]) -> dict[int, str]:
    """Return of steps that wait for an agent which present workers could not build who could not, and why."""
    waiting = [step for step in steps if step.waits_for == WaitsFor.AGENT]
    if not waiting:
        return {}
    tellers = _list_tellers()
    return {step.pk: said for step in waiting if (said := _say_builds(step, tellers))}


def _say_builds(step: Step, tellers: Collection[Teller]) -> str:
    name = strip_pin(step.agent)
    faults = [
        (teller.name, offer.fault)
        for teller in tellers
        if step.queue in teller.queues
        for offer in teller.offers.agents
        if offer.name == name and offer.fault is not None
    ]
    return describe_faults(name, faults)


def _list_tellers() -> list[Teller]:
    """Return the present workers. Those of one release mostly tell the same: each text is read once."""
    present = WorkerProcess.objects.filter(stopped_at=None).order_by("name", "pk")
    rows = present.annotate(digest=MD5(_bounded())).values_list("pk", "name", "queues", "agents", "digest")
    listed = list(rows[:_MOST_WORKERS])
    texts = present.annotate(digest=MD5(_bounded()), text=_bounded()).order_by("digest").distinct("digest")
    read = {row[0]: read_offers(row[1]) for row in texts.values_list("digest", "text")[:_MOST_TEXTS]}
    unread = Offers(is_readable=False)
    return [
        Teller(pk, name, frozenset(queues), frozenset(agents), read.get(digest, unread))
        for pk, name, queues, agents, digest in listed
    ]


def _bounded() -> Case:
    """Return what a worker tells, unless it is longer than anything that a worker writes."""
    length = Func("offers_json", function="octet_length", output_field=IntegerField())
    return Case(
        When(LessThanOrEqual(length, MOST_BYTES), then=F("offers_json")),
        default=Value(_TOO_LONG),
        output_field=TextField(),
    )
