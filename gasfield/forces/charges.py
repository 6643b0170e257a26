"""Forces between charges: the charges are the strengths, and at least one must be non-zero."""

from __future__ import annotations

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.forces.pairwise import PairForce
from gasfield.gas import Gas


class ChargeForce(PairForce):
    """A pair force proportional to both charges."""

    def strengths(self, gas: Gas) -> Array:
        """The charges."""
        return gas.charges

    def check_gas(self, gas: Gas) -> None:
        require_charges(gas)


def require_charges(gas: Gas) -> None:
    """Refuses a gas without charges.

    Raises:
        InputError: if all charges are zero.
    """
    if not gas.charges.any():
        raise InputError("no particle has a charge, so the force would be zero; give gas.N.charge (or a tracer's).")
