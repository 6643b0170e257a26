"""Least squares for a linear field in parts: y = a(t) + (-decay + K) (x - c), with K of rank r.

With the drift profiled out (Frisch, Waugh and Lovell), the covariance S (q, q) of x and its product M (q, q) with y
remain, and:

* A = argmin |y - A x|^2 = (S^-1 M)^T; with a symmetric A, the solution of A S + S A = M + M^T, which is a division in
  the eigenbasis of S (Higham, 1988, "The symmetric Procrustes problem").
* For a symmetric K of rank r, its axes are the eigenvectors u of A whose response, other than the common decay,
  explains most of the motion: the largest (lambda_u + decay)^2 u^T S u. Otherwise, the leading left singular vectors of
  (A + decay) S^(1/2): reduced-rank regression (Izenman, 1975).
* The decay is -tr(M)/tr(S) over what the axes leave, so that decay and axes are found in turn. At full rank nothing is
  left: the decay is then the isotropic part -tr(A)/q, and K has no trace.
* Given the axes, everything is linear again. Bootstrap errors are those at fixed axes: to first order the change of an
  eigenvalue is u^T dA u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]
TermName = Literal["drift", "decay", "hessian"]

_TURNS = 6
"""How often decay and axes are found in turn, at most, twice each time: Steffensen's method."""
_SAME = 1e-12
"""Relative change of the decay at which they are found."""
_TINY = 1e-13
"""Sums of the spectrum below this, relative to the largest, count as zero."""


@dataclass(frozen=True)
class Moments:
    """The sums that are left when the drift is profiled out.

    Attributes:
        covariance: (q, q) S, sum of x x^T.
        product: (q, q) M, sum of x y^T, with y along the same axes.
        followed: (k, q) the mean of x that goes with each coefficient of the drift.
        drift: (k, D) the coefficients of the drift if y did not depend on x.
        basis: (q, D) the axes of x; None for those of the space.
    """

    covariance: Array
    product: Array
    followed: Array
    drift: Array
    basis: Array | None

    @classmethod
    def of(cls, sums: tuple[Array, Array], basis: Array | None, drifts: int, ridge: float) -> Moments:
        """From normal equations (k + q, k + q) and (k + q, D) of which the first k parameters are the coefficients of
        the drift; the ridge is in units of the diagonal."""
        matrix, right = sums
        inside = right[drifts:] if basis is None else right[drifts:] @ basis.T
        covariance, product = matrix[drifts:, drifts:].copy(), inside
        diagonal = np.diag(covariance).copy()
        followed, drift = np.zeros((drifts, len(covariance))), np.zeros((drifts, right.shape[1]))
        if drifts:
            both = np.concatenate([matrix[:drifts, drifts:], right[:drifts]], axis=1)
            solved = _solve_positive(matrix[:drifts, :drifts], both)
            followed, drift = solved[:, : len(covariance)], solved[:, len(covariance) :]
            covariance -= matrix[drifts:, :drifts] @ followed
            product = product - matrix[drifts:, :drifts] @ (drift if basis is None else drift @ basis.T)
        covariance = 0.5 * (covariance + covariance.T)
        covariance[np.diag_indices_from(covariance)] += ridge * len(matrix) / max(len(covariance), 1) * diagonal
        return cls(covariance, product, followed, drift, basis)

    def embedded(self, rows: Array) -> Array:
        """(n, D) of rows (n, q) along the axes."""
        return rows if self.basis is None else rows @ self.basis


@dataclass(frozen=True)
class Parts:
    """A linear field; x is along q axes, y in the whole space.

    Attributes:
        drift: (k, D) coefficients of a(t).
        rate: the decay.
        left: (r, q), core: (r, r), right: (r, q): K = left^T core right.
        coefficients: (k + q, D) of the normal equations.
    """

    drift: Array
    rate: float
    left: Array
    core: Array
    right: Array
    coefficients: Array

    @property
    def along_axes(self) -> Array:
        """(r, r) K from its axes to its axes; its eigenvalues are those of K that are not zero."""
        return np.asarray(self.core @ (self.right @ self.left.T))

    @property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """(r,) of K, the largest first."""
        return self._spectrum()[0]

    @property
    def eigenvectors(self) -> NDArray[np.complex128]:
        """(r, r) in their columns, along the axes."""
        return self._spectrum()[1]

    def _spectrum(self) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        values, vectors = np.linalg.eig(self.along_axes.astype(np.complex128))
        order = np.argsort(-np.abs(values), kind="stable")
        return values[order], vectors[:, order]


