"""A deployment: all comes from the environment, nothing insecure has a default, bad values stop the start.

`manage.py check --deploy --fail-level WARNING` is clean with these.
"""

from config import env
from config.database import database_settings
from config.errors import BadEnvironment
from config.settings import base
from config.settings.base import *  # noqa: F403 - settings are layered by star imports, as Django documents
from config.settings.examples import join, name_example_models, size_example_pools

_SHORTEST_KEY = 50

if env.flag("DEBUG", default=False):
    raise BadEnvironment("DEBUG is on: production settings never run with it; unset DEBUG.")

SECRET_KEY = env.required("SECRET_KEY", f"a random text of at least {_SHORTEST_KEY} characters")
if len(SECRET_KEY) < _SHORTEST_KEY or len(set(SECRET_KEY)) < 5 or SECRET_KEY.startswith("django-insecure"):
    raise BadEnvironment(
        f"SECRET_KEY is a default or too short: set {_SHORTEST_KEY} or more random characters."
    )

env.required("ALLOWED_HOSTS", "the host names this service answers to, comma separated")
env.required("CELERY_BROKER_URL", "the broker's address, redis://... or amqp://...")

DATABASES = {
    "default": database_settings(
        env.required("DATABASE_URL", "the database's address, postgresql://user:password@host:5432/name"),
        pool_size=env.whole_number("DATABASE_POOL_SIZE", 16),
    )
}
INSTALLED_APPS = [*base.INSTALLED_APPS, *env.app_list("RINGMASTER_APPS")]
RINGMASTER = base.RINGMASTER | {
    "POOLS": join(size_example_pools(INSTALLED_APPS), base.RINGMASTER.get("POOLS", {})),
    "MODELS": join(name_example_models(INSTALLED_APPS), base.RINGMASTER.get("MODELS", {})),
}

STATIC_ROOT = env.text("STATIC_ROOT", str(base.BASE_DIR / "staticfiles"))
WHITENOISE_USE_FINDERS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
# A proxy in front that ends TLS must set this header itself, or anybody could claim to have come over HTTPS.
if env.flag("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.whole_number("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
