"""What all settings share. Environment variables come through `config.env`, and nowhere else."""

from typing import Any

import django_stubs_ext

from config import env, services
from config.database import database_settings
from config.settings.api import *  # noqa: F403 - the API's settings are a file of their own
from config.settings.console import *  # noqa: F403 - how the console looks is a file of its own
from config.settings.logs import *  # noqa: F403 - what is logged is a file of its own
from config.settings.mail import *  # noqa: F403 - how mail leaves is a file of its own
from config.settings.queues import *  # noqa: F403 - Celery's settings are a file of their own

# Generic base classes of Django (`ModelAdmin[Run]`) are subscripted at run time too.
django_stubs_ext.monkeypatch()

BASE_DIR = env.PROJECT_DIR
DEBUG = False
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.comma_list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.comma_list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    # Without unfold's own site: config/site.py has ours.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.console.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "knox",
    # Before our own, which show none of their tables.
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "drf_spectacular_sidecar",
    "config",
    "agents",
    "orchestration",
    "escalation",
]

MIDDLEWARE = [
    # First: whoever asks whether this process lives knows neither its host name nor HTTPS.
    "orchestration.api.probes.Probes",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.requests.ReadableRequests",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "orchestration.api.limits.ApiLimits",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.second_factor.door.SecondFactorDoor",
    "config.origin.OriginOfRequest",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.not_allowed.HelpfulNotAllowed",
    # The innermost: what it changes, the others see.
    "config.seeing.NothingUnseen",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before unfold's own, of which some are replaced here.
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # How every page writes a moment.
            "builtins": ["orchestration.admin.times"],
        },
    },
]

DATABASES = {
    "default": database_settings(
        services.database_url(env.text("DATABASE_URL"), env.state_dir()),
        pool_size=env.whole_number("DATABASE_POOL_SIZE", 16),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "orchestration.selectors.roles.OperatorRights",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
# Checkouts serve static files from where the apps keep them; only production collects them.
WHITENOISE_USE_FINDERS = True

FLOWER_URL = env.text("FLOWER_URL", "http://127.0.0.1:5555")

# Defaults of everything else live in each app's conf.py; RINGMASTER_OVERRIDES (a JSON object) is merged last.
RINGMASTER: dict[str, Any] = {
    "SIGNING_KEY": env.text("RINGMASTER_SIGNING_KEY") or None,
    "ESCALATOR": "escalation.escrow.DatabaseEscalator",
    "MAINTENANCE_DUTIES": [
        "escalation.watch.carry_out_decisions",
        "escalation.watch.wake_tickets",
        "escalation.watch.watch_tickets",
        "escalation.watch.look_at_tickets",
        "escalation.watch.assign_tickets",
        "escalation.watch.fold_figures",
        "escalation.watch.write_words",
        "escalation.watch.forget_looks",
        "escalation.watch.foresee_new_tickets",
        "escalation.watch.open_audit_tickets",
        "escalation.watch.tell_used_up",
    ],
    "MAINTENANCE_COMPANIONS": ["escalation.notify.notify_people"],
    "HOLD_BACKS": "escalation.figures.find_hold_backs",
    "LOOKS": {"channels": "escalation.selectors.channels.look_at_channels"},
    "CHANNELS": env.json_object("RINGMASTER_CHANNELS"),
    "SITE_URL": env.text("SITE_URL"),
    "FLOWER_URL": FLOWER_URL,
    "STREAM_URL": services.stream_url(env.text("STREAM_URL")),
    **env.json_object("RINGMASTER_OVERRIDES"),
}
