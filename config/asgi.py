"""The web process for ASGI servers: `granian --interface asginl config.asgi:application`."""

import warnings

from django.core.asgi import get_asgi_application

from config import env

env.choose_settings("config.settings.production")

# WhiteNoise hands out static files by a plain iterator; that Django reads each at once is fine.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

application = get_asgi_application()
