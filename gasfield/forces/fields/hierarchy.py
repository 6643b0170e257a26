"""A hierarchy of masses: soft routing from the root down, at every branch to children that are near and heavy.

    U(node) = q |x - a|^2/2 - 1/beta log sum_c m_c exp(-beta U(c))       over the children c of the node

The force is the sum of the forces of all nodes, each weighted by the probability of the path to it, the product over
its branches of m_c exp(-beta U(c)) / sum: a hierarchical mixture of experts (Jordan and Jacobs 1994, Neural Computation
6:181) gated by distance. With one level of children it is a mixture of experts.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.forces.base import Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.soft_min import take_shares
from gasfield.forces.strengths import NotNegative, PositiveStrength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec


class Node(Spec):
    """A mass and its children."""

    at: tuple[Finite, ...]
    """a, D coordinates [length]."""
    mass: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    """m, its weight among its siblings."""
    stiffness: NotNegative = 1.0
    """q, of its own well; 0 for a node that only routes [energy/length^2]."""
    children: tuple[Node, ...] = ()
    """Its children."""


@register
class Hierarchy(ForceSpec):
    """Routing by distance down a tree of masses."""

    kind: Literal["hierarchy"] = "hierarchy"
    root: Node
    """The tree."""
    beta: PositiveStrength = 1.0
    """Inverse temperature of the routing [1/energy]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the tree as arrays in breadth-first order, with siblings adjacent and after their parents.

        Raises:
            InputError: if a position does not have D coordinates, or the space is periodic.
        """
        surroundings.require_no_period("hierarchy")
        nodes, names, first = [self.root], ["root"], []
        for number, node in enumerate(nodes):  # the list grows during the iteration
            first.append(len(nodes))
            nodes += node.children
            names += [f"{names[number]}.children.{n}" for n in range(len(node.children))]
        places = [
            of_dimension(node.at, surroundings.dimensions, f"{name}.at")
            for node, name in zip(nodes, names, strict=True)
        ]
        numbers = (
            np.array(places),
            np.array([float(node.stiffness) for node in nodes]),
            np.log([node.mass for node in nodes]),
            np.array([*first, len(nodes)]),
            float(self.beta),
        )
        return ExternalForce("hierarchy", hierarchy, numbers, conservative=True)


@pointwise_kernel
def hierarchy(x, p, force):  # type: ignore[no-untyped-def]
    """From the last node to the root: U, grad U = q y + sum_c p_c grad U_c, and

    Laplacian = q D + sum_c p_c (Laplacian U_c - beta |grad U_c|^2) + beta |sum_c p_c grad U_c|^2
    """
    places, stiffnesses, log_masses, first, beta = p
    energies, laplacians = np.zeros(stiffnesses.size), np.zeros(stiffnesses.size)
    slopes = np.zeros(places.shape)
    for node in range(stiffnesses.size - 1, -1, -1):
        begin, end = first[node], first[node + 1]
        slope = slopes[node]
        if end > begin:
            shares = log_masses[begin:end] - beta * energies[begin:end]
            energies[node] = -take_shares(shares) / beta
            for child in range(begin, end):
                share, steep2 = shares[child - begin], 0.0
                for j in range(x.size):
                    slope[j] += share * slopes[child, j]
                    steep2 += slopes[child, j] * slopes[child, j]
                laplacians[node] += share * (laplacians[child] - beta * steep2)
            for j in range(x.size):
                laplacians[node] += beta * slope[j] * slope[j]
        for j in range(x.size):
            away = x[j] - places[node, j]
            energies[node] += 0.5 * stiffnesses[node] * away * away
            slope[j] += stiffnesses[node] * away
        laplacians[node] += stiffnesses[node] * float(x.size)
    for j in range(x.size):
        force[j] -= slopes[0, j]
    return energies[0], laplacians[0]
