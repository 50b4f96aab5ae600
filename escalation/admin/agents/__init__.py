"""Agents in the console: `page.py` answers, `curve.py` draws how good their confidence is."""
