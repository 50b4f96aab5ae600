"""The inbox: where reviewers find what waits for them. `page.py` answers, `rows.py` shows, `keeping.py` keeps views."""

from escalation.admin.inbox.keeping import forget_view, keep_view
from escalation.admin.inbox.page import build_inbox, describe_counts
from escalation.admin.inbox.rows import InboxRow, show_rows

__all__ = ["InboxRow", "build_inbox", "describe_counts", "forget_view", "keep_view", "show_rows"]
