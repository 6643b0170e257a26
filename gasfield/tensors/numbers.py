"""Number types of tensors: those of an embedding, and what the others are."""

from __future__ import annotations

import re

PRECISIONS = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
"""Number types of embeddings, by their names in safetensors."""
WIDTHS = {
    "bool": 1, "int8": 1, "uint8": 1, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "float32": 4, "int32": 4,
    "uint32": 4, "float64": 8, "int64": 8, "uint64": 8, "complex32": 4, "complex64": 8, "complex128": 16,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip
"""Bytes of a number of each type."""
_QUANTISED = (
    "a quantised model: its values need the scales of the quantisation; save the matrix dequantised, in bfloat16 or "
    "float32"
)
_KINDS = (
    (r"int8|uint8|I8|U8", f"integers of 8 bits, as in {_QUANTISED}"),
    (r"float8.*|F[468]_?.*", f"floating-point numbers of fewer than 16 bits, as in {_QUANTISED}"),
    (r"q[u]?int\d+|I?Q\d.*|TQ\d.*|[A-Z]+FP4", _QUANTISED),
    (r"u?int\d+", "integers"),
    (r"bool", "true or false"),
    (r"complex.*|C64", "complex numbers"),
    (r"[<>|=]?U.*", "text"),
    (r"[<>|=]?[SV].*", "bytes without a number type"),
    (r"datetime64.*|timedelta64.*", "times"),
    (r"longdouble|float(80|96|128)", "floating-point numbers that only some machines have; save them in float64"),
)


def what_they_are(numbers: str) -> str:
    """What the numbers of a type are that no embedding has, as the end of a message (": integers"); empty if there is
    nothing to say."""
    return next((f": {what}" for pattern, what in _KINDS if re.fullmatch(pattern, numbers)), "")


def shown(shape: tuple[int, ...]) -> str:
    """A shape in a message: "3 x 4"."""
    lengths = [f"{length}" if length < 10**15 else f"{length:.1e}" for length in shape[:8]]
    return " x ".join([*lengths, *(["..."] if len(shape) > 8 else [])]) or "a single number"
