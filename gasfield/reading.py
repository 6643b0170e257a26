"""Text, lines and JSON from outside: there are data, or one error that says where, without quoting what is there.

Text is UTF-8, with or without a byte order mark. Sizes are checked against memory before anything is read, also those
of packed files, which a few bytes may make as large as they like. In JSON, NaN and Infinity are read, which the
standard lacks and others write; a number beyond float64 (1e400) becomes infinite, so that whoever needs an integer asks
for one (`whole`). A key that is given twice keeps its last value.
"""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gasfield.errors import InputError
from gasfield.memory import free_memory, require_memory

_OF_JSON, _OF_TEXT = 24, 5
"""Bytes in memory for a byte of a file, at most."""
_PIECE = 1 << 24
"""Bytes that are unpacked at once."""
_PACKED = {".gz": gzip.open, ".xz": lzma.open}
_DAMAGED = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)
"""What the libraries of packed files raise besides `OSError`."""


def read_bytes(path: Path, parameter: str | None = None, *, space: int = 1) -> bytes:
    """The content of a file; that of a .gz or .xz is unpacked.

    Args:
        path: of the file.
        parameter: the parameter that named it.
        space: bytes in memory that each byte will take.

    Raises:
        InputError: if it cannot be read, is damaged, or does not fit into memory.
    """
    try:
        require_memory(space * path.stat().st_size, str(path), parameter)
        if path.suffix not in _PACKED:
            return path.read_bytes()
        pieces: list[bytes] = []
        opener: Any = _PACKED[path.suffix]
        with opener(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE), b""):
                pieces.append(piece)
                require_memory((space + 1) * _PIECE * len(pieces), f"{path}, unpacked,", parameter)
        return b"".join(pieces)
    except _DAMAGED:
        raise InputError(f"{path}: cannot be read; it is damaged or cut short.", parameter=parameter) from None
    except OSError as fault:
        raise _unreadable(path, fault, parameter) from None


def read_text(path: Path, parameter: str | None = None) -> str:
    """The text of a file in UTF-8, with line ends as they are.

    Raises:
        InputError: as `read_bytes`, and if it is no UTF-8.
    """
    content = read_bytes(path, parameter, space=_OF_TEXT)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise InputError(f"{path}: line {line}: not UTF-8 text.", parameter=parameter) from None


def read_lines(path: Path, parameter: str | None = None) -> list[str]:
    """The lines of a file, which end in a line feed, or a carriage return and a line feed, and in nothing else.

    Raises:
        InputError: as `read_text`.
    """
    lines = [line.removesuffix("\r") for line in read_text(path, parameter).split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def stream_lines(path: Path, parameter: str | None = None) -> Iterator[str]:
    """The lines of a file one after the other, each with its line end; that of a .gz or .xz is unpacked on the way.

    Raises:
        InputError: as `read_text`; and if a line does not fit into memory.
    """
    longest = max(int(free_memory() / (10 * _OF_TEXT)), 1000)
    try:
        opener: Any = _PACKED.get(path.suffix, open)
        with opener(path, "rt", encoding="utf-8-sig") as text:
            yield from _lines(text, longest, path, parameter)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text.", parameter=parameter) from None
    except _DAMAGED:
        raise InputError(f"{path}: cannot be read; it is damaged or cut short.", parameter=parameter) from None
    except OSError as fault:
        raise _unreadable(path, fault, parameter) from None


def _lines(text: IO[str], longest: int, path: Path, parameter: str | None) -> Iterator[str]:
    while line := text.readline(longest):
        if len(line) == longest:
            message = f"{path}: a line of more than {longest:,} characters does not fit into memory."
            raise InputError(message, parameter=parameter)
        yield line


def _unreadable(path: Path, fault: OSError, parameter: str | None) -> InputError:
    return InputError(f"{path}: cannot be read: {fault.strerror or 'it is damaged'}.", parameter=parameter)


def read_json(path: Path, parameter: str | None = None) -> Any:
    """The data of a file in UTF-8.

    Args:
        path: of the file.
        parameter: the parameter that named it.

    Raises:
        InputError: if it cannot be read, is no JSON, is nested too deeply, or does not fit into memory.
    """
    return parse_json(read_bytes(path, parameter, space=_OF_JSON), str(path), parameter)


def parse_json(content: str | bytes, origin: str, parameter: str | None = None) -> Any:
    """The data of a text.

    Args:
        content: text, or bytes in UTF-8.
        origin: where it comes from, for the message.
        parameter: the parameter that named it.

    Raises:
        InputError: as `read_json`.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(text)
    except (TypeError, AttributeError):  # an attribute that should be text
        reason = "it is no text"
    except UnicodeDecodeError:
        reason = "it is no text in UTF-8"
    except json.JSONDecodeError as fault:
        reason = f"line {fault.lineno}, column {fault.colno}: {fault.msg.rstrip(': ')}"
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError:  # more digits than Python turns into an integer
        reason = "a number has too many digits"
    raise InputError(f"{origin}: not JSON: {reason}.", parameter=parameter)


def read_object(path: Path, parameter: str | None = None) -> dict[str, Any]:
    """The data of a file whose root is an object.

    Raises:
        InputError: as `read_json`, and if the root is another.
    """
    data = read_json(path, parameter)
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a JSON object of names and values.", parameter=parameter)
    return data


def object_of(text: object) -> dict[str, Any]:
    """An object that is kept as JSON in an attribute of a file; empty if it is none, or damaged."""
    try:
        found = parse_json(text if isinstance(text, str | bytes) else "{}", "attribute")
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}


def whole(value: object) -> int | None:
    """A number as an integer: 3 and 3.0; None for anything else, also for numbers that are not finite or exceed 64
    bits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) >= 2**63:
        return None
    return int(value) if value == int(value) else None
