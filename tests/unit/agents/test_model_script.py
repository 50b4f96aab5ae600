import pytest

from agents.errors import ScriptRefused
from agents.model_server import Call, Fault, Reply, When, read_script
from agents.model_server.replies import Question, fill_arguments, fill_text, fits, read_question

_ASKED = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Where is order 17?"}]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "function": {"name": "find_order", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"status": "sent", "days": 2}'},
    ],
}


def test_a_question_is_what_the_user_said_last_and_what_came_after() -> None:
    question = read_question(_ASKED)
    assert (question.model, question.says, question.after) == ("m", "Where is order 17?", "find_order")
    assert question.result == '{"status": "sent", "days": 2}'


def _asks(says: str = "Where is order 17?", after: str = "", result: str = "") -> Question:
    return Question("m", says, after, result, 100)


@pytest.mark.parametrize(
    ("when", "question", "is_fitting"),
    [
        (When(), _asks(), True),
        (When(), _asks(after="find_order"), True),
        (When(says="order"), _asks(), True),
        (When(says="refund"), _asks(), False),
        (When(says="order"), _asks(after="find_order"), False),
        (When(says="order", after="find_order"), _asks(after="find_order"), True),
        (When(after="find_order"), _asks(after="refund"), False),
        (When(after="find_order"), _asks(), False),
        (When(after="find_order", result='"euro"'), _asks(after="find_order", result='{"euro": 5}'), True),
        (When(after="find_order", result='"euro"'), _asks(after="find_order", result="none"), False),
        (When(result="."), _asks(), False),
        (When(model="m"), _asks(), True),
        (When(model="n"), _asks(), False),
    ],
)
def test_a_reply_fits_by_words_tool_and_model(when: When, question: Question, is_fitting: bool) -> None:
    assert fits(when, question) is is_fitting


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("order {order}", "order 17"),
        ("{result.status} in {result.days} days", "sent in 2 days"),
        ("{result}", '{"status": "sent", "days": 2}'),
        ("{result.status.more} {nobody} {order.x}", "{result.status.more} {nobody} {order.x}"),
    ],
)
def test_places_are_filled_from_groups_and_results(text: str, filled: str) -> None:
    question = _asks(result='{"status": "sent", "days": 2}')
    when = When(says=r"order (?P<order>\d+)")
    assert fill_text(text, when, question) == filled
    assert fill_arguments({"a": [f"so: {text}"]}, when, question) == {"a": [f"so: {filled}"]}


def test_an_argument_that_is_a_part_of_a_result_stays_what_it_is() -> None:
    question = _asks(result='{"days": 2, "parts": ["a"], "status": "sent"}')
    arguments = {"days": "{result.days}", "all": ["{result.parts}"], "how": "{result.status}", "n": "{order}"}
    assert fill_arguments(arguments, When(says=r"order (?P<order>\d+)"), question) == {
        "days": 2,
        "all": [["a"]],
        "how": "sent",
        "n": "17",
    }
    assert fill_text("{result.parts}", When(), question) == '["a"]'


def test_a_place_in_a_result_that_is_no_json_stays() -> None:
    assert fill_text("{result.status}", When(), _asks(result="gone")) == "{result.status}"


def test_a_script_is_a_list_of_replies() -> None:
    assert read_script(
        {
            "replies": [
                {
                    "when": {"says": "order"},
                    "calls": [{"name": "find_order", "arguments": {"id": 1}}, {"name": "look"}],
                },
                {"fault": "rate_limit", "retry_after_seconds": 2, "times": 0},
            ]
        }
    ) == [
        Reply(calls=(Call("find_order", {"id": 1}), Call("look")), when=When(says="order")),
        Reply(fault=Fault.RATE_LIMIT, retry_after_seconds=2, times=0),
    ]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({}, "a list of replies"),
        ([7], "reply 1: write an object"),
        ([{}, {"txt": "x"}], "reply 2: unknown 'txt'; known are text, calls"),
        ([{"fault": "fire"}], "reply 1: there is no fault 'fire'; write one of rate_limit,"),
        ([{"when": {"says": "("}}], "'when.says' is no regular expression"),
        ([{"when": {"result": "("}}], "'when.result' is no regular expression"),
        ([{"when": {"sayz": "x"}}], "'when': unknown 'sayz'"),
        ([{"calls": [{"arguments": {}}]}], "'calls' lists objects with 'name'"),
        ([{"calls": [{"name": "x", "arguments": 7}]}], "'calls' lists objects with 'name'"),
        ([{"times": -1}], "'times' is -1; write a number from 0"),
        ([{"seconds": "1"}], "'seconds' is '1'"),
        ([{"text": 7}], "'text' is 7; write a text"),
    ],
)
def test_what_can_t_be_followed_is_refused_by_name(said: object, word: str) -> None:
    with pytest.raises(ScriptRefused) as caught:
        read_script(said)
    assert word in str(caught.value)
