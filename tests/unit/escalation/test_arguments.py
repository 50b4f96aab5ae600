"""What commands say about errors."""

from escalation.domain.wording import both_ends


def test_of_a_long_error_what_failed_and_why_can_both_be_read() -> None:
    error = f"ConnectionError: could not send to hook {'x' * 500} (Caused by [Errno 111] Connection refused)"
    said = both_ends(error, 100)
    assert len(said) <= 100
    assert said.startswith("ConnectionError: could not send")
    assert said.endswith("Connection refused)")
    assert both_ends("one\nline\u202e", 100) == "one line[U+202E]"
    assert len(both_ends("\u202e" * 400, 100)) <= 100
