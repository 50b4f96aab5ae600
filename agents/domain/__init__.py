"""Values and decisions about agents: no Django, no clock, no network. Start with `invocation.py`."""
