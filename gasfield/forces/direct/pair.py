"""One pair, as every kernel of pair forces computes it."""

from __future__ import annotations

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit


@jit(**IN_PLACE, forceinline=True, error_model="numpy")
def continued(law, u, p, core2, half):  # type: ignore[no-untyped-def]
    """(U, U', U'') at u; inside the core, the Taylor polynomial about its edge. `core2` is None without a core; `half`
    is 0.5 in the precision of u."""
    if core2 is None:
        return law(u, p)
    edge = u if u > core2 else core2
    energy, slope, bend = law(edge, p)
    inside = u - edge
    return energy + inside * (slope + half * inside * bend), slope + inside * bend, bend


@jit(**IN_PLACE, forceinline=True)
def apart(here, there, side, half):  # type: ignore[no-untyped-def]
    """here - there along one coordinate, to the nearest image; `side` is None without periods, `half` is side / 2."""
    distance = here - there
    if side is None:
        return distance
    back = distance - side if distance > half else distance
    return distance + side if distance < -half else back
