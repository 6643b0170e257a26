"""Finds the embedding and the output matrix of a model, tied or not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gasfield.errors import InputError


@dataclass(frozen=True)
class Matrices:
    """The two matrices whose rows are tokens.

    Attributes:
        embedding: (V, D) the input embedding.
        embedding_name: its name in the model.
        output: (V, D) whose products with the hidden state are the logits; the same parameter if tied.
        output_name: its name in the model.
        layer: the layer that multiplies by `output`; None if a tied model multiplies without a layer.
    """

    embedding: Tensor
    embedding_name: str
    output: Tensor
    output_name: str
    layer: nn.Linear | None

    @property
    def tied(self) -> bool:
        """Whether both are the same parameter."""
        return self.embedding is self.output


def find_matrices(model: nn.Module, embedding: str | None = None, output: str | None = None) -> Matrices:
    """Finds the largest `nn.Embedding`, and the linear layer that is tied to it or has as many outputs.

    Args:
        model: any model.
        embedding: name of the embedding matrix or its layer ("transformer.wte"), if it is not found automatically.
        output: the same for the output matrix.

    Raises:
        InputError: if there is none, or the choice is ambiguous.
    """
    entry, entry_name = _embedding(model, embedding)
    layer, layer_name = _output(model, entry, output)
    if layer is None:
        return Matrices(entry, entry_name, entry, entry_name, None)
    if layer.weight.ndim != 2:
        message = f"has {layer.weight.ndim} axes; a matrix has 2."
        raise InputError(message, parameter="output", value=f"{layer_name}.weight")
    return Matrices(entry, entry_name, layer.weight, f"{layer_name}.weight", layer)


def _embedding(model: nn.Module, name: str | None) -> tuple[Tensor, str]:
    if name is not None:
        weight, found = _by_name(model, name, "embedding")
        return weight, found
    candidates = {where: module for where, module in model.named_modules() if isinstance(module, nn.Embedding)}
    if not candidates:
        raise InputError(
            f"{type(model).__name__} has no nn.Embedding, whose rows would be tokens. If its embedding is of another "
            f"type, name it; {_listed(model)}.",
            parameter="embedding",
        )
    offered = getattr(model, "get_input_embeddings", None)
    if callable(offered):
        own = offered()
        candidates = {where: module for where, module in candidates.items() if module is own} or candidates
    most = max(module.num_embeddings for module in candidates.values())
    tallest = {where: module for where, module in candidates.items() if module.num_embeddings == most}
    if len({id(module.weight) for module in tallest.values()}) > 1:
        raise InputError(
            f"{type(model).__name__} has {len(tallest)} embeddings of {most} rows: {', '.join(tallest)}. Name one.",
            parameter="embedding",
        )
    where, module = next(iter(tallest.items()))
    return module.weight, f"{where}.weight"


def _output(model: nn.Module, embedding: Tensor, name: str | None) -> tuple[nn.Linear | None, str]:
    """The layer; None if the model multiplies by the embedding without a layer."""
    linear = {where: module for where, module in model.named_modules() if isinstance(module, nn.Linear)}
    if name is not None:
        weight, found = _by_name(model, name, "output")
        for where, module in linear.items():
            if module.weight is weight:
                return module, where
        if weight is embedding:
            return None, ""
        message = f"{found} is neither the weight of an nn.Linear nor the embedding."
        raise InputError(message, parameter="output", value=name)
    for where, module in linear.items():
        if module.weight is embedding:
            return module, where
    fitting = {where: module for where, module in linear.items() if module.out_features == len(embedding)}
    if len(fitting) > 1:
        raise InputError(
            f"{type(model).__name__} has {len(fitting)} linear layers with {len(embedding)} outputs: "
            f"{', '.join(fitting)}. Name one.",
            parameter="output",
        )
    for where, module in fitting.items():
        return module, where
    return None, ""


def _by_name(model: nn.Module, name: str, option: str) -> tuple[Tensor, str]:
    """A matrix by its own name or the name of its layer."""
    for full in (name, f"{name}.weight"):
        for where, parameter in model.named_parameters(remove_duplicate=False):
            if where == full:
                if parameter.ndim != 2:
                    message = f"has {parameter.ndim} axes; a matrix has 2."
                    raise InputError(message, parameter=option, value=full)
                return parameter, full
    message = f"{type(model).__name__} has no such parameter; {_listed(model)}."
    raise InputError(message, parameter=option, value=name)


def _listed(model: nn.Module) -> str:
    tall = sorted(((len(p), where) for where, p in model.named_parameters() if p.ndim == 2), key=lambda item: -item[0])[
        :8
    ]
    if not tall:
        return "it has no matrices"
    return "its tallest matrices are " + ", ".join(f"{where} ({rows} rows)" for rows, where in tall)
