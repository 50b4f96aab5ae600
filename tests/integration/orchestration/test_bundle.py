"""A bundle proves itself: change anything in it and the verifier says what does not fit, without our database."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from agents import Result, Task, TransientError
from agents.invoke import override
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain import bundle as verifier
from orchestration.domain.bundle import FORMAT, fingerprint, tell, verify_file
from orchestration.domain.receipts import digest_text
from orchestration.domain.signing import build_signer
from orchestration.errors import BundleRefused
from orchestration.models import Run, Seal, Step
from orchestration.selectors.sealed import STEP_COLUMNS
from orchestration.testing import drive, run_workflow

pytestmark = pytest.mark.django_db

_SECRET = "the lamp of Mrs. Example is broken"
_SPEC = WorkflowSpec(
    name="proof",
    steps=(
        StepSpec("letter", agent="test.letter"),
        StepSpec("history", agent="test.flaky", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)),
        StepSpec("stock", agent="test.broken", critical=False),
        StepSpec("parts", agent="test.part", for_each="[1, 2]"),
        StepSpec("draft", agent="test.writer", needs=("letter", "history", "stock", "parts"), after=()),
        StepSpec("send", agent="test.sender", after=("draft",), when="input.send"),
    ),
)


def _flaky(task: Task) -> Result:
    if task.attempt == 1:
        raise TransientError("try again")
    orders = task.once("orders", lambda: {"of": _SECRET})
    return Result({"orders": orders}, confidence=0.9, usage={"input_tokens": 7, "cost_usd": "0.0120"})


def _broken(task: Task) -> None:
    raise ValueError("no such stock")


_AGENTS: dict[str, Callable[[Task], Any]] = {
    "test.letter": lambda _task: {"text": f"{_SECRET}. " * 900},
    "test.flaky": _flaky,
    "test.broken": _broken,
    "test.part": lambda task: {"part": task.item},
    "test.writer": lambda task: {"draft": sorted(task.handoff), "odd": 'ä\n"\\ 🎪'},
    "test.sender": lambda _task: {},
}


@pytest.fixture
def run() -> Run:
    """A run with a retry, a call, a skip, grown steps, a summary and a false condition."""
    return run_workflow(_SPEC, {"send": False, "of": _SECRET}, agents=_AGENTS).run


def _write(said: dict[str, Any]) -> bytes:
    return verifier.write_file(said["runs"], said["texts"], said["withheld"])


def _change(said: dict[str, Any], old: str, new: str) -> None:
    """Put a text in an other's place, under the digest that everything names."""
    [digest] = [digest for digest, text in said["texts"].items() if text == old]
    said["texts"][digest] = new


def test_a_bundle_is_whole_and_says_what_is_in_it(run: Run) -> None:
    verdict = verify_file(runs.bundle(run.pk))
    assert (verdict.fault, verdict.runs, verdict.withheld) == (None, [str(run.pk)], 0)
    assert verdict.signed == {Seal.objects.get(run=run).public_key: [f"round 1 of run {run.pk}"]}
    assert (verdict.receipts, verdict.handoffs) == (run.receipts.count(), run.handoffs.count())
    assert verdict.handoffs == 4


