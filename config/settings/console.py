"""How the console looks and what its pages may load. No inline script; no inline style but one."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL
from django.http import HttpRequest
from django.templatetags.static import static

from config import env

# The one inline style that htmx, which unfold ships, writes for its loading indicator.
_HTMX_INDICATOR = "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"

# A working day: who went home is signed out. Each sign-in gets a session of its own.
SESSION_COOKIE_AGE = 3600 * env.whole_number("SESSION_HOURS", 10)
# Failed tries that are let through in so many seconds: with one name from one address, and from one address at all.
SIGN_IN_TRIES = env.whole_number("SIGN_IN_TRIES", 5)
SIGN_IN_ADDRESS_TRIES = env.whole_number("SIGN_IN_ADDRESS_TRIES", 50)
SIGN_IN_SECONDS = 900

# What authenticator apps call the account; a wrong code doubles the wait before the next, as django-otp does by itself.
OTP_TOTP_ISSUER = "Ringmaster"

# Whoever signs in without having asked for a page.
LOGIN_REDIRECT_URL = "admin:index"


def _no_inline_colours(_request: HttpRequest) -> dict[str, dict[str, str]]:
    """Keep unfold from writing its colours inline; config/console.css holds them."""
    return {}


def _favicon(_request: HttpRequest) -> str:
    return static("config/favicon.svg")


def _times(_request: HttpRequest) -> str:
    return static("config/times.js")


def _names(_request: HttpRequest) -> str:
    return static("config/names.js")


def _colours(_request: HttpRequest) -> str:
    return static("config/console.css")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Ringmaster",
    "SITE_HEADER": "Ringmaster",
    "SITE_SUBHEADER": "Agents and the people who decide",
    "SITE_SYMBOL": "diversity_2",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "SHOW_HISTORY": True,
    "COLORS": _no_inline_colours,
    "DASHBOARD_CALLBACK": "config.home.build_home",
    "STYLES": [_colours],
    "SCRIPTS": [_times, _names],
    "LOGIN": {"form": "config.sign_in.SignInForm"},
    "SIDEBAR": {"show_search": False, "navigation": "config.navigation.list_places"},
}

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        # Unfold's Alpine evaluates the expressions in its own templates; inline scripts stay forbidden.
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, _HTMX_INDICATOR],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# What the engine keeps is at most a mebibyte of canonical JSON. Typed for people, in lines and with escapes, it is up
# to three times as much; the pages that edit it send multipart forms, which add nothing to that.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
