"""The REST API: who is let in, how much and how often. Only the web process imports what is named here."""

from typing import Any

from config import env

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "orchestration.api.access.TokenAccess",
        "orchestration.api.access.SessionAccess",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["escalation.api.access.MayEnter"],
    "DEFAULT_PARSER_CLASSES": ["orchestration.api.limits.StrictJsonParser"],
    # No browsable API: the page of the OpenAPI document does that.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "orchestration.api.paging.KeysetPages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "orchestration.api.problems.handle_exception",
    "DEFAULT_THROTTLE_CLASSES": [
        "orchestration.api.throttles.PerPerson",
        "orchestration.api.throttles.PerToken",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "person": env.text("API_PERSON_RATE", "1200/min"),
        "token": env.text("API_TOKEN_RATE", "600/min"),
    },
    # Behind this many proxies that set X-Forwarded-For; 0 trusts no such header.
    "NUM_PROXIES": env.whole_number("API_PROXIES", 0),
    # A Decimal or a large number is not silently turned into text.
    "COERCE_DECIMAL_TO_STRING": False,
    "UNICODE_JSON": True,
    "URL_FORMAT_OVERRIDE": None,
}

KNOX_TOKEN_MODEL = "orchestration.ApiToken"  # noqa: S105 - a model, no secret
# Knox's own migrations would make a second table for the model that is replaced here.
MIGRATION_MODULES = {"knox": None}

CSRF_FAILURE_VIEW = "escalation.admin.returning.answer_csrf"

# Throttles count in here. The default of 300 entries would forget callers in the middle of a minute.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Ringmaster",
    "DESCRIPTION": "Durable runs of agents, and the tickets that people decide. Errors are problem+json with a `code`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "orchestration.domain.states.RunStatus",
        "StepStatus": "orchestration.domain.states.StepStatus",
        "StepKind": "orchestration.domain.states.StepKind",
        "DecisionKind": "orchestration.domain.states.DecisionKind",
        "WaitsFor": "orchestration.domain.waits.WaitsFor",
        "TicketStatus": "escalation.domain.states.TicketStatus",
        "Scope": "orchestration.domain.rights.Scope",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orchestration.api.schema.add_problems",
    ],
}
