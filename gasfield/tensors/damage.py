"""Whatever a library raises for a damaged file, as one error that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gasfield.errors import GasfieldError, InputError


@contextmanager
def damage(path: Path, part: str = "") -> Iterator[None]:
    """Turns every exception of a reader into an `InputError`. Messages of libraries are left out, since they may quote
    what is in the file; the name of the exception is given.

    Args:
        path: the file that is read.
        part: what of it, for the message.

    Raises:
        InputError: instead of any exception but that of gasfield itself.
    """
    where = f"{path}: {part}" if part else str(path)
    try:
        yield
    except GasfieldError:
        raise
    except MemoryError:
        raise InputError(f"{where}: does not fit into the memory that is free.") from None
    except OSError as fault:
        reason = f": {fault.strerror}" if fault.strerror else "; is it cut short?"
        raise InputError(f"{where}: cannot be read{reason}.") from None
    except Exception as fault:  # a library may raise any exception for a damaged file
        raise InputError(f"{where}: cannot be read; is it cut short? ({type(fault).__name__})") from None
