"""How a transition is looked for in a sweep, and which of the keys that vary is that of the curves it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

from gasfield.errors import InputError

Method = Literal["crossing", "peak", "curie_weiss", "hysteresis"]
METHODS: tuple[Method, ...] = get_args(Method)
_BY_ENDING: Mapping[str, Method] = {"binder": "crossing", "susceptibility": "peak", "fluctuation": "curie_weiss"}


def method_by_name(result: str) -> Method | None:
    """How a transition of a result is located, if its name says so."""
    return _BY_ENDING.get(result.rpartition(".")[2])


def keys_of(
    varied: Sequence[str],
    result: str,
    along: str,
    *,
    method: Method | None = None,
    sizes: str | None = None,
    starts: str | None = None,
) -> tuple[Method, str | None]:
    """How `transitions` looks for a transition, and the key of the sizes or starts that it compares; None where it
    needs none.

    Args:
        varied: keys that vary.
        result, along, method, sizes, starts: see `transitions`.

    Raises:
        InputError: if there is no such method, or it needs a key that does not vary.
    """
    method = method or method_by_name(result) or "hysteresis"
    if method not in METHODS:
        raise InputError(f"is one of {', '.join(METHODS)}.", parameter="method", value=method)
    require(along, varied, "along", "key that is varied")
    given, compared = (starts, _STARTS) if method == "hysteresis" else (sizes, _SIZES)
    if given is not None:
        require(given, varied, compared.parameter, "key that is varied")
    role = given or _found(varied, result, method, compared)
    if role == along:
        raise InputError("is the key along which the transition is looked for, too.", parameter="along", value=along)
    return method, role


@dataclass(frozen=True)
class _Compared:
    """Curves that a method compares.

    Attributes:
        parameter: of their key.
        ending: of keys that are taken for it.
        needs: what of them a method needs, and how they are varied; by method.
    """

    parameter: str
    ending: str
    needs: Mapping[Method, tuple[str, str]]


_STARTS = _Compared("starts", "from", {"hysteresis": ("two starts", "such as temperature.from, at two values")})
_SIZES = _Compared("sizes", "count", {"crossing": ("several sizes", "such as gas.0.from.count, at several values")})


def _found(varied: Sequence[str], result: str, method: Method, compared: _Compared) -> str | None:
    """The key of the sizes or starts, if none is given: the one that ends as they do; None if none is needed.

    Raises:
        InputError: if there are several, or none of those that the method needs.
    """
    fitting = [path for path in varied if path.rpartition(".")[2] == compared.ending]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and method not in compared.needs:
        return None
    looked = f"is looked for as a {method.replace('_', ' ')}"
    where = "in `gasfield sweep` or `Sweep.transitions`"
    if fitting:
        text = f"{looked}, and of its {compared.parameter} several keys may be meant: {', '.join(fitting)}. Name one"
        raise InputError(f"{text} ({compared.parameter}) {where}.", parameter="transition", value=result)
    needed, such = compared.needs[method]
    text = f"{looked}, which needs {needed}: vary a key that ends in '{compared.ending}', {such}; or name another key"
    raise InputError(f"{text} ({compared.parameter}) or method {where}.", parameter="transition", value=result)


def require(name: str, known: Sequence[str], parameter: str, what: str) -> None:
    """Refuses a name that is not among those known; the message has close ones."""
    if name not in known:
        close = get_close_matches(name, known, 3) or sorted(known)[:3]
        message = f"there is no such {what}; for example {', '.join(close) or 'none'}."
        raise InputError(message, parameter=parameter, value=name)
