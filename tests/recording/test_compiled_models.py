"""Recording a model compiled by `torch.compile`: the hooks of the output layer run, and the field is the gradient.

The field error is the relative difference of the computed field from the gradient of the training itself: rounding of
float32 only, below 1e-6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from foreign_models import DEAD_IDS, VOCABULARY, WIDTH, batch, mean_loss, seeded
from torch import Tensor, nn
from torch.nn import functional

import gasfield
from gasfield.recording import Recorder


class Feedforward(nn.Module):
    """A model that is compiled whole: embedding, causal mean, a layer, an output layer tied to the embedding or not."""

    def __init__(self, *, tied: bool = False) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.tokens(ids)
        past = rows.cumsum(dim=1) / torch.arange(1, ids.shape[1] + 1, device=ids.device)[:, None]
        return self.head(rows + functional.gelu(self.mix(past)))


def recorded_error(path: Path, backend: Any, *, tied: bool, device: str = "cpu", steps: int = 12) -> float:
    """The largest field error of a training."""
    model = seeded(lambda: Feedforward(tied=tied)).to(device)
    compiled = torch.compile(model, backend=backend) if backend else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    recorder = Recorder(model, path, rows={"dead": DEAD_IDS}, optimizer=optimiser)
    for step in range(steps):
        optimiser.zero_grad()
        ids, targets = (each.to(device) for each in batch(step))
        loss = mean_loss(compiled(ids), targets)
        loss.backward()
        optimiser.step()
        recorder.step(loss)
    recorder.close()
    with gasfield.open(path) as recording:
        assert len(recording) == steps + 1
        return float(np.max(recording.observable("field_error").values))


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_field_of_a_compiled_model_is_its_gradient(tmp_path: Path, tied: bool) -> None:
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    assert recorded_error(tmp_path / "a.h5", backend, tied=tied) < 1e-6
    assert graphs, "nothing was compiled"


@pytest.mark.validate
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_inductor_changes_nothing_either(tmp_path: Path, tied: bool) -> None:
    """Needs a C++ compiler; on a machine with a GPU, a training there as well."""
    assert recorded_error(tmp_path / "a.h5", "inductor", tied=tied) < 1e-6
    if torch.cuda.is_available():
        for backend in (None, "inductor"):
            assert recorded_error(tmp_path / f"{backend}.h5", backend, tied=tied, device="cuda") < 1e-5
