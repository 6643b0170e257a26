"""From the texts of a user to a compiled law: the whole pipeline of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gasfield.errors import InputError
from gasfield.expressions.generate import SOURCES, written_out
from gasfield.expressions.parse import Vocabulary, check_all_used, check_parameters, parse
from gasfield.expressions.store import stored
from gasfield.kernels.pointwise import PointwiseKernel


def law_from(
    form: Literal["field", "force", "pair"], texts: Sequence[str], vocabulary: Vocabulary, dimensions: int = 0
) -> PointwiseKernel:
    """The law of one energy at a position, of a force component by component, or of one energy of a distance.

    Args:
        form: which of them; see `generate` for the signatures.
        texts: the expressions.
        vocabulary: the allowed names.
        dimensions: of the space; any space if left out.

    Raises:
        InputError: if a text is not allowed, is nowhere a real number, or parameters do not fit.
    """
    parameters = tuple(vocabulary.parameters)
    check_parameters(parameters, vocabulary.variables)
    trees = tuple(parse(text, vocabulary) for text in texts)
    check_all_used(parameters, trees)

    dimensions = written_out(form, trees, dimensions)

    def write() -> str:
        try:
            return SOURCES[form](trees, parameters, dimensions)
        except InputError as fault:
            raise InputError(f"{shown(texts)}: {fault}") from None

    return stored((form, trees, parameters, dimensions), write)


def shown(texts: Sequence[str]) -> str:
    """Expressions in a message, truncated if long."""
    whole = ", ".join(texts)
    return f"expression {whole if len(whole) <= 100 else whole[:97] + '...'!a}"
