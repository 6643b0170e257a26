"""Matrices in third-party files: the tensors of a file, the choice of the embedding, and the selection of rows."""

from gasfield.tensors.files import is_recognised, metadata_of, missing_tensor, tensors_of
from gasfield.tensors.formats.gguf_files import gguf_values
from gasfield.tensors.naming import COMMON_NAMES, bare_name, choose_embedding
from gasfield.tensors.numbers import PRECISIONS, what_they_are
from gasfield.tensors.rows import read_rows
from gasfield.tensors.tensor import Tensor, Words
from gasfield.tensors.writing import encode_safetensors

__all__ = [
    "COMMON_NAMES",
    "PRECISIONS",
    "Tensor",
    "Words",
    "bare_name",
    "choose_embedding",
    "encode_safetensors",
    "gguf_values",
    "is_recognised",
    "metadata_of",
    "missing_tensor",
    "read_rows",
    "tensors_of",
    "what_they_are",
]