class LinearParts:
    """Solves for the parts of one set of sums."""

    def __init__(self, moments: Moments, *, symmetric: bool, terms: tuple[TermName, ...]) -> None:
        """With a symmetric K or any; of the terms that are named."""
        self._moments, self._symmetric, self._terms = moments, symmetric, terms
        self._full = _response(moments.covariance, moments.product, symmetric=symmetric)
        self._spectrum = linalg.eigh(self._full, check_finite=False) if symmetric else None

    @property
    def directions(self) -> int:
        """q."""
        return len(self._full)

    def axes(self, rank: int) -> Array:
        """(r, q) orthonormal axes of K; none without that term."""
        if "hessian" not in self._terms or rank == 0:
            return np.zeros((0, self.directions))
        if rank == self.directions:
            return np.eye(rank)
        rate = self._rate_beside(np.zeros((0, self.directions)))
        for _ in range(_TURNS):
            first = self._rate_beside(self._leading(rate, rank))
            if abs(first - rate) <= _SAME * abs(first):
                break
            second = self._rate_beside(self._leading(first, rank))
            bend = second - 2.0 * first + rate
            rate = rate - (first - rate) ** 2 / bend if abs(bend) > _SAME * abs(first) else second
        return self._leading(rate, rank)

    def solve(self, axes: Array) -> Parts:
        """The parts with the axes of K (r, q) given."""
        rate, right, core = self._rate_beside(axes), axes, np.zeros((0, 0))
        if len(axes) and self._symmetric:
            covariance, product = (axes @ each @ axes.T for each in (self._moments.covariance, self._moments.product))
            core = _response(covariance, product, symmetric=True) + rate * np.eye(len(axes))
            core = 0.5 * (core + core.T)
        elif len(axes):
            core, right = _orthonormal_rows(axes @ self._full + rate * axes)
        matrix = axes.T @ core @ right - rate * np.eye(self.directions)
        response = self._moments.embedded(matrix.T)
        drift = self._moments.drift - self._moments.followed @ response
        return Parts(drift, rate, axes, core, right, np.concatenate([drift, response]))

    def _rate_beside(self, axes: Array) -> float:
        """The decay of all directions but some axes."""
        if "decay" not in self._terms:
            return 0.0
        if len(axes) == self.directions:
            return -float(np.trace(self._full)) / self.directions
        rest = np.eye(self.directions) - axes.T @ axes
        spread = float(np.sum(rest * self._moments.covariance))
        whole = float(np.trace(self._moments.covariance))
        return -float(np.sum(rest * self._moments.product)) / spread if spread > _TINY * whole else 0.0

    def _leading(self, rate: float, rank: int) -> Array:
        """(r, q) the directions in which the response beside the decay explains most of the motion."""
        covariance = self._moments.covariance
        if self._spectrum is not None:
            values, vectors = self._spectrum
            power = (values + rate) ** 2 * np.einsum("jk,jl,lk->k", vectors, covariance, vectors, optimize=True)
            return np.ascontiguousarray(vectors[:, np.argsort(-power, kind="stable")[:rank]].T)
        response = self._full + rate * np.eye(self.directions)
        values, vectors = linalg.eigh(response @ covariance @ response.T, check_finite=False)
        return np.ascontiguousarray(vectors[:, ::-1][:, :rank].T)


def _response(covariance: Array, product: Array, *, symmetric: bool) -> Array:
    """(q, q) A from S and M; directions without data do not respond."""
    values, vectors = linalg.eigh(covariance, check_finite=False)
    turned = vectors.T @ product @ vectors  # x along rows, y along columns
    floor = _TINY * max(float(values[-1]), 1e-300)
    if symmetric:
        sums = values[:, None] + values
        response = np.where(sums > floor, (turned + turned.T) / np.where(sums > floor, sums, 1.0), 0.0)
    else:
        kept = values > floor
        response = np.where(kept[:, None], turned / np.where(kept, values, 1.0)[:, None], 0.0).T
    return np.asarray(vectors @ response @ vectors.T)


def _orthonormal_rows(rows: Array) -> tuple[Array, Array]:
    """(r, q) -> (r, r) and (r, q) with orthonormal rows, whose product it is."""
    q, r = linalg.qr(rows.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(r.T), np.ascontiguousarray(q.T)


def _solve_positive(matrix: Array, right: Array) -> Array:
    """Solves a small semi-definite system; what is not determined is zero."""
    values, vectors = linalg.eigh(matrix, check_finite=False)
    kept = values > _TINY * max(float(values[-1]), 1e-300)
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    return np.asarray(vectors @ (inverse[:, None] * (vectors.T @ right)))
