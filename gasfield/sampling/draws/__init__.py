"""Tokens drawn from laws, by counter-based random numbers: any number of threads gives the same tokens."""

from gasfield.sampling.draws.alias import AliasTable
from gasfield.sampling.draws.gumbel import gumbel_draws, gumbel_max

__all__ = ["AliasTable", "gumbel_draws", "gumbel_max"]