def test_whatever_byte_is_changed_is_noticed(run: Run) -> None:
    """BUNDLE_FLIPS=all tries every byte."""
    data = runs.bundle(run.pk)
    wanted = os.environ.get("BUNDLE_FLIPS", "300")
    places = range(len(data)) if wanted == "all" else random.Random(4).sample(range(len(data)), int(wanted))
    for place in places:
        changed = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        assert verify_file(changed).fault is not None, f"byte {place} of {len(data)}"
    assert all(verify_file(data[:place]).fault is not None for place in (0, 1, len(data) // 2, len(data) - 1))


def test_the_fault_names_step_and_what_of_it(run: Run) -> None:
    steps = {step.key: step for step in Step.objects.filter(run=run)}
    receipt = run.receipts.get(step=steps["draft"])
    handed = run.handoffs.exclude(summary_json=None).get()
    call = steps["history"].calls.get()
    text_of = {
        f"run {run.pk}, input": run.input_json,
        f"run {run.pk}, workflow proof version 1": run.workflow.spec_json,
        f"run {run.pk}, step 'letter', output": steps["letter"].output_json,
        f"run {run.pk}, step 'draft', receipt": receipt.body_json,
        f"run {run.pk}, seal of round 1": Seal.objects.get(run=run).body_json,
        "hand-off from 'letter', what was handed over": handed.summary_json,
        f"response of call {call.path}": call.response_json,
    }
    for place, text in text_of.items():
        said = json.loads(runs.bundle(run.pk))
        assert text is not None
        _change(said, text, text.replace("e", "E", 1))
        fault = verify_file(_write(said)).fault
        assert fault is not None
        assert f"{place}: the text is not that of its digest" in fault
        del said["texts"][digest_text(text)]
        assert f"{place}: the text with digest" in (verify_file(_write(said)).fault or "")


def _rewrite(data: bytes, name: str, value: Any) -> bytes:
    return _write(json.loads(data) | {name: value})


def test_what_nothing_leads_to_is_refused(run: Run) -> None:
    said = json.loads(runs.bundle(run.pk))
    said["texts"][digest_text("paid")] = "paid"
    assert verify_file(_write(said)).fault == (
        f"the text with digest {digest_text('paid')} is not reached from any signed root"
    )
    del said["texts"][digest_text("paid")]
    said["withheld"] = [said["runs"][0]["seals"][0]["root"]]
    assert "it is withheld, and nothing can be proven without it" in (verify_file(_write(said)).fault or "")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"1" * 10_000, "no JSON"),
        (b"[]", "format"),
        (b'{"format":"ringmaster-bundle/2"}', "format"),
        (b'{"format":"ringmaster-bundle/1"}\n', "fields"),
        (b'{"format":"ringmaster-bundle/1","runs":[],"texts":{},"withheld":[]}', "written"),
        (b'{"format":"ringmaster-bundle/1","runs":[],"texts":{},"withheld":[]}\n', "no run"),
        (b'{"format":"ringmaster-bundle/1","runs":[7],"texts":{},"withheld":[]}\n', "form"),
        (b'{"format":"ringmaster-bundle/1","runs":7,"texts":{},"withheld":[]}\n', "form"),
        (
            b'{"format":"ringmaster-bundle/1","runs":[{"id":"a","seals":[{}]}],"texts":{},"withheld":[]}\n',
            "fields",
        ),
        (
            b'{"format":"ringmaster-bundle/1","runs":[{"id":"a","seals":[]}],"texts":{},"withheld":[]}\n',
            "no seal",
        ),
    ],
)
def test_what_is_no_bundle_is_said_to_be_none(data: bytes, fault: str) -> None:
    assert fault in (verify_file(data).fault or "")


def test_a_seal_by_another_key_is_whole_but_not_trusted(run: Run, settings: LazySettings) -> None:
    data = runs.bundle(run.pk)
    ours = Seal.objects.get(run=run).public_key
    settings.SECRET_KEY = "somebody else's"
    theirs = run_workflow(_SPEC, {"send": False, "of": _SECRET}, agents=_AGENTS).run
    other = runs.bundle(theirs.pk)
    assert tell(verify_file(data), [ours])[1] == 0
    assert tell(verify_file(data), [fingerprint(ours).upper().replace("SHA256", "sha256")])[1] == 0
    assert tell(verify_file(other), [ours]) == (
        tell(verify_file(other), [])[0].partition(". Nobody")[0]
        + ", which is not the key that was given as trusted.",
        1,
    )
    assert tell(verify_file(other), [])[1] == 3
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        tell(verify_file(other), ["ours"])


