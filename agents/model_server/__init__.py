"""A model server that follows a script: for the demo, for tests, and to try an agent without any provider.

In reading order: `replies.py` (what a script says), `wire.py` (how that looks as OpenAI's Chat Completions),
`serving.py` (HTTP on the loopback interface). `manage.py model_server FILE` starts one. It knows nothing of agents, of
rows or of settings.
"""

from agents.errors import ScriptRefused
from agents.model_server.replies import Call, Fault, Reply, When, read_script
from agents.model_server.serving import ModelServer

__all__ = ["Call", "Fault", "ModelServer", "Reply", "ScriptRefused", "When", "read_script"]
