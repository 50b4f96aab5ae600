"""The Celery application, `celery -A config worker`; its settings are the CELERY_* names of Django's."""

from celery import Celery
from celery.concurrency import ALIASES
from kombu.transport import TRANSPORT_ALIASES

from config import (
    env,
    secrets,  # noqa: F401 - ties itself to the life of workers
)

env.choose_settings("config.settings.local")
# A worker has a checklist of its own, and heeds it: orchestration/worker/checklist.py.
env.set_default("CELERY_SKIP_CHECKS", "1")

# By its scheme, so that whoever reads the broker's address (Flower, logs) still finds `redis://` in it.
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "config.redis_transport:Transport"

# A thread that hangs for ever must cost the worker no more than its own place.
ALIASES["threads"] = "config.thread_pool:TaskPool"

app = Celery("ringmaster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
