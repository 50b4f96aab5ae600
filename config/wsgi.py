"""The web process for WSGI servers."""

from django.core.wsgi import get_wsgi_application

from config import env

env.choose_settings("config.settings.production")
application = get_wsgi_application()
