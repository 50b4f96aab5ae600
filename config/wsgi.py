"""The web process for WSGI servers."""

import django

from config import env

env.choose_settings("config.settings.production")
django.setup(set_prefix=False)
# The handlers need the settings.
from config.requests import WsgiHandler  # noqa: E402

application = WsgiHandler()
