"""The top layer: settings, the embedded services, the process entry points. It may import every app; no app imports it.

Celery's `-A config` finds the application here; Django needs it imported so that tasks bind to it.
"""

from config.celery import app as celery_app

__all__ = ("celery_app",)
