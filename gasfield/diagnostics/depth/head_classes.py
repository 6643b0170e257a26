"""Classes of heads by measured properties: a word is used only where the property that justifies it exceeds its null.

* **well**: its force on a test particle in the place of a token converges, and is nearer to the gradient of an energy
  than that of any but one in a hundred shuffled heads: a displaced particle is driven back.
* **hill**: likewise, but diverging: a displaced particle is driven on.
* **electric field**: it pushes all tokens along one direction, by more or less: the share of its square force along
  one direction is larger than that of all but one in a hundred shuffled heads, and above one half.
* **constraint**: whom it ties to whom is set by the distance in the text: distance alone explains more than half of the
  variance of its attention, and more than of any attention dealt anew.

Apart from these, a head *attracts* if it writes along what it reads (eigenvalues of W positive beyond the null), and
*repels* if it writes against it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values

LEVEL = 0.01
"""Share of shuffled heads that may lie beyond a threshold."""
HALF = 0.5
"""Share of force or variance above which one direction, or distance alone, is said to decide."""
CLASSES = ("well", "hill", "electric_field", "constraint")
SIGNS = ("attracts", "repels")

Flags = dict[str, NDArray[np.bool_]]


def thresholds(null: dict[str, Values]) -> dict[str, tuple[float, float]]:
    """(lower, upper) of each property, beyond which lies one in a hundred of the null on either side."""
    return {
        name: (float(np.nanquantile(values, LEVEL)), float(np.nanquantile(values, 1.0 - LEVEL)))
        for name, values in null.items()
        if np.isfinite(values).any()
    }


def classified(found: dict[str, Values], limits: dict[str, tuple[float, float]]) -> Flags:
    """(L, H) flags of each class and sign, and of `none`: heads in no class. A head may be in several."""
    gradient = found["symmetry"] > limits["symmetry"][1]
    flags = {
        "well": gradient & (found["divergence"] < min(limits["divergence"][0], 0.0)),
        "hill": gradient & (found["divergence"] > max(limits["divergence"][1], 0.0)),
        "electric_field": found["uniformity"] > max(limits["uniformity"][1], HALF),
        "constraint": found["distance"] > max(limits["distance"][1], HALF),
    }
    flags["none"] = ~np.any(list(flags.values()), axis=0)
    flags["attracts"] = found["sign"] > max(limits["sign"][1], 0.0)
    flags["repels"] = found["sign"] < min(limits["sign"][0], 0.0)
    return flags
