"""Sweeps: a scenario at many values of its keys, with many seeds, on one machine or many."""

from gasfield.sweeps.clusters import has_dask
from gasfield.sweeps.runner import Progress
from gasfield.sweeps.sweeping import Sweep, open_sweep, sweep, varied_keys

__all__ = ["Progress", "Sweep", "has_dask", "open_sweep", "sweep", "varied_keys"]
