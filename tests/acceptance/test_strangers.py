"""Whoever reaches the broker can write messages; neither a worker nor a run shall notice."""

from django.conf import settings

from tests.chaos.arena import Arena
from tests.chaos.scenarios import endure_strangers


def test_no_message_of_a_stranger_ends_a_worker_or_makes_it_deaf(arena: Arena) -> None:
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    endure_strangers(arena, settings.CELERY_BROKER_URL)
