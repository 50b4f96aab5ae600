"""The tests: servers from tests.plugins.services or the environment; no pool, quick password hashing."""

from config import env, services
from config.database import database_settings
from config.settings import base
from config.settings.base import *  # noqa: F403 - settings are layered by star imports, as Django documents
from config.settings.examples import EXAMPLE_APPS, join, name_example_models, size_example_pools

SECRET_KEY = "only-for-tests-" + "x" * 50
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
INSTALLED_APPS = [*base.INSTALLED_APPS, *env.app_list("RINGMASTER_APPS", EXAMPLE_APPS)]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Static files are looked for when they are asked for: each test's client would list them all at its first request.
WHITENOISE_AUTOREFRESH = True

# A pool would keep connections to the test database open when it is dropped.
DATABASES = {
    "default": database_settings(
        services.database_url(env.text("DATABASE_URL"), env.state_dir()),
        pool_size=env.whole_number("DATABASE_POOL_SIZE", 0),
    )
}
RINGMASTER = base.RINGMASTER | {
    "POOLS": join(size_example_pools(INSTALLED_APPS), base.RINGMASTER.get("POOLS", {})),
    "MODELS": join(name_example_models(INSTALLED_APPS), base.RINGMASTER.get("MODELS", {})),
}
