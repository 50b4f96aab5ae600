"""Verifies a bundle: a run with all runs below it, as a file that proves itself without our database.

This one file needs Python 3.11 and `cryptography`, and nothing else of this project: hand it over with a bundle, and
whoever got both may run `python bundle.py FILE --key KEY`. A bundle holds texts by their SHA-256 and signed roots; from
a root everything is reached by digests. The format: docs/reference/bundle.md. Who writes it: `runs/bundling.py`.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FORMAT: Final = "ringmaster-bundle/1"
SEAL_FORMAT: Final = 3
_FIELDS: Final = {"format", "runs", "texts", "withheld"}
_SEAL_FIELDS: Final = {"root", "signature", "public_key"}
_HEX: Final = set("0123456789abcdef")
KEY_HELP: Final = "A trusted public key of 64 hexadecimal digits, its fingerprint, or a file; may repeat."
STEP_COLUMNS: Final = (
    "key", "status", "position", "receipt_digest", "agent", "queue", "predecessor_count", "timeout_seconds", "attempt",
    "failures", "crashes", "revision", "feedback", "dispatches", "waits_for", "skip_reason", "reason", "proposed_json",
    "output_digest", "output_tokens", "dispatched_at", "claimed_at", "deadline_at", "due_at", "finished_at", "kind",
    "parent", "depth", "index", "item_json", "spec_key", "spec_json", "stage", "gated", "accepted_by", "pools",
    "verdict_revisions", "reworks", "fallbacks", "renewals",
)  # fmt: skip
"""What the columns of a step's line are, in a seal of this format."""
_PAST_COLUMNS: Final = (
    "key", "round", "revision", "status", "output_digest", "receipt_digest", "finished_us", "superseded_us",
)  # fmt: skip


class _Fault(Exception):
    """Something in a bundle does not fit; the message names it."""


@dataclass(slots=True)
class BundleVerdict:
    """What a bundle turned out to be.

    Attributes: fault: the first thing that does not fit, or None.  runs: their ids, the one that was asked for first.
        signed: hexadecimal Ed25519 key -> the seals that it signed.  withheld: texts of which it has the digest alone.
    """

    fault: str | None = None
    runs: list[str] = field(default_factory=list)
    signed: dict[str, list[str]] = field(default_factory=dict)
    receipts: int = 0
    handoffs: int = 0
    withheld: int = 0


def write_file(runs: list[dict[str, Any]], texts: dict[str, str], withheld: Iterable[str]) -> bytes:
    """Return a bundle's file. `runs`: {"id", "seals": [{"root", "signature", "public_key"}]}, the one on top first."""
    return _encode({"format": FORMAT, "runs": runs, "texts": texts, "withheld": sorted(withheld)})


def verify_file(data: bytes) -> BundleVerdict:
    """Verify a bundle's bytes: every digest, every signature, and that what names each other agrees."""
    verdict = BundleVerdict()
    try:
        _Bundle(_read(data), verdict).verify()
    except _Fault as fault:
        verdict.fault = str(fault)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        verdict.fault = f"a record has not the form of its format ({type(error).__name__}: {error!s:.200})"
    return verdict


