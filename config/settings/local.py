"""A checkout on one machine: the embedded services, the example apps, a key kept in the state folder."""

from config import env, services
from config.settings import base
from config.settings.base import *  # noqa: F403 - settings are layered by star imports, as Django documents
from config.settings.examples import EXAMPLE_APPS, join, name_example_models, size_example_pools
from config.state import read_or_create_key

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = base.SECRET_KEY or read_or_create_key(env.state_dir())
ALLOWED_HOSTS = base.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
INSTALLED_APPS = [*base.INSTALLED_APPS, *env.app_list("RINGMASTER_APPS", EXAMPLE_APPS)]
RINGMASTER = base.RINGMASTER | {
    "POOLS": join(size_example_pools(INSTALLED_APPS), base.RINGMASTER.get("POOLS", {})),
    "MODELS": join(name_example_models(INSTALLED_APPS), base.RINGMASTER.get("MODELS", {})),
    "STREAM_URL": base.RINGMASTER["STREAM_URL"]
    or services.stream_url(env.text("STREAM_URL"), base.CELERY_BROKER_URL),
}
