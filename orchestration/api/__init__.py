"""The REST API `/api/v1/`: parse, ask a selector or call a use case, render. No rule of the engine lives here.

Imported by the web process only. In reading order:

1. `urls.py`                     every address of this app
2. `access.py`                   who calls: session or token; what a request needs before a view sees it
3. `base.py`, `paging.py`        what the views share
4. `problems.py`, `limits.py`    every refusal as problem+json; what is refused before it is read
5. `runs.py`, `control.py`, `trace.py`, `workflows.py`, `projects.py`, `health.py`, `tokens.py`   the resources
6. `rows.py`, `bodies.py`        how rows are shown, and what may be sent
7. `schema.py`                   the OpenAPI document and its page
"""
