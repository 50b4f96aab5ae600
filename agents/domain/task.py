"""What goes into an agent: `Task`, with all that it can ask of the engine while it works.

Read next: `invocation.py`, for what comes out; `calling.py` and `waiting.py`, for what a task lets an agent do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

from agents.domain.addresses import read_address
from agents.domain.calling import make_once
from agents.domain.calls import Calls, MemoryJournal, Until
from agents.domain.canonical import canonical_json
from agents.domain.keeping import STATE_KEY, KeptState
from agents.domain.memories import read_note
from agents.domain.notebook import MemoryScope
from agents.domain.outbox import Message, Outbox, read_messages
from agents.domain.reading_back import ContextReader, NoContext, fetch_original, tell_so_far
from agents.domain.recalling import find_memory, find_value, recall
from agents.domain.usage import BudgetLeft
from agents.domain.waiting import (
    check_moment,
    check_seconds,
    wait_for_person,
    wait_for_reply,
    wait_for_signal,
    wait_for_time,
)
from agents.errors import MemoryRefused

# A recursive alias would make every `task.input["key"]` in an agent a type error; schemas check it instead.
JSON: TypeAlias = Any

_NO_CALLS: Final = Calls(MemoryJournal())
_NO_CONTEXT: Final = NoContext()


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at one step, as the agent sees it.

    Attributes:
        input: this step's input, resolved.
        handoff: output of every step this one needs, by step key.
        run_input: the run's input.
        run_id: the run.
        step_key: the step within the run.
        attempt: 1 for the first try.
        token: the claim's token; hand it to targets that can refuse a stale caller.
        idempotency_key: the same until finished or proposed work of the step is to be done anew.
        feedback: why the last answer was sent back, if it was.
        index: position in a `for_each`.  item: the item of a `for_each`.
        deadline_at: when the attempt runs out of time, aware UTC.
        is_cancelled: asks whether the run still wants the answer; agents read `cancelled`.
        calls: what was called and answered so far; agents use `once`.
        address: of the actor whose turn the run is; None: it is no turn.
        outbox: what is sent when the answer is accepted; agents use `send`, `publish`, `reply`, `remind`.
        kept: what the actor keeps between its turns; agents use `state`.
        context: reads what it was not handed; agents use `fetch` and `digest_so_far`.
        recalled: the memories for which its step's `recall` asked, each with its writer, the best first.
    """

    input: JSON
    handoff: Mapping[str, JSON]
    run_input: JSON
    run_id: str
    step_key: str
    attempt: int
    token: str
    idempotency_key: str
    feedback: str | None = None
    index: int | None = None
    item: JSON = None
    deadline_at: datetime | None = None
    is_cancelled: Callable[[], bool] = field(default=_never, repr=False, compare=False)
    calls: Calls = field(default=_NO_CALLS, repr=False, compare=False)
    address: str | None = None
    outbox: Outbox = field(default_factory=Outbox, repr=False, compare=False)
    kept: KeptState = field(default_factory=lambda: KeptState(None, 0), repr=False, compare=False)
    context: ContextReader = field(default=_NO_CONTEXT, repr=False, compare=False)
    recalled: Sequence[JSON] = ()

    def __post_init__(self) -> None:
        """Give a task that no engine made a journal of its own."""
        if self.calls is _NO_CALLS:
            object.__setattr__(self, "calls", Calls(MemoryJournal(self.idempotency_key)))

    def once(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        key: str | None = None,
        repeatable: bool = True,
    ) -> Any:
        """Call a function, or return what it returned when it was called before, by whichever attempt of the step.

        In an `async def` write `await task.once(...)`; the function may then be async too.

        Args:
            name: of the call, for histories: 1 to 100 characters without / # [ ].
            function: called with the arguments; one with a parameter `idempotency_key` gets the call's key, the same
                for every attempt.
            arguments: JSON values; other ones than before are a divergence.
            key: tells calls of one name apart that are made at once.
            repeatable: False: if the process died while it was under way, a person says whether it happened, before it
                is made again. For effects that can't be taken back, at a target that honours no key.

        Returns: what the function returned, read back from JSON.

        Raises:
            CallRefused: it can't be made, and was not: inside a transaction, an argument that is not JSON, no name, the
                same call twice at once.
            CallDiverged: it was done with other arguments; the attempt ends, and a person decides.
            UnreadableOutput: it was made, and its answer is not JSON.
            Exception: whatever the function raises; a later attempt calls it again.
        """
        return make_once(self.calls, name, function, *arguments, key=key, repeatable=repeatable)

    def sleep(self, seconds: float, *, key: str | None = None) -> Any:
        """Wait for so many seconds from the first time that the step came here; in an `async def`, await it.

        The attempt ends, no worker is held, and the agent's code runs again from its top when the time is over.

        Args: key: tells waits apart that are under way at once.
        Raises: CallRefused: the time is none, or it waits inside a call or a transaction.
        """
        return wait_for_time(self.calls, Until(seconds=check_seconds("task.sleep: seconds", seconds)), key)

    def sleep_until(self, time: datetime, *, key: str | None = None) -> Any:
        """Wait until a moment, which must have a time zone; the first one that was given counts. As `sleep`."""
        return wait_for_time(self.calls, Until(moment=check_moment(time)), key)

    def wait_for(
        self,
        name: str,
        *,
        timeout_seconds: float | None = None,
        schema: object = None,
        key: str | None = None,
    ) -> Any:
        """Wait for a signal to the run and return its value; one that came before is found. As `sleep`.

        Args:
            name: of the signal.
            timeout_seconds: how long, counted from the first time that the step came here; None: for ever.
            schema: JSON Schema or pydantic model that the value must meet; another value is refused to its sender.
            key: tells waits of one name apart that are under way at once.

        Raises: SignalTimedOut: nobody sent it in time.  CallRefused.
        """
        return wait_for_signal(self.calls, name, timeout_seconds, schema, key)

    def ask_person(self, question: str, *, form: object = None, key: str | None = None) -> Any:
        """Ask a person in the review queue and return the answer. As `sleep`.

        Args: form: JSON Schema or pydantic model of what is filled in; without it the answer is a text.
        """
        return wait_for_person(self.calls, question, form, key)

    def callback_url(self, name: str, *, expires_seconds: float = 7 * 86_400, key: str | None = None) -> Any:
        """Return an address at which anybody who has it can send the signal `name`, once, by a POST of its JSON value.

        It is made once and kept, so that every attempt has the same. In an `async def`, await it.

        Args: expires_seconds: how long it works.  key: tells addresses for one name apart.
        Raises: CallRefused: SITE_URL is not set, or the time is none.
        """
        seconds = check_seconds("task.callback_url: expires_seconds", expires_seconds)
        make = partial(self.calls.journal.make_callback, name, seconds)
        return make_once(self.calls, f"callback_url:{name}", make, key=key)

    def remember(
        self,
        scope: str,
        key: str,
        value: Any,
        *,
        search: str | None = None,
        expires_in_seconds: float | None = None,
        expected_version: int | None = None,
        about: str | Iterable[str] = (),
    ) -> None:
        """Note something that shall be remembered once this step's answer is accepted; nothing is awaited.

        It is kept in the statement that finishes the step. If the attempt fails, or its answer is refused, it is not.

        Args:
            scope: "agent": for this agent in all runs of the project; "run": for this run; "project": for all of the
                project; "actor": for the actor whose turn this is.
            key: 1 to 200 visible characters. The same key again makes its next version; both stay.
            value: JSON, at most 64 KiB.
            search: the text by which `recall` finds it; None: the words of the value.
            expires_in_seconds: from then on nobody reads it; None: never.
            expected_version: the version of the key that you have read, 0 if there was none: if another has been
                written since, nothing of this answer is kept, and the step is done again with what is known then.
            about: whom it tells something about, as "customer/7", or several: all about one is forgotten together.

        Raises: MemoryRefused: names what can't be kept.
        """
        note = read_note(scope, key, value, search, expires_in_seconds, expected_version, about)
        self.calls.notebook.write(note, self.calls.find_prefix())

    def remembered(self, scope: str, key: str, default: Any = None) -> Any:
        """Return what was remembered under a key, or `default`; in an `async def`, await it.

        As of the step's first look at any memory: a later attempt reads the same, and no attempt what it noted itself.

        Raises: MemoryRefused: names what is no scope or key.
        """
        return find_value(self.calls, scope, key, default)

    def memory(self, scope: str, key: str) -> Any:
        """Return a `Hit`, with value, version and writer, of what was remembered, or None. As `remembered`."""
        return find_memory(self.calls, scope, key)

    def recall(self, scope: str, like: str, limit: int = 3) -> Any:
        """Return what was remembered that is like a text: a list of `Hit`, the best first. As `remembered`.

        By words always; by meaning too where vectors are enabled. Each hit names who wrote it.
        """
        return recall(self.calls, scope, like, limit)

    def fetch(self, of: str, pointer: str = "", limit: int = 500, *, key: str | None = None) -> Any:
        """Read a part of an original of which this attempt was handed a summary. In an `async def`, await it.

        It is kept as a call is: a later attempt has the same. What was fetched counts against FETCH_TOKENS.

        Args:
            of: the digest that the summary names.  pointer: JSON pointer to the part: `/rows/3`; "" is all of it.
            limit: at most so many tokens: of a longer text or list the beginning.
            key: tells reads apart that are under way at once.

        Returns: {"value": the part, "is_whole": whether all of it}.
        Raises: CallRefused: it was not handed to this attempt, nothing stands there, or the tokens are used up.
        """
        return fetch_original(self.calls, self.context, of, pointer, limit, key)

    @property
    def digest_so_far(self) -> Any:
        """Return the run so far as a text, within what is left of the step's tokens. In an `async def`, await it.

        What was done at most `fresh_steps` before is told whole where it fits, what is older in a line each.
        """
        return tell_so_far(self.calls, self.context)

    @property
    def state(self) -> Any:
        """What the actor keeps between its turns: what the turn before left, or what this attempt has assigned.

        An assignment, `task.state = ...`, is kept once this answer is accepted, with it or not at all: JSON or a model
        of the agent's `state_schema`. If another write came between, as of a person, the step is done again.

        Raises: MemoryRefused: the run is no turn of an actor, or the value does not fit; names the field.
        """
        return self.kept.read()

    @state.setter
    def state(self, value: Any) -> None:
        if self.calls.notebook.shelf.refuse(MemoryScope.ACTOR):
            raise MemoryRefused("task.state: only a turn of an actor has one; use task.remember('run', ...)")
        plain = self.kept.accept(value)
        self.calls.notebook.drop(MemoryScope.ACTOR, STATE_KEY)
        self.remember(MemoryScope.ACTOR, STATE_KEY, plain, expected_version=self.kept.version)
        self.kept.replace(canonical_json(plain))

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the messages of this turn, oldest first; none where the run is no turn of an actor."""
        return () if self.address is None else read_messages(self.run_input)

    @property
    def key(self) -> str | None:
        """Return the key of the actor's address; None where the run is no turn."""
        return None if self.address is None else self.address.partition("/")[2]

    def send(self, to: str, body: JSON) -> None:
        """Send a message to an actor once this answer is accepted; with it, or not at all.

        Args: to: an address, as "support.case/4711".  body: JSON, at most 65,536 bytes.
        Raises: MessageRefused: names the field.
        """
        self.outbox.send(to, body)

    def publish(self, topic: str, body: JSON) -> None:
        """Publish a message to a topic, whose schema it must meet, once this answer is accepted. As `send`."""
        self.outbox.publish(topic, body)

    def reply(self, message: Message | int, body: JSON) -> None:
        """Answer a message that asks, once this answer is accepted; without it the turn's output answers. As `send`."""
        self.outbox.reply(message, body, {each.id: each for each in self.messages})

    def remind(
        self, name: str, body: JSON = None, *, in_seconds: float | None = None, at: datetime | None = None
    ) -> None:
        """Have a message {"reminder": name, "body": body} come to this actor later, once this answer is accepted.

        Args: in_seconds: after the end of this step; at: or at a time with a zone.  One of a name and time comes once.
        Raises: MessageRefused: names the field, or the run is no turn of an actor.  CallRefused: the time is none.
        """
        to = None if self.address is None else read_address(self.address)
        seconds = None if in_seconds is None else check_seconds("task.remind: in_seconds", in_seconds)
        self.outbox.remind(to, name, body, seconds, None if at is None else check_moment(at))

    def ask(self, to: str, body: JSON, *, timeout_seconds: float, key: str | None = None) -> Any:
        """Send a message to an actor and return what its turn answers. As `sleep`: no worker is held meanwhile.

        Args: timeout_seconds: how long, counted from the first time that the step came here.
            key: tells questions to one kind of actor apart that are under way at once.
        Raises: SignalTimedOut: no answer in time.  AskFailed: its turn failed.  AskCycle: it waits for this one.
            MessageRefused. CallRefused.
        """
        return wait_for_reply(self.calls, to, body, timeout_seconds, key)

    @property
    def budget(self) -> BudgetLeft:
        """What the budgets above this step leave it: `usd`, `tokens`, `calls`, `human_minutes`, None without a limit.

        As the attempt's last call found it; asks nobody. `is_tight`: four fifths of one of them are taken.
        """
        return self.calls.journal.budget

    @property
    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted; a long agent looks now and then and stops early."""
        return self.is_cancelled()


_refuse_assignment: Final = Task.__setattr__


def _assign(self: Task, name: str, value: Any) -> None:
    """Let an agent assign its state, and nothing else."""
    if name == "state":
        Task.state.fset(self, value)  # type: ignore[attr-defined]
    else:
        _refuse_assignment(self, name, value)


Task.__setattr__ = _assign  # type: ignore[method-assign, assignment] # a frozen class can't say it in its body
