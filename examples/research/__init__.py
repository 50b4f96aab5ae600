"""Questions about a field, answered from documents by as many researchers as the question needs.

In reading order: `workflows.py` -> `agents.py` -> `library.py` (what there is to read) -> `reading.py` (the question)
-> `assignments.py` (who is sent) -> `searching.py` and `findings.py` (what a researcher brings) -> `judging.py` (what
the analyst makes of it) -> `report.py` and `checking.py`.
"""
