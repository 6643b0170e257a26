"""What an import says of frames that are bit for bit the same checkpoint as another one."""

from __future__ import annotations

from collections.abc import Mapping

_NAMED = 8
"""Most steps named in a note."""


def notes_on_repeats(found: Mapping[int, int], frames: int, *, left_out: bool) -> tuple[str, ...]:
    """What was found, and whether diagnostics leave these frames out.

    Args:
        found: step of each such frame -> step of the one among the same that belongs there.
        frames: number of all frames.
        left_out: whether the frames are marked, so that they are.
    """
    if not found:
        return ()
    pairs = [f"{step} (as {kept})" for step, kept in list(found.items())[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    then = (
        "checkpoints that were saved twice, or a matrix that was not trained: diagnostics leave them out"
        if left_out
        else "they are kept as frames in which nothing moves"
    )
    return (
        f"{len(found)} of {frames} frames are bit for bit the whole matrix of another one, steps "
        f"{', '.join(pairs)}{more}; {then}",
    )
