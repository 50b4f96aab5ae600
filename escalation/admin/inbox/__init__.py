"""The inbox: where reviewers find what waits for them. `page.py` answers, `rows.py` shows, `keeping.py` keeps views."""

from escalation.admin.inbox.keeping import forget_view, keep_view
from escalation.admin.inbox.page import build_inbox

__all__ = ["build_inbox", "forget_view", "keep_view"]