def test_a_run_that_went_on_after_a_change_of_keys_is_trusted_with_both(
    settings: LazySettings, tmp_path: Path
) -> None:
    tries = iter([ValueError("not yet"), None])

    def once_broken(_task: Task) -> dict[str, bool]:
        if error := next(tries):
            raise error
        return {"done": True}

    spec = WorkflowSpec(name="changed", steps=(StepSpec("only", agent="test.only", on_failure="abort"),))
    done = run_workflow(spec, {}, agents={"test.only": once_broken})
    former = Seal.objects.get(run=done.run).public_key
    settings.SECRET_KEY = "another secret"
    settings.RINGMASTER = settings.RINGMASTER | {"FORMER_SIGNING_KEYS": [former]}
    runs.retry(done.run.pk)
    assert drive(done.run.pk, agents={"test.only": once_broken}).status == "succeeded"
    latter = Seal.objects.get(run=done.run, round=2).public_key
    file = tmp_path / "run.json"
    file.write_bytes(runs.bundle(done.run.pk))
    first, second = (f"round {number} of run {done.run.pk}" for number in (1, 2))
    verdict = verify_file(file.read_bytes())
    assert (verdict.fault, verdict.signed) == (None, {former: [first], latter: [second]})
    out = StringIO()
    (tmp_path / "former").write_text(fingerprint(former))
    call_command("verify_bundle", str(file), "--key", str(tmp_path / "former"), "--key", latter, stdout=out)
    assert (
        f"{fingerprint(former)} ({first}); {fingerprint(latter)} ({second}), which are trusted"
        in out.getvalue()
    )
    for key, stranger in ((former, latter), (latter, former)):
        with pytest.raises(CommandError, match=f"of which {fingerprint(stranger)} is not the key") as half:
            call_command("verify_bundle", str(file), "--key", key)
        assert half.value.returncode == 1
    with pytest.raises(CommandError, match="--key: give a public key"):
        call_command("verify_bundle", str(file), "--key", former, "--key", "ours")


def test_digests_alone_prove_as_much_and_tell_nothing(run: Run) -> None:
    data = runs.bundle(run.pk, digests_only=True)
    verdict = verify_file(data)
    assert verdict.fault is None
    assert verdict.withheld > 8
    assert _SECRET.encode() not in data
    assert digest_text(run.input_json).encode() in data  # whoever has the input can show that it was this one
    said = json.loads(data)
    said["withheld"].remove(digest_text(run.input_json))
    said["texts"][digest_text(run.input_json)] = run.input_json
    assert verify_file(_write(said)).fault is None


def test_rounds_feedback_children_and_forks_are_in_it(run: Run) -> None:
    child = WorkflowSpec(name="child", steps=(StepSpec("only", agent="test.letter"),))
    parent = WorkflowSpec(
        name="parent",
        steps=(
            StepSpec("first", agent="test.letter"),
            StepSpec("below", workflow="child", after=("first",)),
            StepSpec("last", agent="test.once_broken", after=("below",), on_failure="abort"),
        ),
    )
    tries = iter([ValueError("not yet"), None])

    def once_broken(task: Task) -> dict[str, bool]:
        if error := next(tries):
            raise error
        return {"done": True}

    agents = _AGENTS | {"test.once_broken": once_broken}
    with override(agents):
        runs.publish(child)
    done = run_workflow(parent, {}, agents=agents)
    assert done.status == "failed"
    runs.retry(done.run.pk)
    again = drive(done.run.pk, agents=agents)
    assert again.status == "succeeded"
    verdict = verify_file(runs.bundle(done.run.pk))
    assert verdict.fault is None
    below = Run.objects.get(parent_step__run=done.run)
    assert verdict.runs == [str(done.run.pk), str(below.pk)]
    fork = runs.fork(done.run.pk, from_step="last")
    drive(fork.id, agents=agents | {"test.once_broken": lambda _task: {}})
    assert verify_file(runs.bundle(fork.id)).fault is None


