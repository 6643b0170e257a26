"""The recorder on a GPU: asynchronous copies, mixed precision, fused optimisers, compiled models. A few minutes.

A small transformer of PyTorch's own layers is trained in several ways. For each of them:

* the time of a step with a recorder at every step over that without one, in rounds that follow each other in turn;
* the largest `field_error`: the recorded field against the gradient that the optimiser received;
* the displacement error of a hindcast in the full field, and the floor that rounded gradients imply;
* on a GPU, how often `recorder.step()` waited for it after the first step: copies should be asynchronous.

    python benchmarks/recorder_cuda.py [rounds] [way, ...]

Where there is no GPU it runs on the CPU with a smaller model, and says so in its first line.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch._dynamo
from torch import Tensor, nn
from torch.nn import functional

import gasfield
from gasfield.recording import Recorder

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
VOCABULARY, WIDTH, LAYERS, BATCH, LENGTH = (16_384, 512, 6, 16, 256) if ON_GPU else (2_048, 64, 2, 8, 64)
STEPS, REPLAYED = 20, 12
DEAD = np.arange(VOCABULARY - 320, VOCABULARY)
"""Ids that never occur."""


@dataclass(frozen=True)
class Way:
    """How a model is trained."""

    autocast: torch.dtype | None = None
    fused: bool = False
    compiled: bool = False


WAYS = {
    "float32": Way(),
    "autocast bfloat16": Way(torch.bfloat16),
    "autocast float16, scaler": Way(torch.float16),
    "fused AdamW": Way(fused=True),
    "torch.compile": Way(compiled=True),
    "all: bfloat16, fused, compiled": Way(torch.bfloat16, fused=True, compiled=True),
}


class Decoder(nn.Module):
    """A causal transformer with an output matrix of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 8, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        self.register_buffer("mask", torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, S, V)."""
        found: Tensor = self.head(self.body(self.tokens(ids) + self.places.weight, mask=self.mask, is_causal=True))
        return found


class Training:
    """A model in training, one update after the other."""

    def __init__(self, way: Way) -> None:
        torch.manual_seed(0)
        self.model = Decoder().to(DEVICE)
        self._way = way
        if way.compiled:  # models of one class share compiled code, unless it depends on their hooks
            torch._dynamo.config.skip_nnmodule_hook_guards = False
        self._forward: Callable[[Tensor], Tensor] = torch.compile(self.model) if way.compiled else self.model
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=0.1, fused=way.fused)
        self._scaler = torch.amp.GradScaler(DEVICE, enabled=way.autocast is torch.float16)
        self._source = torch.Generator(DEVICE).manual_seed(1)

    def update(self, recorder: Recorder | None) -> None:
        """One update, recorded or not."""
        draws = torch.rand((BATCH, LENGTH + 1), generator=self._source, device=DEVICE)
        ids = (draws**3 * int(DEAD[0])).long()  # few tokens are frequent
        with self._precision():
            logits = self._forward(ids[:, :-1])
        loss = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        self.optimiser.zero_grad()
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._scaler.step(self.optimiser)
        self._scaler.update()
        if recorder is not None:
            recorder.step(loss.detach())

    def _precision(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._way.autocast is None else torch.autocast(DEVICE, self._way.autocast)

    def seconds(self, recorder: Recorder | None) -> float:
        """Of a step, over some."""
        synchronise()
        start = time.perf_counter()
        for _ in range(STEPS):
            self.update(recorder)
        synchronise()
        return (time.perf_counter() - start) / STEPS


def synchronise() -> None:
    """Waits for the GPU."""
    if ON_GPU:
        torch.cuda.synchronize()


def recorder_of(training: Training, path: Path, **options: Any) -> Recorder:
    """320 dead rows and 32 others, at every step."""
    rows = {"dead": DEAD, "live": np.arange(32)}
    return Recorder(training.model, path, rows=rows, optimizer=training.optimiser, **options)


def cost(way: Way, rounds: int, folder: Path) -> tuple[float, list[float]]:
    """Seconds of a step without a recorder, and the ratios of neighbouring rounds with and without one."""
    without, observed = Training(way), Training(way)
    plain, ratios = [], []
    with recorder_of(observed, folder / "cost.h5") as recorder:
        without.seconds(None)
        observed.seconds(recorder)
        for _ in range(rounds):
            before = without.seconds(None)
            during = observed.seconds(recorder)
            after = without.seconds(None)
            plain += [before, after]
            ratios.append(during / (0.5 * (before + after)))
    return statistics.median(plain), ratios


def quality(way: Way, folder: Path) -> tuple[float, float, float | None]:
    """The largest field error, the displacement error of a hindcast in the full field, and its floor."""
    training = Training(way)
    with recorder_of(training, folder / "full.h5", field="full") as recorder:
        for _ in range(REPLAYED):
            training.update(recorder)
    with gasfield.open(folder / "full.h5") as recording:
        errors = recording.observable("field_error").values
    found = gasfield.hindcast(folder / "full.h5", rows="dead", output=folder / "hindcast").as_json()["groups"]["dead"]
    floor = found.get("rounding_floor", {}).get("value")
    return float(np.nanmax(errors)), float(found["displacement_error"]["value"]), floor


def waits(way: Way, folder: Path) -> int:
    """How often the calls of `recorder.step()` waited for the GPU in ten steps after the first."""
    training = Training(way)
    with recorder_of(training, folder / "waits.h5") as recorder:
        training.update(recorder)
        counted = 0
        for _ in range(10):
            training.update(None)
            torch.cuda.synchronize()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                torch.cuda.set_sync_debug_mode("warn")
                recorder.step()
                torch.cuda.set_sync_debug_mode("default")
            counted += sum("synchroniz" in str(each.message) for each in caught)
    return counted


def main(rounds: int, names: list[str]) -> None:
    """Measures and prints RESULT lines."""
    size = f"V {VOCABULARY}, D {WIDTH}, {LAYERS} layers, {BATCH * LENGTH} positions"
    if ON_GPU:
        print(f"RESULT on {torch.cuda.get_device_name()}, PyTorch {torch.__version__}: {size}")
    else:
        threads = torch.get_num_threads()
        print(f"RESULT no GPU at hand: on the CPU, {threads} threads, PyTorch {torch.__version__}: {size}")
    for name in names:
        with TemporaryDirectory() as place:
            folder = Path(place)
            step, ratios = cost(WAYS[name], rounds, folder)
            error, displaced, floor = quality(WAYS[name], folder)
            text = f"RESULT {name}: step {step * 1e3:.1f} ms, recorder {statistics.median(ratios) - 1:+.1%} "
            text += f"({min(ratios) - 1:+.1%} to {max(ratios) - 1:+.1%}, {rounds} rounds), field error {error:.1e}, "
            text += f"hindcast {displaced:.1e}" + (f" (floor {floor:.1e})" if floor is not None else "")
            print(text + (f", {waits(WAYS[name], folder)} waits in 10 steps" if ON_GPU else ""), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5, sys.argv[2:] or list(WAYS))
