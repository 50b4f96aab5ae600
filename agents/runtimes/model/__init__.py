"""Runs model-backed agents: each request to a model and each call of a tool is a call of the step's journal.

In reading order: `runtime.py` (one attempt), `builds.py` (an agent is built once in a process), `durability.py` and
`backend.py` (what pydantic-ai asks of an engine that keeps calls), `requests.py` (what names a call, and what is
asked), `scripted.py` (models of tests). Only `runtime.py` and `builds.py` are imported in every process: what needs
pydantic-ai is loaded by the first attempt of such an agent, or in the background when a worker starts.
docs/adr/0042-model-backed-agents.md
"""
