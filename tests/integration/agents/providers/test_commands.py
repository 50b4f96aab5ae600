import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agents.domain.redaction import redact
from agents.model_server import Fault, ModelServer, Reply
from agents.providers import build_model
from config import env
from tests.architecture.sources import PROJECT_DIR
from tests.integration.agents.providers.conftest import models

Serve = Callable[..., ModelServer]


def _run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_without_models_it_says_where_to_name_them() -> None:
    with models():
        assert "RINGMASTER['MODELS']" in _run("check_models")


def test_the_list_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k-0123456789")
    out = io.StringIO()
    with (
        models(fast="openai:gpt-5-mini", strong="anthropic:claude-sonnet-5"),
        pytest.raises(CommandError) as caught,
    ):
        call_command("check_models", stdout=out)
    assert out.getvalue().splitlines() == [
        "NAME    MODEL                      SERVER                     KEY                     PRICE",
        "fast    openai/gpt-5-mini          https://api.openai.com/v1  OPENAI_API_KEY NOT SET  table",
        "strong  anthropic/claude-sonnet-5  https://api.anthropic.com  ANTHROPIC_API_KEY set   table",
    ]
    assert (
        str(caught.value)
        == "fast: OPENAI_API_KEY is not set here; set it for the workers that run its agents"
    )
    with models(fast="openai:gpt-5-mini", strong="anthropic:claude-sonnet-5"):
        assert json.loads(_run("check_models", "strong", "--json"))[0]["faults"] == []


def test_a_model_is_asked_on_request(serve: Serve) -> None:
    server = serve(Reply("ready", input_tokens=3, output_tokens=1))
    told = _run("check_models", "fast", "--call").splitlines()[-1]
    assert told.startswith("fast: scripted answered 'ready' after ")
    assert told.endswith(" s: 3 tokens in, 1 out, for 0.000005 US dollars")
    assert len(server.requests) == 1


def test_a_key_that_a_server_echoes_is_not_shown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "plain-words-of-a-key-that-is-long"
    monkeypatch.setenv("HOUSE_KEY", key)
    server = serve(Reply(f"you sent Bearer {key}\x1b[2J", times=0), api_key_env="HOUSE_KEY")
    told = _run("check_models", "--call") + _run("check_models", "--call", "--json")
    assert len(server.requests) == 2
    assert "plain-words" not in told
    assert "\x1b" not in told
    assert "[redacted]" in told


def test_a_model_that_does_not_answer_is_told_in_words(serve: Serve) -> None:
    serve(Reply(fault=Fault.BAD_KEY))
    with pytest.raises(CommandError, match="fast: permanent: the provider refuses the key"):
        _run("check_models", "--call")


def test_a_name_that_is_none_is_refused() -> None:
    with models(fast="openai:gpt-5-mini"), pytest.raises(CommandError, match="did you mean fast"):
        _run("check_models", "fst")


def test_a_key_is_masked_once_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", "plain-words-of-a-key")
    with models(fast={"model": "openai:x", "base_url": "http://127.0.0.1:1", "api_key_env": "HOUSE_KEY"}):
        build_model("fast")
    assert redact("it was plain-words-of-a-key") == "it was [redacted]"


def test_the_schema_of_an_answer_is_written() -> None:
    schema = json.loads(_run("list_agents", "--schema"))
    assert set(schema["required"]) | {"latency_ms"} == set(schema["properties"])
    assert {"text", "data", "tool_calls", "cost_micro_usd", "response_id"} <= set(schema["properties"])


def test_a_script_is_served_until_it_is_stopped(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('[{"text": "Hello", "times": 0}]')
    with subprocess.Popen(
        [sys.executable, "manage.py", "model_server", str(script), "--port", "0"],
        cwd=PROJECT_DIR,
        env=env.for_child(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        url = told.split(" at ")[1].split(";")[0]
        price = {"input_usd_per_million": "0", "output_usd_per_million": "0"}
        with models(fast={"model": "openai:scripted", "base_url": url, "price": price}):
            said = _run("check_models", "--call")
        process.terminate()
    assert told.startswith("1 replies at http://127.0.0.1:")
    assert "answered 'Hello'" in said
    assert "for 0.00 US dollars" in said


@pytest.mark.parametrize(
    ("text", "word"), [("[", "no valid JSON at line 1"), ('[{"fault": "fire"}]', "there is no fault 'fire'")]
)
def test_a_script_that_can_t_be_followed_is_refused(text: str, word: str, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(text)
    with pytest.raises(CommandError, match=word):
        _run("model_server", str(script))
    with pytest.raises(CommandError, match="No such file"):
        _run("model_server", str(tmp_path / "none.json"))
