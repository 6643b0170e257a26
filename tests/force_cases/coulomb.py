"""Cases of `coulomb`."""

from __future__ import annotations

from force_cases.case import Case, between_pairs, cloud, half_passive, weighted
from force_cases.gravity import softened
from gasfield.spaces import Free

CASES = [
    Case("coulomb", about, space, gas, between_pairs(lambda r: softened(r, 1.5), space, lambda gas: gas.charges),
         {"strength": 1.5, "softening": 0.3}, {"softening": 0.31})
    for about, space, gas in (
        ("2D", Free(dimensions=2), weighted(cloud(2))),
        ("passive 5D", Free(dimensions=5), half_passive(weighted(cloud(5)))),
    )
]  # fmt: skip
