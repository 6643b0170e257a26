"""What the skills say, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gasfield.learning.forecasting.result import PERSISTENCE
from gasfield.quantity import Quantity

Difference = Callable[[str, str], Quantity]
"""(better, worse) -> the difference of their skills."""
_CLEAR = 2.0
"""Errors by which a difference must exceed zero."""


def verdict(horizon: int, skill: Mapping[str, Quantity], baselines: Sequence[str], difference: Difference) -> str:
    """The best forecaster at one horizon, and whether it beats the baselines by more than two errors."""
    known = {name: q for name, q in skill.items() if _number(q) is not None}
    if PERSISTENCE not in known:
        return f"horizon {horizon}: there is no skill, because nothing moves"
    ranked = sorted(known, key=lambda name: -(_number(known[name]) or 0.0))
    best, best_baseline = ranked[0], next(name for name in ranked if name in baselines)
    if best != PERSISTENCE and not _is_clear(known[best]):
        return f"nothing beats persistence at horizon {horizon}: the best skill is {known[best].text()}, of {best}"
    if best == PERSISTENCE:
        return f"nothing beats persistence at horizon {horizon}"
    if best == best_baseline:
        others = [name for name in ranked[1:] if _is_clear(known[name])]
        rivals = _rivals(best, others, difference)
        return f"nothing beats {best} at horizon {horizon}: skill {known[best].text()}{rivals}"
    gain = difference(best, best_baseline)
    than = f"{known[best].text()} against {known[best_baseline].text()}, difference {gain.text()}"
    if _is_clear(gain):
        return f"{best} beats every baseline at horizon {horizon}: skill {than} (the best baseline is {best_baseline})"
    return (
        f"nothing beats {best_baseline} at horizon {horizon} by more than two errors: the best is {best}, skill {than}"
    )


def _rivals(best: str, others: Sequence[str], difference: Difference) -> str:
    """Those that cannot be told from the best."""
    alike = [name for name in others if not _is_clear(difference(best, name))]
    return f"; within two errors of it: {', '.join(alike)}" if alike else ""


def _is_clear(quantity: Quantity) -> bool:
    value, error = quantity.leaf()["value"], quantity.leaf()["error"]
    return value is not None and error is not None and value > _CLEAR * error


def _number(quantity: Quantity) -> float | None:
    value: float | None = quantity.leaf()["value"]
    return value
