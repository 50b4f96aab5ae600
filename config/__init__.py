"""The top layer: settings, the embedded services, the entry points. It imports every app; none imports it.

Celery's `-A config` finds the application here; Django needs it imported so that tasks bind to it.
"""

from config.celery import app as celery_app

__all__ = ("celery_app",)
