"""The home page: what waits for whoever signed in. `page.py` puts it together from a part a role, each a few reads."""

from config.home.page import build_home

__all__ = ["build_home"]