def test_what_was_done_anew_is_in_it_with_what_it_was_before() -> None:
    spec = WorkflowSpec(
        name="anew",
        steps=(
            StepSpec("draft", agent="test.draft"),
            StepSpec("judge", agent="test.judge", needs=("draft",)),
        ),
    )

    def judge(task: Task) -> Any:
        return {} if task.handoff["draft"]["try"] else Result.rework("draft", "too short")

    agents = {"test.draft": lambda task: {"try": bool(task.feedback)}, "test.judge": judge}
    done = run_workflow(spec, {}, agents=agents)
    assert done.status == "succeeded"
    assert done.run.receipts.count() == 3
    said = json.loads(runs.bundle(done.run.pk))
    assert '{"try":false}' in said["texts"].values()
    assert verify_file(_write(said)).receipts == 3


def test_what_goes_on_or_does_not_hold_is_not_exported(run: Run) -> None:
    with override(_AGENTS):
        runs.publish(_SPEC)
        live = runs.start("proof", {"send": True})
    with pytest.raises(BundleRefused, match="only what has ended is sealed"):
        runs.bundle(live.pk)
    Step.objects.filter(run=run, key="letter").update(output_tokens=1)
    with pytest.raises(
        BundleRefused, match=r"does not hold, so a bundle of it would prove nothing: .*tokens"
    ):
        runs.bundle(run.pk)


def test_its_commands_write_it_once_and_verify_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "the run.json"
    out = StringIO()
    call_command("export_run", str(run.pk)[:8], f"--bundle={file}", stdout=out)
    key = Seal.objects.get(run=run).public_key
    assert fingerprint(key) in out.getvalue()
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_run", str(run.pk), f"--bundle={file}")
    out = StringIO()
    call_command("verify_bundle", str(file), "--key", key, stdout=out)
    assert out.getvalue().endswith("which is the trusted key.\n")
    with pytest.raises(CommandError, match="Nobody said that this key is trusted") as unsaid:
        call_command("verify_bundle", str(file))
    assert unsaid.value.returncode == 3
    with pytest.raises(CommandError, match="--key: give a public key"):
        call_command("verify_bundle", str(file), "--key", "ours")
    with pytest.raises(CommandError, match="can't be read: No such file"):
        call_command("verify_bundle", str(tmp_path / "none"))
    file.write_bytes(file.read_bytes().replace(b"lamp", b"lump"))
    with pytest.raises(CommandError, match="It does not hold") as broken:
        call_command("verify_bundle", str(file), "--key", key)
    assert broken.value.returncode == 1


def test_keys_are_listed_used_former_and_unknown(run: Run, settings: LazySettings) -> None:
    first = Seal.objects.get(run=run).public_key
    settings.SECRET_KEY = "another secret"
    run_workflow(_SPEC, {"send": False, "of": _SECRET}, agents=_AGENTS)
    out = StringIO()
    call_command("list_signing_keys", "--json", stdout=out)
    listed = {row["public_key"]: (row["is"], row["seals"]) for row in json.loads(out.getvalue())}
    assert listed[first] == ("unknown", 1)
    settings.RINGMASTER = settings.RINGMASTER | {"FORMER_SIGNING_KEYS": [first]}
    out = StringIO()
    call_command("list_signing_keys", stdout=out)
    assert f"former   {first}" in out.getvalue()
    assert "unknown" not in out.getvalue()


