"""What the weights of a head say by themselves: symmetry of its scores, sign and symmetry of its writes.

Of the normalised stream x before the norm's own weight, a head with queries Q, keys K, values V and output O (each
d x D or D x d, the norm's weight folded in) computes scores x_i^T A x_j with A = Q^T K, and writes W x_j with W = O V.
In the model of the mathematicians (Geshkovski et al., arXiv 2312.10794) A = W = 1; where A = W is symmetric, the head
climbs an energy. Rotary positions are left out: these are the scores of two tokens at one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values
from gasfield.transformer import Layer, Norm
from gasfield.transformer.arithmetic import normalise


@dataclass(frozen=True)
class Product:
    """The matrix left^T right (D, D) of rank d, from factors (d, D), which is never formed."""

    left: Values
    right: Values

    def inner(self, other: Product) -> float:
        """The sum of the products of the elements of both."""
        return float(np.sum((self.left @ other.left.T) * (self.right @ other.right.T)))

    @property
    def transposed(self) -> Product:
        """right^T left."""
        return Product(self.right, self.left)

    @property
    def symmetry(self) -> float:
        """The share of the symmetric part in the square Frobenius norm: 1 symmetric, 0 antisymmetric, 1/2 neither."""
        square = self.inner(self)
        return 0.5 * (1.0 + self.inner(self.transposed) / square) if square > 0 else float("nan")

    def cosine(self, other: Product) -> float:
        """The cosine between two matrices."""
        size = np.sqrt(self.inner(self) * other.inner(other))
        return float(self.inner(other) / size) if size > 0 else float("nan")

    @property
    def sign(self) -> float:
        """Sum of the real parts over the sum of the sizes of the eigenvalues: 1 where all are positive, -1 where all
        are negative (Elhage et al., A mathematical framework for transformer circuits, 2021: copying)."""
        eigenvalues = np.linalg.eigvals(self.right @ self.left.T)
        size = float(np.abs(eigenvalues).sum())
        return float(eigenvalues.real.sum()) / size if size > 0 else float("nan")


@dataclass(frozen=True)
class Head:
    """A head, with the weight of the norm in front of it folded in; float64.

    Attributes:
        query, key, value: (d, D).
        output: (D, d).
        group: number of its key and value, which neighbouring heads may share.
        key_offset, value_offset: (d,) what biases, and the bias of the norm, add to every key before it is turned and
            to every value.
    """

    query: Values
    key: Values
    value: Values
    output: Values
    group: int
    key_offset: Values
    value_offset: Values

    @property
    def score(self) -> Product:
        """A = Q^T K."""
        return Product(self.query, self.key)

    @property
    def write(self) -> Product:
        """W = O V."""
        return Product(self.output.T, self.value)

    def writing_as(self, other: Head) -> Head:
        """Attention of this head with values and output of another."""
        return replace(self, value=other.value, value_offset=other.value_offset, output=other.output)


def heads_of(layer: Layer) -> tuple[Head, ...]:
    """The H heads of a layer."""
    weight = layer.before_attention.weight.astype(np.float64)
    shared = layer.heads // layer.key_heads
    return tuple(
        Head(
            layer.query[h].astype(np.float64) * weight,
            layer.key[h // shared].astype(np.float64) * weight,
            layer.value[h // shared].astype(np.float64) * weight,
            layer.output[h].astype(np.float64),
            h // shared,
            _offset(layer.key[h // shared], layer.before_attention, layer.key_bias, h // shared),
            _offset(layer.value[h // shared], layer.before_attention, layer.value_bias, h // shared),
        )
        for h in range(layer.heads)
    )


def _offset(matrix: NDArray[np.float32], norm: Norm, biases: NDArray[np.float32] | None, group: int) -> Values:
    """(d,) what a matrix (d, D) makes of the norm's bias, and a bias of its own."""
    offset = np.zeros(len(matrix)) if norm.bias is None else matrix.astype(np.float64) @ norm.bias
    return offset if biases is None else offset + biases[group]


def partner(heads: tuple[Head, ...], number: int, turn: int = 1) -> Head:
    """Another head of the layer, whose key and value are others if the layer has several: the control of head
    `number`. With `turn` 2 another one, and so on, as long as there are others; never itself, unless it is alone."""
    shared = max(1, len(heads) // len({head.group for head in heads}))
    step = shared if shared < len(heads) else 1
    following = [heads[(number + step + k) % len(heads)] for k in range(len(heads))]
    following = [head for head in following if head is not heads[number]]
    others = [head for head in following if head.group != heads[number].group] or following
    if not others:
        return heads[number]
    place = (turn - 1) * step
    return others[(place if place < len(others) else turn - 1) % len(others)]


def read_by(norm: Norm, x: Values) -> Values:
    """The normalised stream (..., D) before the norm's own weight and bias."""
    plain = replace(norm, weight=np.ones_like(norm.weight), bias=None)
    return np.asarray(normalise(plain, x), np.float64)


@dataclass(frozen=True)
class WeightProperties:
    """Of one head.

    Attributes:
        score_symmetry: share of the symmetric part of A.
        write_symmetry: share of the symmetric part of W.
        sign: of the eigenvalues of W: 1 writes along what it reads (attracts), -1 against it (repels).
        alignment: cosine between A and W: of a head that climbs its own scores it is 1, and -1 if it descends them.
    """

    score_symmetry: float
    write_symmetry: float
    sign: float
    alignment: float

    @classmethod
    def of(cls, score: Product, write: Product) -> WeightProperties:
        """Of scores A and writes W."""
        return cls(score.symmetry, write.symmetry, write.sign, score.cosine(write))

    @classmethod
    def shuffled(cls, head: Head, other: Head) -> WeightProperties:
        """The control: the query of one head with the key of another, the output of one with the value of another."""
        score, write = Product(head.query, other.key), Product(head.output.T, other.value)
        return cls(score.symmetry, write.symmetry, write.sign, head.score.cosine(other.write))
