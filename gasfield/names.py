"""Names of groups, and the names of files that are made of them.

A scenario and a recorder accept names of one pattern. A file of others may hold any text as the name of a group, so a
name is never used in a path as it stands.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from gasfield.errors import InputError
from gasfield.printable import shortened

NAME = "[A-Za-z][A-Za-z0-9_-]{0,99}"
"""The names of groups in scenarios, recordings and imports, as a regular expression."""
MOST_GROUPS = 1000
"""Groups that are looked at one by one unless some are named: a file of others may have any number."""
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_LONGEST = 160
"""Characters of the name of a file, without its ending."""
_DIGEST, _TAIL = 20, 24
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.I)
"""Names that Windows gives to devices, with any ending."""


def require_name(name: str, parameter: str | None = None) -> str:
    """Checks that a name may be given to a group.

    Args:
        name: of the group.
        parameter: the parameter that gave it.

    Returns:
        The name.

    Raises:
        InputError: if it does not match `NAME`.
    """
    if not re.fullmatch(NAME, name):
        message = "is no name of a group: up to 100 letters, digits, - and _, a letter first."
        raise InputError(message, parameter=parameter, value=f"'{shortened(name)}'")
    return name


def file_name(name: str) -> str:
    """The name of a file, without its ending, for any name: two names never have the same.

    Letters and digits of ASCII, - and _ stay; every other byte of its UTF-8 becomes %XX. A long name has a digest of
    the whole in place of its middle. There are no separators, no dots, no name of a device, at most 160 characters.
    """
    data = name.encode("utf-8", "surrogatepass")
    safe = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in data)
    if not safe or _RESERVED.fullmatch(safe):
        safe = f"%{safe}"  # no escape begins so: two hexadecimal digits in upper case follow its %
    if len(safe) <= _LONGEST:
        return safe
    head = _LONGEST - _DIGEST - _TAIL - 3
    return f"{safe[:head]}%~{hashlib.sha256(data).hexdigest()[:_DIGEST]}~{safe[-_TAIL:]}"


def component(name: str) -> str:
    """One component of a path, in HDF5 or of a folder, for any name: itself, unless it would be a path of its own, is
    not printable, or holds the % of `file_name`, which stands for it then."""
    plain = name.isprintable() and not {"/", "\\", "%"} & set(name) and name not in ("", ".", "..")
    return name if plain and len(name) <= _LONGEST else file_name(name)


def picture_name(name: str) -> str:
    """The name of the file of a picture; NAME.png for the names that scenarios have."""
    return f"{file_name(name)}.png"


def inside(folder: Path, name: str) -> Path:
    """The path of a file in a folder, checked by the name itself before anything is written.

    Raises:
        InputError: if the name is a path: it has a separator, or is none of a file.
    """
    if name in ("", ".", "..") or "\0" in name or {"/", "\\"} & set(name) or Path(name).name != name:
        raise InputError(f"{folder}: '{shortened(name)}' is no name of a file in this folder.")
    return folder / name
