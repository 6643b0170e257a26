"""Frames that are one and the same matrix, bit for bit: checkpoints that were saved, copied or uploaded twice."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from gasfield.importing.source import Piece

_BLOCK = 1 << 24
"""Bytes that are read at a time."""
_NAMED = 8
"""Most steps named in a note."""


class Repeats:
    """Finds frames that are identical to an earlier one.

    Attributes:
        found: step of each such frame -> step of the first frame that is the same.
    """

    def __init__(self) -> None:
        self.found: dict[int, int] = {}
        self._first: dict[bytes, int] = {}

    def look(self, step: int, piece: Piece) -> int | None:
        """The step of the first frame that is the same whole matrix as this one; None if this is the first."""
        digest = _digest(piece)
        if digest not in self._first:
            self._first[digest] = step
            return None
        self.found[step] = self._first[digest]
        return self.found[step]

    def notes(self, frames: int, *, left_out: bool) -> tuple[str, ...]:
        """What was found, and whether diagnostics leave these frames out."""
        if not self.found:
            return ()
        pairs = [f"{step} (as {first})" for step, first in list(self.found.items())[:_NAMED]]
        more = f" and {len(self.found) - _NAMED} more" if len(self.found) > _NAMED else ""
        then = (
            "checkpoints that were saved twice, or a matrix that was not trained: diagnostics leave them out"
            if left_out
            else "they are kept as frames in which nothing moves"
        )
        return (
            f"{len(self.found)} of {frames} frames are bit for bit the whole matrix of an earlier one, steps "
            f"{', '.join(pairs)}{more}; {then}",
        )


def _digest(piece: Piece) -> bytes:
    """Of the number type and the bits of a whole matrix, a block of rows at a time."""
    digest = blake2b(piece.numbers.encode(), digest_size=16)
    rows = max(1, _BLOCK // max(1, piece.words[:1].nbytes))
    for start in range(0, len(piece.words), rows):
        digest.update(np.ascontiguousarray(piece.words[start : start + rows]).data)
    return digest.digest()
