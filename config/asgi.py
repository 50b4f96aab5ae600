"""The web process for ASGI servers: `granian --interface asginl config.asgi:application`."""

import warnings

import django

from config import env

env.choose_settings("config.settings.production")

# WhiteNoise hands out static files by a plain iterator; that Django reads each at once is fine.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

django.setup(set_prefix=False)
# The handlers need the settings.
from config.requests import AsgiHandler  # noqa: E402

application = AsgiHandler()
