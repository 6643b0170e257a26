"""What each processor of a chain does as physics: the states it forbids, and the entropy and free energy it takes.

The states of the next token have energies E = -log p, p the law before the chain; a processor turns a law P with
logits x into a law Q with logits y. Logits are defined up to a constant, which is fixed by x = log P, so that the free
energy before it is zero (Z = sum exp x = 1). With Z' = sum exp y, in units of the temperature of that stage:

    free energy   beta F' = -log Z'. A truncation keeps x of the states that are left: beta F' = -log (1 - mass
                  forbidden) >= 0, the work of confining the system to them. A penalty raises energies; a temperature
                  gives -log sum P^(1/T), the free energy F(T) / T of the energies -log P.
    divergence    KL(Q || P) = <-log P>_Q - S(Q): the free energy of Q, at T = 1, above that of P. For a truncation it
                  is beta F' itself.
    entropy       S(P) - S(Q), negative where a processor adds entropy.

The multiplicative repetition penalty does not commute with a shift of the logits, so for it x = log P + c with c as
the model gives them: the numbers depend on a constant without meaning. `shift_of` measures by how much the law
itself does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gasfield.quantity import Quantity
from gasfield.sampling.chain import Branch, Chain, mixture, require_history
from gasfield.sampling.processors.base import Processor, entropy_of, law_of, log_law, require_logits
from gasfield.sampling.processors.history import Array, History


@dataclass(frozen=True)
class Stage:
    """What one processor did to the law of one token; means over random decisions (XTC).

    Attributes:
        processor: its specification.
        allowed: number of states left.
        forbidden: number of states that it forbade.
        mass_removed: the probability, before it, of those states.
        entropy: after it [nats].
        entropy_removed: S before minus S after [nats].
        free_energy: beta F' as defined above.
        divergence: KL(after || before) [nats].
    """

    processor: Processor
    allowed: float
    forbidden: float
    mass_removed: float
    entropy: float
    entropy_removed: float
    free_energy: float
    divergence: float

    def as_json(self) -> dict[str, Any]:
        """The specification and every number as a leaf."""
        units = {"allowed": "1", "forbidden": "1", "mass_removed": "1", "free_energy": "kT"}
        numbers = {
            name: Quantity(getattr(self, name), units.get(name, "nats")).leaf()
            for name in (
                "allowed", "forbidden", "mass_removed", "entropy", "entropy_removed", "free_energy", "divergence",
            )
        }  # fmt: skip
        return {"processor": self.processor.model_dump(exclude_none=True), **numbers}


def stages(chain: Chain, logits: ArrayLike, history: History | None = None) -> tuple[Stage, ...]:
    """What each processor of a chain does to logits (V,) of one token after a history of one row."""
    row = require_logits(logits).reshape(1, -1)
    history = require_history(history, row)
    branches: list[Branch] = [(1.0, row)]
    found = []
    for processor in chain.processors:
        after = chain.step(processor, branches, history)
        found.append(_stage(chain, processor, branches, after, history))
        branches = after
    return tuple(found)


@dataclass(frozen=True)
class Shift:
    """How the law P of a chain differs from its law P' after a shift of all logits to a maximum of 0; the law of the
    model is the same in both cases. All zero, to rounding, unless a processor depends on the shift.

    Attributes:
        divergence: KL(P || P') [nats]; infinite if P' forbids what P allows.
        distance: total variation, sum |P - P'| / 2, from 0 to 1.
    """

    divergence: float
    distance: float


def shift_of(chain: Chain, logits: ArrayLike, history: History | None = None) -> Shift:
    """What a shift of all logits (V,) to a maximum of 0 does to the law of a chain."""
    row = require_logits(logits)
    law, shifted = chain.law(row, history), chain.law(row - row.max(), history)
    return Shift(divergence(law, shifted), float(np.abs(law - shifted).sum()) / 2.0)


def divergence(law: Array, reference: Array) -> float:
    """KL(law || reference) [nats] of laws of V states; infinite if the reference forbids what the law allows."""
    law, reference = law.ravel(), reference.ravel()
    some = law > 0.0
    if (reference[some] == 0.0).any():
        return float("inf")
    return max(0.0, float((law[some] * np.log(law[some] / reference[some])).sum()))


def _stage(chain: Chain, processor: Processor, before: list[Branch], after: list[Branch], history: History) -> Stage:
    old, new = mixture(before), mixture(after)
    allowed, forbidden, mass, free = 0.0, 0.0, 0.0, 0.0
    for weight, logits in before:
        law = law_of(logits)
        gauge = log_law(logits) if processor.shift_invariant else logits
        constant = 0.0 if processor.shift_invariant else float(logits.max() - log_law(logits).max())
        for chance, changed in processor.branches(gauge, history, chain.conventions):
            share, gone = weight * chance, np.isneginf(changed) & np.isfinite(logits)
            allowed += share * float(np.isfinite(changed).sum())
            forbidden += share * float(gone.sum())
            mass += share * float(law[gone].sum())
            free -= share * (_log_sum(changed) - constant)
    removed = float(entropy_of(old)[0] - entropy_of(new)[0])
    return Stage(processor, allowed, forbidden, mass, float(entropy_of(new)[0]), removed, free, divergence(new, old))


def _log_sum(logits: Array) -> float:
    """log sum exp of logits (1, V)."""
    largest = float(logits.max())
    return largest + float(np.log(np.exp(logits - largest).sum()))
