"""What is masked, what is not, and that no text takes long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain import redaction
from agents.domain.classification import describe_failure
from agents.domain.redaction import MASK, redact, redact_json, teach

_BODY = "Zx9" * 12
SECRETS = {
    "a password in a URL": ("postgresql://app:{}@db/ring", _BODY),
    "a broker's URL without a user": ("redis://:{}@127.0.0.1:6379/0", _BODY),
    "a bearer": ("Authorization: Bearer {}", _BODY),
    "basic": ("'Authorization': 'Basic {}'", _BODY + "=="),
    "an assignment": ("password={}", _BODY),
    "a name in JSON": ('{{"api_key": "{}", "n": 1}}', _BODY),
    "a name in a dict": ("{{'client_secret': '{}'}}", _BODY),
    "a variable": ("OPENAI_API_KEY={} python", _BODY),
    "a name with more behind it": ("secret_access_key: {}", _BODY),
    "a query": ("https://host/path?access_token={}&page=2", _BODY),
    "a passphrase of several words": ('passphrase="{}"', "correct horse battery"),
    "a provider's key": ("Incorrect API key provided: {}.", f"sk-proj-{_BODY}"),
    "another's": ("{}", f"sk-ant-api03-{_BODY}"),
    "a payment key": ("{}", f"sk_live_{_BODY}"),
    "a forge's token": ("remote: {}", f"ghp_{_BODY}"),
    "a chat's token": ("{}", "xoxb-1234567890-abcdefghij"),
    "a cloud's key id": ("{}", "AKIAIOSFODNN7EXAMPLE"),
    "a signed token": ("token was {} before", f"eyJhbGciOi.{_BODY}.{_BODY}"),
    "a private key": (
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\nmore",
        f"{_BODY}\n{_BODY}",
    ),
    "a private key that was cut off": ("-----BEGIN PRIVATE KEY-----\n{}", _BODY),
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_masked(case: str) -> None:
    frame, secret = SECRETS[case]
    text = f"before {frame.format(secret)} after"
    said = redact(text)
    assert secret not in said
    assert all(part not in said for part in secret.splitlines() if len(part) > 8)
    assert MASK in said
    assert said.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "the password is wrong",
        "password: ",
        "max_tokens=4096, tokens before: 1200",
        "token budget of 4,000 exceeded by 12",
        "see https://example.org/a:b/c@2x.png",
        "at 12:30:05 ada@example.org wrote: hello",
        "the secret of good coffee",
        "KeyError: 'customer'",
        "task 0b8e1c66-6f0e-4b59-9d83-2f6b6b3c2f10.12.1",
        "basic needs: food",
        "sk-learn is not scikit-learn",
        "digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_the_place_of_a_secret_stays_readable() -> None:
    assert redact("postgresql://app:pw@db:5432/ring") == f"postgresql://app:{MASK}@db:5432/ring"
    assert redact('{"api_key": "abcd1234", "n": 1}') == f'{{"api_key": "{MASK}", "n": 1}}'


def test_taught_secrets_are_masked_whatever_they_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_taught", [])
    teach(["blue-mountain", "blue-mountain-river", "demo"])
    assert redact("it said blue-mountain-river!") == f"it said {MASK}!"
    assert redact("the demo runs") == "the demo runs"


def test_what_an_agent_raises_is_masked_before_it_is_cut() -> None:
    secret = f"sk-proj-{_BODY}"
    failed = describe_failure(ConnectionError(f"{'x' * 1985} {secret} was refused"), "lab.leaky", 1)
    kept = f"{failed.message}{failed.traceback_tail}"
    assert MASK in failed.message
    assert "sk-proj" not in kept


def test_a_private_key_in_a_traceback_is_masked() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{_BODY}\n-----END PRIVATE KEY-----"
    failed = describe_failure(ValueError(key), "lab.leaky", 1)
    assert _BODY not in f"{failed.message}{failed.traceback_tail}"


@given(st.text())
def test_masked_once_is_masked(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "password",
        "password=",
        "://",
        "a://b:",
        "eyJaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "bearer ",
        "sk-",
        '"',
        "a:",
        "secret-",
    ],
)
def test_long_texts_are_read_once(part: str) -> None:
    # A pattern that went over a text again and again would take minutes here.
    text = part * (400_000 // len(part))
    assert redact(f"{text} hello") != ""


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_in_a_text_of_json_is_masked_and_it_stays_json(case: str) -> None:
    shape, secret = SECRETS[case]
    stored = json.dumps({"said": [shape.format(secret), {shape.format(secret): 1}]})
    shown = redact_json(stored)
    assert secret not in shown
    assert MASK in json.dumps(json.loads(shown))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"password": "pw"}, {"password": MASK}),
        ({"a": [{"client_secret": "x" * 9_000}]}, {"a": [{"client_secret": MASK}]}),
        ({"api_keys": ["one", "two"]}, {"api_keys": [MASK, MASK]}),
        ({"db.password": 123456}, {"db.password": MASK}),
        ({"access_token": None, "secret": True, "password": ""},) * 2,
        ({"secret_count": 3},) * 2,
        ({"tokens": "12 and 13", "pass": "yes", "n": 123456, "f": 0.5},) * 2,
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", MASK),
        ({"text": '{"password": "hunter3hunter3"}'}, {"text": f'{{"password": "{MASK}"}}'}),
        ([], []),
        ("Gr\u00fc\u00dfe \u202e", "Gr\u00fc\u00dfe \u202e"),
    ],
)
def test_what_a_name_calls_secret_is_masked_and_nothing_else(value: object, shown: object) -> None:
    assert json.loads(redact_json(json.dumps(value))) == shown


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_masked_stays_json(value: object) -> None:
    shown = redact_json(json.dumps(value))
    assert json.loads(redact_json(shown)) == json.loads(shown)
