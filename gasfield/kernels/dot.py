"""Inner products in a fixed order that allows vectorisation."""

from __future__ import annotations

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit


@jit(**IN_PLACE, forceinline=True)
def dot(a, b):  # type: ignore[no-untyped-def]
    """Sum of a_j b_j over (D,): eight partial sums, then one over the remainder.

    A single sum is limited by the latency of additions. Eight are not, and they are added in a fixed order.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = a.size - a.size % 8
    for j in range(0, whole, 8):
        s0 += a[j] * b[j]
        s1 += a[j + 1] * b[j + 1]
        s2 += a[j + 2] * b[j + 2]
        s3 += a[j + 3] * b[j + 3]
        s4 += a[j + 4] * b[j + 4]
        s5 += a[j + 5] * b[j + 5]
        s6 += a[j + 6] * b[j + 6]
        s7 += a[j + 7] * b[j + 7]
    rest = 0.0
    for j in range(whole, a.size):
        rest += a[j] * b[j]
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + rest
