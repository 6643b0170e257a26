"""Names inside an H5MD 1.1 file as gasfield writes it; docs/file-format.md explains them to people.

The D-dimensional gas is `particles/vectors`. `particles/trajectory` is what programs for molecules read: they take the
first group by name and want three dimensions, so it holds the gas itself if D = 3 and a principal projection otherwise.
"""

from __future__ import annotations

H5MD_VERSION = (1, 1)

VECTORS = "particles/vectors"
"""The gas: position, id, species, token_id, token."""
PROJECTION = "particles/trajectory"
"""Three principal coordinates of the gas, for programs that know three dimensions only."""
LIVE = "particles/vectors_live"
"""The live rows among `vectors` (by `id`) with the gradients that training gave them."""
SURVEY = "particles/vectors_survey"
"""All dead rows, at a few steps spread logarithmically."""
SURVEYED = "survey"
"""The name under which the rows of the survey are a group."""
CONNECTIVITY = "connectivity"
"""Bonds of tracer structures: one (M, 2) data set a structure, of ids in `vectors`."""
OBSERVABLES = "series"
"""Numbers over time, each with its own steps. H5MD has `observables` for them, but readers (MDAnalysis 2.11) take the
n-th value there to belong to the n-th frame, which a loss at every step beside a frame at every tenth does not."""
AFFINE = "field/affine"
FULL = "field/full"
UNFINISHED = "unfinished"
"""Of each element the frames whose chunk is not full yet; gone when the file is closed."""
PROVENANCE = "parameters/provenance"
"""Attributes: scenario text, versions, seed, optimiser, precision, corpus."""

POSITION = "position"
VELOCITY = "velocity"
MASS = "mass"
CHARGE = "charge"
IDENTITY = ("id", "species", "token_id", "token")
"""What says who the particles are: the same data sets in both particles groups."""
GRADIENT = "gradient"
FIRST_MOMENT = "first_moment"
SECOND_MOMENT = "second_moment"
"""Of an optimiser, where they were kept."""
LAST_MOTION = "last_motion"
"""Of the survey: the last step in which any bit of a row changed, 0 if none did."""

GROUP_NAMES = "names"
"""Attribute of `species`: the name of each species number."""
