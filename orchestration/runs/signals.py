"""Signals: what somebody outside tells a run. One that comes before anybody waits is kept and found.

`journal/matching.py` gives them to those that wait; nothing is answered here.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from agents.domain.calls import check_part
from agents.domain.canonical import canonical_json
from agents.errors import CallRefused, UnreadableOutput
from orchestration.conf import get_conf
from orchestration.dispatch import dispatch
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.states import LIVE_RUN, RunStatus
from orchestration.errors import CallbackInvalid, RunFinal, SignalConflict, SignalInvalid
from orchestration.journal.callbacks import read_callback
from orchestration.journal.candidates import find_waits
from orchestration.journal.matching import find_misfit, match_signals
from orchestration.models import Signal
from orchestration.models.signal import MOST_KEY, MOST_STEP
from orchestration.runs.starting import get_run
from orchestration.transitions.signal import NewSignal, insert_signal
from orchestration.transitions.tree import lock_run, read_clock


def signal(
    run_id: UUID | str,
    name: str,
    value: Any = None,
    *,
    key: str | None = None,
    step: str = "",
    by: AbstractBaseUser | None = None,
    through: str = "code",
) -> Signal:
    """Send a signal to a live run; whoever waits for it goes on, and who waits later finds it.

    Each signal answers one wait; waits of a name are served in the order in which they opened.

    Args:
        value: any JSON value.
        key: 1 to 200 printable characters; the same signal once more under it is the same one.
        step: key of the step that it is for; "": whoever waits.
        by: who sends it.  through: by which way, in a word, for the history.

    Returns: the signal; `step` says who took it, None while nobody has.
    Raises: RunNotFound. RunFinal: the run has ended.  SignalInvalid: names what is wrong with it.
        SignalConflict: another one came under this key.
    """
    run = get_run(run_id)
    sender = f"{through}:{by.get_username()}" if by else through
    new = _describe(run.pk, name, value, key, step, by, sender)
    with transaction.atomic():
        number = _send(new, value)
        transaction.on_commit(lambda: dispatch(match_signals(run.pk, name)))
    return Signal.objects.get(pk=number)


def signal_by_callback(token: str, value: Any) -> Signal:
    """Send the one signal that an address from `task.callback_url` stands for.

    Raises: CallbackInvalid: the address is none, or too old.  RunFinal. SignalInvalid. SignalConflict: it was called
        before, with another value.
    """
    callback = read_callback(token)
    if callback.expires_at < read_clock():
        raise CallbackInvalid(
            "the time of this address is over: whoever gave it to you can give you another one"
        )
    return signal(callback.run_id, callback.name, value, key=callback.key, through="callback")


def _describe(
    run_id: UUID, name: str, value: Any, key: str | None, step: str, by: AbstractBaseUser | None, sender: str
) -> NewSignal:
    try:
        check_part("name", name)
    except CallRefused as error:
        raise SignalInvalid(f"name: {error}") from error
    if key is not None and not _is_text(key, MOST_KEY, least=1):
        raise SignalInvalid(f"key: must be 1 to {MOST_KEY} printable characters, or None")
    if not _is_text(step, MOST_STEP):
        raise SignalInvalid('step: must be the key of a step of the run, or "" for whoever waits')
    try:
        value_json = canonical_json(value, max_bytes=get_conf().MAX_INPUT_BYTES)
    except UnreadableOutput as error:
        raise SignalInvalid(f"value{error.path}: {error.reason}") from error
    return NewSignal(
        run_id=run_id,
        name=name,
        key=key,
        step_key=step,
        value_json=value_json,
        value_digest=digest_text(value_json),
        sent_by=None if by is None else by.pk,
        sender=sender[:200],
        event_json=canonical({"name": name, "from": sender, "step": step or None}),
    )


def _is_text(value: object, most: int, *, least: int = 0) -> bool:
    return isinstance(value, str) and least <= len(value) <= most and value.isprintable()


def _send(new: NewSignal, value: Any) -> int:
    """Write a signal, or find it; the run is locked until the transaction ends."""
    lock_run(new.run_id)
    known = _find_known(new)
    if known is not None:
        return known.pk
    run = get_run(new.run_id)
    if RunStatus(run.status) not in LIVE_RUN:
        raise RunFinal(f"run {run.pk} has {run.status}: nobody waits there any more")
    if new.step_key and not run.steps.filter(key=new.step_key).exists():
        raise SignalInvalid(f"step: the run has no step {new.step_key!r:.80}")
    misfit = find_misfit(find_waits(new.run_id, new.name), new.step_key, value)
    if misfit is not None:
        hint = "" if new.step_key else "; if it is for another step, name that one: step="
        raise SignalInvalid(f"value{misfit[0]}: {misfit[1]}{hint}")
    return insert_signal(new)


def _find_known(new: NewSignal) -> Signal | None:
    if new.key is None:
        return None
    known = Signal.objects.filter(run=new.run_id, name=new.name, key=new.key).first()
    if known is not None and (known.value_digest, known.step_key) != (new.value_digest, new.step_key):
        raise SignalConflict(
            f"key: '{new.name}' came under this key before, with another value; it stays as it was. A new signal needs "
            "a new key"
        )
    return known
