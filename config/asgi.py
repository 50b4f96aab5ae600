"""The web process for ASGI servers: `granian --interface asgi config.asgi:application`."""

from django.core.asgi import get_asgi_application

from config import env

env.choose_settings("config.settings.production")
application = get_asgi_application()
