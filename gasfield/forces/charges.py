"""What forces between charges have in common: the charges are their strengths, and without any they do nothing."""

from __future__ import annotations

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.forces.pairwise import PairForce
from gasfield.gas import Gas


class ChargeForce(PairForce):
    """A force between pairs in proportion to both charges."""

    def strengths(self, gas: Gas) -> Array:
        """The charges."""
        return gas.charges

    def check_gas(self, gas: Gas) -> None:
        require_charges(gas)


def require_charges(gas: Gas) -> None:
    """Refuses a gas in which nobody has a charge.

    Raises:
        InputError: if so.
    """
    if not gas.charges.any():
        raise InputError("no particle has a charge, so the force would do nothing; give gas.N.charge (or a tracer's).")
