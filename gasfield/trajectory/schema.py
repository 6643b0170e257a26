"""Names inside an H5MD 1.1 file as gasfield writes it; docs/file-format.md documents them.

The D-dimensional gas is `particles/vectors`. `particles/trajectory` is for molecular programs: they read the first
group by name and require three dimensions, so it holds the gas itself if D = 3 and a principal projection otherwise.
"""

from __future__ import annotations

H5MD_VERSION = (1, 1)

VECTORS = "particles/vectors"
"""The gas: position, id, species, token_id, token."""
PROJECTION = "particles/trajectory"
"""Three principal coordinates of the gas, for programs limited to three dimensions."""
LIVE = "particles/vectors_live"
"""The live rows among `vectors` (by `id`) with their gradients in training."""
SURVEY = "particles/vectors_survey"
"""All dead rows, at some steps spread logarithmically."""
SURVEYED = "survey"
"""Group name of the rows of the survey."""
EDGES = "box/edges"
"""(D,) sides of a periodic box. In `PROJECTION` an element over time, for programs that ask for them frame by frame."""
CONNECTIVITY = "connectivity"
"""Bonds of tracer structures: one (M, 2) data set per structure, of ids in `vectors`."""
OBSERVABLES = "series"
"""Time series, each with its own steps. H5MD's `observables` are not used: readers (MDAnalysis 2.11) assign the n-th
value there to the n-th frame, which is wrong for, say, a loss at every step and a frame at every tenth."""
AFFINE = "field/affine"
FULL = "field/full"
UNFINISHED = "unfinished"
"""Frames of each element whose chunk is not full yet; removed when the file is closed."""
PROVENANCE = "parameters/provenance"
"""Attributes: scenario text, versions, seed, optimiser, precision, corpus."""

EVENTS = "events"
"""Attribute: the events of a simulation as JSON, as in a scenario."""

OPTIMISER = "optimiser"
"""Prefix of the series of an optimiser's options in a recording: `optimiser/learning_rate`, ..."""
UNKNOWN = "unknown"
"""The attribute `optimiser` of a recording without one."""
VARIES = "varies"
"""An attribute whose value was not the same at all updates; its series has the values."""

BACKWARD_PASSES = "backward_passes"
"""Series: backward passes of each step, above 1 under gradient accumulation."""
PARTS = ("push", "pull", "input")
"""Parts of the gradients of live rows (`particles/vectors_live/push`, ...)."""
COUNTS = ("targets", "inputs")
"""How often each live row was a target, and an input of a tied matrix, in a step (`particles/vectors_live/targets`)."""
PARTS_ERROR = "parts_error"
"""Series: how far their sum is from the gradient, relative to it, in the worst row."""
PARTS_ROUNDING = "parts_rounding"
"""Series: the same relative to |push| + |pull| + |input|."""
GRADIENT_RESCALING = "gradient_rescaling"
"""Series: the gradient at the update over that after the last backward pass: clipping, unscaling."""

REPEATS = "import/repeats"
"""Series of an imported series of checkpoints: at the step of each frame that is bit for bit the same checkpoint as
another one, the step of the one that belongs there."""

POSITION = "position"
VELOCITY = "velocity"
MASS = "mass"
CHARGE = "charge"
APPEARS = "appears"
"""(N,) the step from which each particle is there; without it, all are from the start."""
IDENTITY = ("id", "species", "token_id", "token")
"""Identity of the particles: the same data sets in both particles groups."""
GRADIENT = "gradient"
FIRST_MOMENT = "first_moment"
SECOND_MOMENT = "second_moment"
"""Of an optimiser, if they were recorded."""
MOMENTUM = "momentum"
"""Of gradient descent with momentum."""
LARGEST_SECOND_MOMENT = "largest_second_moment"
"""Of AMSGrad."""
MOMENTS = {
    FIRST_MOMENT: "exp_avg",
    SECOND_MOMENT: "exp_avg_sq",
    LARGEST_SECOND_MOMENT: "max_exp_avg_sq",
    MOMENTUM: "momentum_buffer",
}
"""Every moment that is recorded, and its name in the state of a PyTorch optimiser."""
LAST_MOTION = "last_motion"
"""Of the survey: the last step in which any bit of a row changed, 0 if none did."""

GROUP_NAMES = "names"
"""Attribute of `species`: the name of each species number."""
