"""The journal of what agents call: each call is written before it is made, and answered once.

`writing.py` has the statements, each guarded by the claim that it is for; `reading.py` what a later attempt, a receipt
and people find. Who asks it while an agent works is `executor/journal.py`. docs/adr/0039-the-call-journal.md
"""
