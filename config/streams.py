"""What a command reads from and writes to: a terminal of any encoding, a pipe that closes, or nothing at all."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from config.errors import ConfigError
from orchestration.domain.visible import spell_out

# As the shell reports a program that a closed pipe or Ctrl-C has ended.
_PIPE_CLOSED = 128 + 13
_INTERRUPTED = 128 + 2
_LAST_CONTROL = 0x9F
_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let nothing about the standard streams end a command with a traceback, within this block.

    A reader that has seen enough (`| head`) and Ctrl-C end it quietly; a full disk, with words.
    """
    sys.stdout, sys.stderr = _open_visibly(sys.stdout), _open_visibly(sys.stderr)
    _occupy_closed()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(_PIPE_CLOSED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _drop_output()
        sys.exit(f"{error.strerror}: not all of the output was written. Make room, then run this again.")


def read_words(words: list[str]) -> list[str]:
    """Return a command's words as UTF-8, whatever encoding the terminal says it has.

    Raises: ConfigError: a word is no text; names it.
    """
    return [word if word.isascii() else _read_word(number, word) for number, word in enumerate(words)]


def _read_word(number: int, word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:  # Python keeps bytes that its encoding does not know as lone surrogates
        try:
            return os.fsencode(word).decode()
        except UnicodeError:
            raise ConfigError(
                f"argument {number} ({word!a}) is no UTF-8 text; give it in the terminal's encoding."
            ) from None
    return word


class _Visible(io.TextIOWrapper):
    """Spells out what would hide text or turn its reading order, whoever wrote it: a row, an agent, a file."""

    def write(self, text: str) -> int:
        """Write the text; return its length, as its caller knows it."""
        super().write(text if text.isascii() else "".join(map(_spell, text)))
        return len(text)


def _spell(character: str) -> str:
    # A terminal's colours and line ends are control characters; what commands of ours print has none of others'.
    return spell_out(character) if ord(character) > _LAST_CONTROL else character


def _open_visibly(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # a test's, or None: closed
    return _Visible(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _occupy_closed() -> None:
    """Open what the caller has closed (`>&-`), lest a socket of ours takes its number and is written to."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(free, True)  # noqa: FBT003 - the standard library's signature
    os.close(free)
    # Standard input stays None: a command that was to read it says that it is closed.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _drop_output() -> None:
    """Send the rest nowhere: at its end, Python would try once more to write what is still to be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STANDARD_OUTPUT)
    os.close(nowhere)