def tell(verdict: BundleVerdict, trusted: Iterable[str]) -> tuple[str, int]:
    """Return in words what was found, and an exit code.

    0: whole and signed by trusted keys.  1: not whole, or signed by another.  3: whole; nobody said whom to trust.

    Args: trusted: each a public key in hexadecimal, its fingerprint, or a PEM file's text.
    Raises: ValueError: one of `trusted` is none of these.
    """
    if verdict.fault is not None:
        return f"It does not hold: {verdict.fault}.", 1
    withheld = f", {verdict.withheld} texts by their digests alone" if verdict.withheld else ""
    below = f" and {len(verdict.runs) - 1} below it" if len(verdict.runs) > 1 else ""
    signers = ", ".join(map(fingerprint, verdict.signed))
    if len(verdict.signed) > 1:
        cut = {fingerprint(key): [*seals[:9], "…"][: len(seals)] for key, seals in verdict.signed.items()}
        signers = "; ".join(f"{key} ({', '.join(seals)})" for key, seals in cut.items())
    what = f"run {verdict.runs[0]}{below}, {verdict.receipts} receipts, {verdict.handoffs} hand-offs"
    whole = f"Whole: {what}{withheld}; signed by {signers}"
    wanted = {_read_key(text) for text in trusted}
    if not wanted:
        return f"{whole}. Nobody said that this key is trusted: compare it, then give it with --key.", 3
    strangers = [fingerprint(key) for key in verdict.signed if not wanted & {key, fingerprint(key)}]
    if strangers:
        which = "which" if len(verdict.signed) == 1 else f"of which {', '.join(strangers)}"
        return f"{whole}, {which} is not the key that was given as trusted.", 1
    return f"{whole}, which {'is the trusted key' if len(verdict.signed) == 1 else 'are trusted keys'}.", 0


