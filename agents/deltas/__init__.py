"""Tells whoever watches what a model is saying, while it says it. A hint beside the rows: nothing depends on it.

In reading order: `speeches.py` (one answer that is being given, as the runtime adds to it), `telling.py` (the thread of
a worker that tells what was added), `channels.py` (Redis or Valkey, of which nobody else here knows). What a piece
looks like, and what may be told of one: `agents/domain/deltas.py` and `agents/domain/masking.py`. Who listens:
`orchestration/api/overhearing.py`. docs/adr/0044-live-answers.md

Whoever adds to an answer never waits and never fails: what can't be told is dropped, and later pieces make up for it.
"""

from agents.deltas.channels import ChannelAway, find_fault, listen, name_channel
from agents.deltas.speeches import Speech
from agents.deltas.telling import begin_speech

__all__ = ["ChannelAway", "Speech", "begin_speech", "find_fault", "listen", "name_channel"]