# Everything but the standard library and what its documentation asks for is out of reach.
_ALONE = """
import importlib.abc, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names | {"cryptography", "cffi", "_cffi_backend"}:
            raise ImportError(f"{name} is not needed")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_its_verifier_is_one_file_that_needs_one_library(run: Run, tmp_path: Path) -> None:
    file, alone = tmp_path / "run.json", tmp_path / "verify.py"
    file.write_bytes(runs.bundle(run.pk))
    alone.write_bytes(Path(verifier.__file__).read_bytes())
    key = Seal.objects.get(run=run).public_key
    (tmp_path / "key").write_text(fingerprint(key))

    def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _ALONE, str(alone), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    done = verify(str(file), "--key", str(tmp_path / "key"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("which is the trusted key.\n")
    assert verify(str(file)).returncode == 3
    assert verify(str(tmp_path / "none")).returncode == 2
    assert verify(str(file), "--key", "ours").returncode == 2


def test_the_verifier_knows_the_columns_and_the_format() -> None:
    assert verifier.STEP_COLUMNS == STEP_COLUMNS
    assert FORMAT == "ringmaster-bundle/1"


def _seal_anew(said: dict[str, Any], old: str, new: str) -> bytes:
    """Put a text in an other's place and sign it all anew: what only who has a key can do."""
    signer = build_signer(None, "a liar's")
    changed = [(digest_text(old), new)]
    del said["texts"][digest_text(old)]
    while changed:
        before, text = changed.pop()
        after = digest_text(text)
        said["texts"][after] = text
        # What waits to be put in may name it, too.
        changed = [(digest, other.replace(before, after)) for digest, other in changed]
        for digest, other in list(said["texts"].items()):
            if before in other:
                del said["texts"][digest]
                changed.append((digest, other.replace(before, after)))
        for seal in said["runs"][0]["seals"]:
            seal["root"] = after if seal["root"] == before else seal["root"]
    for seal in said["runs"][0]["seals"]:
        seal |= {"signature": signer.sign(seal["root"]), "public_key": signer.public_key}
    return _write(said)


def test_a_signer_who_lies_must_lie_everywhere(run: Run) -> None:
    """Each of these is signed well, and every text is that of its digest."""
    seal = Seal.objects.get(run=run).body_json
    draft = run.receipts.get(step__key="draft").body_json
    parent = run.receipts.get(step__key="letter").digest
    lies = {
        "of another run or round": (seal, seal.replace(str(run.pk), str(uuid4()), 1)),
        "does not name the seal of the round before": (seal, seal.replace('"former":null', '"former":"a"')),
        "it is of format 4": (seal, seal.replace('"format":3', '"format":4')),
        "its 'final' is not that of the step's line": (
            draft,
            re.sub('"final":"[0-9a-f]', '"final":"x', draft),
        ),
        "its 'revision' is not that": (draft, draft.replace('"revision":0', '"revision":7')),
        "its 'run' is not that": (draft, draft.replace(str(run.pk), str(uuid4()))),
        "is no receipt of this run": (draft, draft.replace(parent, "0" * 64)),
    }
    for fault, (old, new) in lies.items():
        assert new != old, fault
        found = verify_file(_seal_anew(json.loads(runs.bundle(run.pk)), old, new)).fault
        assert fault in (found or ""), fault
    told = next(
        text for text in json.loads(runs.bundle(run.pk))["texts"].values() if text.startswith('[["history","')
    )
    for fault, new in {
        "its sender has no receipt of such an output": told.replace('["history"', '["nobody"'),
        "it was handed over whole, but its tokens differ": re.sub(
            r'(\["history","\w+","\w+",)(\d+)', r"\g<1>9\2", told
        ),
    }.items():
        assert new != told
        found = verify_file(_seal_anew(json.loads(runs.bundle(run.pk)), told, new)).fault
        assert fault in (found or ""), (fault, found)


def test_whoever_leaves_out_the_end_of_a_signed_history_is_found(run: Run) -> None:
    said = json.loads(runs.bundle(run.pk))
    said["runs"][0]["seals"].append(said["runs"][0]["seals"][0])
    assert "does not name the seal of the round before" in (verify_file(_write(said)).fault or "")
    said = json.loads(runs.bundle(run.pk))
    said["runs"].append(said["runs"][0])
    assert "it is there twice" in (verify_file(_write(said)).fault or "")
