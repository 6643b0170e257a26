"""Finds the embedding and the output matrix of a model, tied or not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gasfield.errors import InputError


@dataclass(frozen=True)
class Matrices:
    """The two matrices whose rows are tokens.

    Attributes:
        embedding: (V, D) what a token becomes on its way in.
        embedding_name: its name in the model.
        output: (V, D) whose product with the hidden state is the logit; the same parameter if they are tied.
        output_name: its name in the model.
        layer: the layer that multiplies by `output`; None where a tied model does so without one.
    """

    embedding: Tensor
    embedding_name: str
    output: Tensor
    output_name: str
    layer: nn.Linear | None

    @property
    def tied(self) -> bool:
        """Whether they are one."""
        return self.embedding is self.output


def find_matrices(model: nn.Module, embedding: str | None = None, output: str | None = None) -> Matrices:
    """Finds both: the largest `nn.Embedding`, and the linear layer that is tied to it or maps to as many tokens.

    Args:
        model: any model.
        embedding: name of the matrix or of its layer ("transformer.wte"), if it cannot be found.
        output: the same of the output.

    Raises:
        InputError: if there is none, or it is not clear which one it is.
    """
    entry, entry_name = _embedding(model, embedding)
    layer, layer_name = _output(model, entry, output)
    if layer is None:
        return Matrices(entry, entry_name, entry, entry_name, None)
    if layer.weight.ndim != 2:
        raise InputError(f"output={layer_name}: its weight has {layer.weight.ndim} axes; rows and dimensions are 2.")
    return Matrices(entry, entry_name, layer.weight, f"{layer_name}.weight", layer)


def _embedding(model: nn.Module, name: str | None) -> tuple[Tensor, str]:
    if name is not None:
        weight, found = _by_name(model, name, "embedding")
        return weight, found
    candidates = {where: module for where, module in model.named_modules() if isinstance(module, nn.Embedding)}
    if not candidates:
        raise InputError(
            f"{type(model).__name__} has no nn.Embedding: there is no matrix whose rows are tokens. If it has one of "
            f"another kind, say embedding='name'; {_listed(model)}."
        )
    offered = getattr(model, "get_input_embeddings", None)
    if callable(offered):
        own = offered()
        candidates = {where: module for where, module in candidates.items() if module is own} or candidates
    most = max(module.num_embeddings for module in candidates.values())
    tallest = {where: module for where, module in candidates.items() if module.num_embeddings == most}
    if len({id(module.weight) for module in tallest.values()}) > 1:
        raise InputError(
            f"{type(model).__name__} has {len(tallest)} embeddings of {most} rows: {', '.join(tallest)}. "
            "Say which: embedding='name'."
        )
    where, module = next(iter(tallest.items()))
    return module.weight, f"{where}.weight"


def _output(model: nn.Module, embedding: Tensor, name: str | None) -> tuple[nn.Linear | None, str]:
    """The layer, or None if the embedding itself must be used without a layer."""
    linear = {where: module for where, module in model.named_modules() if isinstance(module, nn.Linear)}
    if name is not None:
        weight, found = _by_name(model, name, "output")
        for where, module in linear.items():
            if module.weight is weight:
                return module, where
        if weight is embedding:
            return None, ""
        raise InputError(f"output={name}: {found} is no nn.Linear, and not the embedding.")
    for where, module in linear.items():
        if module.weight is embedding:
            return module, where
    fitting = {where: module for where, module in linear.items() if module.out_features == len(embedding)}
    if len(fitting) > 1:
        raise InputError(
            f"{type(model).__name__} has {len(fitting)} linear layers to {len(embedding)} tokens: "
            f"{', '.join(fitting)}. Say which: output='name'."
        )
    for where, module in fitting.items():
        return module, where
    return None, ""


def _by_name(model: nn.Module, name: str, option: str) -> tuple[Tensor, str]:
    """A matrix by its own name or that of its layer."""
    for full in (name, f"{name}.weight"):
        for where, parameter in model.named_parameters(remove_duplicate=False):
            if where == full:
                if parameter.ndim != 2:
                    raise InputError(f"{option}={name}: {full} has {parameter.ndim} axes; a matrix has 2.")
                return parameter, full
    raise InputError(f"{option}={name}: {type(model).__name__} has no such parameter; {_listed(model)}.")


def _listed(model: nn.Module) -> str:
    tall = sorted(((len(p), where) for where, p in model.named_parameters() if p.ndim == 2), key=lambda item: -item[0])[
        :8
    ]
    if not tall:
        return "it has no matrix at all"
    return "its tallest matrices are " + ", ".join(f"{where} ({rows} rows)" for rows, where in tall)
