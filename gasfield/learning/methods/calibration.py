"""Whether a learned force is right on average where it was not learned: forces of held-out blocks in bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import Term
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.field_samples import Motion, samples, thinning
from gasfield.learning.least_squares.uncertainty import force_of, without_block

Array = NDArray[np.float64]

_BINS = 20


def held_out_forces(
    data: TrainingData, motion: Motion, term: Term, used: NDArray[np.int64], friction: float = 0.0
) -> Array:
    """(bins, 3) predicted component of the force, measured one, and its standard error, in bins of equal size by the
    predicted one. Each block is predicted by the fit without it, to first order; noise averages out of a bin."""
    predicted, measured = [], []
    for part in samples(data, motion, thinning(data)):
        number = int(np.searchsorted(used, part.block))
        predicted.append(force_of(without_block(term, number)).force_at(part.places).ravel())
        drag = 0.0 if part.drag is None else friction * part.drag
        measured.append((part.field - drag).ravel())
    one, other = np.concatenate(predicted), np.concatenate(measured)
    bins = np.array_split(np.argsort(one, kind="stable"), min(_BINS, len(one)))
    return np.array([(one[at].mean(), other[at].mean(), other[at].std() / np.sqrt(len(at))) for at in bins])
