"""Two processes that train together (DDP, gloo): rank 0 writes, and its field is that of all positions."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gasfield

pytestmark = pytest.mark.validate

WORKS = """
import sys, torch, os
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from foreign_models import DEAD_IDS, Untied, batch, mean_loss, seeded
from gasfield.recording import Recorder
rank = int(os.environ["RANK"])
distributed.init_process_group("gloo")
model = seeded(Untied)
together = DistributedDataParallel(model)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
with Recorder(model, sys.argv[1], rows={"dead": DEAD_IDS}, field=sys.argv[2]) as recorder:
    for step in range(6):
        optimiser.zero_grad()
        ids, targets = batch(10 * step + rank, size=3 + 2 * rank)  # of different sizes
        mean_loss(together(ids), targets).backward()
        optimiser.step()
        recorder.step()
print("rank", rank, "done")
distributed.destroy_process_group()
"""


@pytest.mark.parametrize("field", ["affine", "full"])
def test_rank_0_writes_the_field_of_all_positions(tmp_path: Path, field: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", WORKS, str(tmp_path / "run.h5"), field]
    both = [
        subprocess.Popen(command, env=shared | {"RANK": str(rank)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=200)[0].decode() for process in both]
    assert all(f"rank {rank} done" in text for rank, text in enumerate(said)), said
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert list(recording.steps) == list(range(7))
        assert recording.attributes["processes"] == 2
        assert recording.observable("field_error").values.max() < 1e-6
        np.testing.assert_array_equal(recording.observable("gradient_factor").values, 1.0)
        if field == "full":
            assert recording.full_field().at(0).hidden.shape[0] == (3 + 5) * 9
