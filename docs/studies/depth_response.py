"""Who responds when one token of a text is displaced, layer by layer: twelve texts in SmolLM2.

The first token of each text, which is an attention sink, and one at three eighths of its length are displaced by a
hundredth of their length in a random direction, in front of layers 1 and 16. Writes docs/studies/depth-response.md.
About five minutes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from depth_of_texts import HERE, TEXTS
from numpy.typing import NDArray
from smollm2 import file_of_smollm2

from gasfield.language.open import open_module
from gasfield.language.prompts import prompts_of
from gasfield.quantity import Quantity
from gasfield.tracing.families import Transformer, transformer_of
from gasfield.tracing.response import response

LAYERS = (0, 15)
LATER = (1, 5, 15, 30)
CONTROLS = ("random words", "shuffled prose")


class Found(NamedTuple):
    """(F, 2) share of the squared response in other tokens, to the sink and to the other one; and the nonlinearity."""

    crossing: NDArray[np.float64]
    nonlinearity: float


def of_text(model: Transformer, ids: NDArray[np.int64], layer: int) -> Found:
    """The response of a text."""
    found = response(model, ids, [0, 3 * len(ids) // 8], layer=layer, directions=1)
    return Found(found.crossing, float(found.nonlinearity.max()))


def stated(values: list[float]) -> str:
    """Mean and standard error over texts."""
    each = np.array(values)
    return str(Quantity(float(each.mean()), "1", float(each.std(ddof=1) / np.sqrt(len(each)))))


def main() -> None:
    """Writes the table."""
    torch.set_num_threads(1)
    opened = open_module(file_of_smollm2())
    model = transformer_of(opened.name, opened.module)
    texts = {prompt.name: np.asarray(prompt.ids) for prompt in prompts_of(opened, prompts=TEXTS)}
    rows, worst = [], 0.0
    for layer in LAYERS:
        found = {}
        for name, ids in texts.items():
            found[name] = of_text(model, ids, layer)
            print(f"in front of layer {layer + 1}: {name}", flush=True)
        worst = max(worst, *(each.nonlinearity for each in found.values()))
        for after in (later for later in LATER if layer + later <= model.layers):
            share = {name: [float(s) for s in each.crossing[2 * after]] for name, each in found.items()}
            rows.append([
                f"{layer + 1}", f"{after}", stated([share[name][1] for name in texts if name not in CONTROLS]),
                *(f"{share[name][1]:.3f}" for name in CONTROLS),
                stated([share[name][0] for name in texts if name not in CONTROLS]),
            ])  # fmt: skip
    head = ["in front of layer", "layers later", "a token", *(f"*{name}*" for name in CONTROLS), "the sink"]
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    says = f"""# Who answers to a displaced token?

Share of the squared response to a displaced token that is in other tokens, mean and standard error over
ten texts. What is not linear is at most {worst:.2g} of the response.
"""
    (HERE / "depth-response.md").write_text(says + "\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