def fingerprint(public_key: str) -> str:
    """Return a public key's fingerprint: `SHA256:` and the 64 hexadecimal digits of its 32 bytes' digest."""
    return "SHA256:" + hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def _read_key(text: str) -> str:
    if (text := text.strip()).startswith("-----BEGIN"):
        key = load_pem_public_key(text.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the key is not an Ed25519 public key")
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    name, colon, digits = text.rpartition(":")
    if (colon and name.upper() != "SHA256") or len(digits) != 64 or not set(digits.lower()) <= _HEX:
        raise ValueError("give a public key of 64 hexadecimal digits, SHA256: and 64 of them, or a PEM file")
    return f"SHA256:{digits.lower()}" if colon else digits.lower()


def _encode(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _read(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
        # A byte that means the same, such as another escape or a blank, is a change as well.
        is_canonical = _encode(said) == data
    except (ValueError, RecursionError) as error:
        raise _Fault(f"the file is no JSON in UTF-8 ({error!s:.200})") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT or set(said) != _FIELDS:
        raise _Fault(f"the file is not of format {FORMAT}, with the fields {', '.join(sorted(_FIELDS))}")
    if not is_canonical:
        raise _Fault(
            "the file is not written as its format says: sorted keys, no blanks, no needless escapes"
        )
    return said


class _Texts:
    """The texts of a bundle, each compared with its digest when it is first asked for."""

    def __init__(self, texts: dict[str, str], withheld: list[str]) -> None:
        self._texts = texts
        self._withheld = set(withheld)
        self._seen: set[str] = set()

    def check(self, digest: str | None, place: str) -> None:
        """Compare a text that may be withheld; None: there is none to compare."""
        if digest is None or digest in self._seen:
            return
        self._seen.add(digest)
        if digest in self._withheld:
            return
        text = self._texts.get(digest)
        if text is None:
            raise _Fault(f"{place}: the text with digest {digest} is not there")
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise _Fault(f"{place}: the text is not that of its digest {digest}")

    def read_record(self, digest: str, place: str) -> Any:
        """Return a record: what the proof itself is made of and can't be withheld."""
        self.check(digest, place)
        if digest in self._withheld:
            raise _Fault(f"{place}: it is withheld, and nothing can be proven without it")
        return json.loads(self._texts[digest])

    def check_left_over(self) -> None:
        """Refuse what nothing leads to: it would look proven, being in the file."""
        for digest in sorted((self._texts.keys() | self._withheld) - self._seen):
            raise _Fault(f"the text with digest {digest} is not reached from any signed root")
        for digest in sorted(self._withheld & self._texts.keys()):
            raise _Fault(f"the text with digest {digest} is there and said to be withheld")


class _Bundle:
    """One pass over a bundle."""

    def __init__(self, said: dict[str, Any], verdict: BundleVerdict) -> None:
        self.said = said
        self.verdict = verdict
        self.texts = _Texts(said["texts"], said["withheld"])

    def verify(self) -> None:
        roots: set[str] = set()
        if not self.said["runs"]:
            raise _Fault("there is no run in it")
        for run in self.said["runs"]:
            if set(run) != {"id", "seals"} or run["id"] in self.verdict.runs:
                raise _Fault(f"run {run.get('id')}: it is there twice, or its fields are not id and seals")
            self.verdict.runs.append(run["id"])
            roots.add(_Run(self, run).verify())
        if len(roots) > 1:
            raise _Fault("its runs do not belong to one tree")
        self.texts.check_left_over()
        self.verdict.withheld = len(self.said["withheld"])


class _Run:
    """One run of a bundle: its seals, and what is reached from the last one."""

    def __init__(self, bundle: _Bundle, said: dict[str, Any]) -> None:
        self.texts, self.verdict = bundle.texts, bundle.verdict
        self.id, self.seals = said["id"], said["seals"]
        self.place = f"run {self.id}"
        self.receipts: dict[str, dict[str, Any]] = {}

    def verify(self) -> str:
        """Return the run on top of its tree."""
        if not self.seals:
            raise _Fault(f"{self.place}: it has no seal")
        former: str | None = None
        history: list[Any] = []
        body: dict[str, Any] = {}
        for number, seal in enumerate(self.seals, 1):
            body = self._check_seal(number, seal, former)
            lines = self.texts.read_record(
                body["events"], f"{self.place}, history up to the end of round {number}"
            )
            if lines[: len(history)] != history:
                raise _Fault(
                    f"{self.place}: the history of round {number} does not go on from the one before"
                )
            former, history = seal["root"], lines
        self._check_last(body)
        root: str = body["run"]["root"]
        return root

    def _check_seal(self, number: int, seal: dict[str, str], former: str | None) -> dict[str, Any]:
        place = f"{self.place}, seal of round {number}"
        if set(seal) != _SEAL_FIELDS:
            raise _Fault(f"{place}: its fields are not root, signature and public_key")
        if not _is_signed(seal):
            raise _Fault(f"{place}: the signature is not one of this root by this key")
        self.verdict.signed.setdefault(seal["public_key"], []).append(f"round {number} of run {self.id}")
        body: dict[str, Any] = self.texts.read_record(seal["root"], place)
        if body["format"] != SEAL_FORMAT:
            raise _Fault(f"{place}: it is of format {body['format']}; this verifier reads {SEAL_FORMAT}")
        if body["former"] != former:
            raise _Fault(f"{place}: it does not name the seal of the round before")
        if (body["run"]["id"], body["run"]["round"]) != (self.id, number):
            raise _Fault(f"{place}: it is of another run or round")
        return body

    def _check_last(self, body: dict[str, Any]) -> None:
        run = body["run"]
        self.texts.check(run["spec"], f"{self.place}, workflow {run['workflow']} version {run['version']}")
        self.texts.check(run["input"], f"{self.place}, input")
        self.texts.check((body.get("result") or {}).get("digest"), f"{self.place}, result")
        beside = {
            name: self.texts.read_record(digest, f"{self.place}, {name} beside") if digest else []
            for name, digest in body["beside"].items()
        }
        lines = self.texts.read_record(body["steps"], f"{self.place}, lines of its steps")
        steps = [dict(zip(STEP_COLUMNS, line, strict=True)) for line in lines]
        for step in [*steps, *(dict(zip(_PAST_COLUMNS, line, strict=True)) for line in beside["past"])]:
            self._load_receipt(step, run["spec"])
        for digest, receipt in self.receipts.items():
            self._check_receipt(digest, receipt)
        for step in steps:
            for name in ("item_json", "spec_json", "proposed_json"):
                self.texts.check(step[name], f"{self.place}, step '{step['key']}', {name}")
        for key, attempt, sender, original, digest, *rest in beside["handoffs"]:
            place = f"{self.place}, step '{key}', attempt {attempt}, hand-off"
            self._check_handoff(place, [sender, digest, original, *rest])

    def _load_receipt(self, step: dict[str, Any], spec: str) -> None:
        """Read the receipt of an output, and compare it with the line that names it."""
        place = f"{self.place}, step '{step['key']}'"
        self.texts.check(step["output_digest"], f"{place}, output")
        if step["receipt_digest"] is None:
            return
        said = self.texts.read_record(step["receipt_digest"], f"{place}, receipt")
        told = {"run": self.id, "spec": spec, "step": step["key"], "final": step["output_digest"]}
        for name, value in (told | {"revision": step["revision"]}).items():
            if said[name] != value:
                raise _Fault(f"{place}, receipt: its '{name}' is not that of the step's line")
        self.receipts[step["receipt_digest"]] = said

    def _check_receipt(self, digest: str, said: dict[str, Any]) -> None:
        place = f"{self.place}, step '{said['step']}', receipt {digest[:12]}"
        for parent in said["parents"]:
            # "None" had nothing to prove: it did not end well.
            if parent not in self.receipts and parent != "None":
                raise _Fault(f"{place}: its parent {parent} is no receipt of this run")
        for line in self.texts.read_record(said["received"], f"{place}, what it received"):
            self._check_handoff(f"{place}, hand-off", line)
        self.texts.read_record(said["attempts"], f"{place}, attempts and decisions")
        self.texts.check(said["proposed"], f"{place}, proposed output")
        self.texts.check(said["feedback"], f"{place}, feedback")
        if "calls" in said:
            for path, _name, request, response in self.texts.read_record(
                said["calls"]["digest"], f"{place}, calls"
            ):
                self.texts.check(request, f"{place}, request of call {path}")
                self.texts.check(response, f"{place}, response of call {path}")
        for scope, _owner, key, version, value in said.get("memories", ()):
            self.texts.check(value, f"{place}, memory '{key}' v{version} ({scope})")
        self.verdict.receipts += 1

    def _check_handoff(self, place: str, line: list[Any]) -> None:
        sender, digest, original, before, after, _summariser, *_loss = line
        place = f"{place} from '{sender}'"
        self.texts.check(original, f"{place}, original")
        self.texts.check(digest, f"{place}, what was handed over")
        if digest == original and before != after:
            raise _Fault(f"{place}: it was handed over whole, but its tokens differ")
        known = any((one["step"], one["final"]) == (sender, original) for one in self.receipts.values())
        if not known and not sender.startswith("memory:"):
            raise _Fault(f"{place}: its sender has no receipt of such an output")
        self.verdict.handoffs += 1


def _is_signed(seal: dict[str, str]) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal["public_key"]))
        key.verify(bytes.fromhex(seal["signature"]), seal["root"].encode())
    except (InvalidSignature, ValueError):
        return False
    # Digits in capitals are the same bytes in another writing.
    return all(set(seal[name]) <= _HEX for name in ("public_key", "signature"))


def main(arguments: list[str]) -> int:
    """Verify the file that a command line names; return the exit code of `tell`, or 2 for what can't be read."""
    parser = argparse.ArgumentParser(description="Verify a bundle of runs.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--key", metavar="KEY", action="append", default=[], help=KEY_HELP)
    given = parser.parse_args(arguments)
    try:
        words, code = tell(verify_file(given.file.read_bytes()), map(read_key_argument, given.key))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    sys.stdout.write(f"{words}\n")
    return code


def read_key_argument(text: str) -> str:
    """Return what a `--key` argument says: itself, or the text of the file that it names.

    Raises: OSError, ValueError: there is such a file, and it can't be read.
    """
    path = Path(text)
    return path.read_text(encoding="ascii") if len(text) < 200 and path.is_file() else text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
