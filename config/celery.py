"""The Celery application, `celery -A config worker`; its settings are the CELERY_* names of Django's."""

from celery import Celery

from config import env

env.choose_settings("config.settings.local")

app = Celery("ringmaster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
