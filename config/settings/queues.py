"""Celery's settings. PostgreSQL decides, the broker only rings: nothing here retries, delays or remembers."""

from typing import Any

from kombu.entity import Queue

from config import env, services

_BROKER = services.broker_url(env.text("CELERY_BROKER_URL"), env.state_dir())
_BACKEND = services.result_backend(env.text("CELERY_RESULT_BACKEND"), _BROKER)
CELERY_BROKER_URL, CELERY_BROKER_USE_SSL = services.split_tls("CELERY_BROKER_URL", _BROKER)
CELERY_RESULT_BACKEND, CELERY_REDIS_BACKEND_USE_SSL = (
    services.split_tls("CELERY_RESULT_BACKEND", _BACKEND) if _BACKEND else (None, None)
)

CELERY_TASK_QUEUES = (Queue("steps"), Queue("isolated"))
CELERY_TASK_DEFAULT_QUEUE = "steps"
CELERY_TASK_CREATE_MISSING_QUEUES = False

# Results are rows; the result backend only counts chord headers, in a Redis database of its own.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
# One for all threads of a worker, which else make one each when they perform their first step.
CELERY_RESULT_BACKEND_THREAD_SAFE = True
CELERY_REDIS_MAX_CONNECTIONS = 2000
# Whoever counts a chord is about to publish: no patience beyond the budget for that.
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"max_retries": 0}}
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 1
CELERY_REDIS_SOCKET_TIMEOUT = 5
CELERY_RESULT_EXPIRES = 3600
CELERY_RESULT_CHORD_EXPIRES = 86400

# The database retries, not the broker.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_RETRY_ON_WORKER_LOST = False
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
CELERY_WORKER_LOST_WAIT = 2.0
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS = False

_REDIS_TRANSPORT: dict[str, Any] = {
    "visibility_timeout": 7200,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "max_connections": 2000,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_BROKER_TRANSPORT_OPTIONS = _REDIS_TRANSPORT if services.is_redis(CELERY_BROKER_URL) else {}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A broker that answers with a refusal (busy, can't write its data) would end the worker: it is away, no more.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 1,
}
# Leases decide who may write, not the broker connection.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# After a reconnect a thread worker would raise the count again from one of its threads, which waits for RabbitMQ's
# answer on the connection that the main thread reads: nothing is acknowledged from then on, and the worker is deaf.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False

# Whoever reaches the broker can write messages; only the engine's own are let in.
CELERY_WORKER_CONSUMER = "orchestration.worker.reception:Reception"
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_ACCEPT_CONTENT = ["json"]

CELERY_WORKER_ETA_TASK_LIMIT = 100
CELERY_TASK_TRACK_STARTED = False
# Flower lives on worker events; a second event per publish would cost as much as the message.
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
