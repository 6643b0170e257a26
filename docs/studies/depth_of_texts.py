"""What happens to the tokens of twelve texts on their way through SmolLM2, and what kind of force each head is.

Every text of depth-texts.yaml is traced with its attention weights and looked at by all diagnostics of depth. Writes
outputs/depth-of-texts.json (numbers by text; depth_findings.py makes tables and pictures of them). The trace (2 GB) is
kept at the path given as the second argument, so that it need not be made again. About fifteen minutes on two cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from smollm2 import file_of_smollm2

from gasfield.diagnostics import DIAGNOSTICS
from gasfield.diagnostics.depth.base import SINK
from gasfield.diagnostics.depth.layer_motion import shares_of
from gasfield.diagnostics.depth.sinks import Sinks, norms_of
from gasfield.diagnostics.grouping import group_of
from gasfield.streams import Stream, generator
from gasfield.tracing.tracing import trace
from gasfield.trajectory import Trajectory, open_trajectory

HERE = Path(__file__).parent
TEXTS = HERE / "depth-texts.yaml"
RESULTS = HERE.parent.parent / "outputs" / "depth-of-texts.json"
KINDS = (
    "alignment", "gram_entropy", "layer_motion", "layer_work", "lens", "final_distance", "attention_reach", "heads",
)  # fmt: skip


def of_text(trajectory: Trajectory, name: str, model: Path) -> dict[str, Any]:
    """Every result of one text: keys with errors, curves over depth, names of sinks."""
    group = group_of(trajectory, name)
    found: dict[str, Any] = {"tokens": group.count, "numbers": {}, "curves": {}, "notes": []}
    for kind in KINDS:
        diagnostic = DIAGNOSTICS[kind](model=str(model)) if kind == "heads" else DIAGNOSTICS[kind]()
        assert diagnostic.why_not(group) is None, f"{name}: {kind}: {diagnostic.why_not(group)}"
        result = diagnostic.compute(group)
        found["numbers"] |= {key: quantity.leaf() for key, quantity in result.quantities().items()}
        found["notes"] += [note for note in result.notes if note not in found["notes"]]
        for field in CURVES[kind]:
            values = getattr(result, field)
            of_each = values.items() if isinstance(values, dict) else [(field, values)]
            found["curves"] |= {f"{kind}.{label}": rounded(curve) for label, curve in of_each}
        if kind == "heads":
            found["curves"] |= {f"heads.null.{label}": rounded(curve) for label, curve in result.null.items()}  # type: ignore[attr-defined]
        print(f"{name}: {kind}", flush=True)
    return found


CURVES: dict[str, tuple[str, ...]] = {
    "alignment": ("cosines", "with_sinks", "effective", "spread"),
    "gram_entropy": ("entropies", "with_sinks"),
    "layer_motion": ("shares", "with_sinks", "null"),
    "layer_work": ("shares", "with_sinks", "null"),
    "lens": ("energy", "entropy"),
    "final_distance": ("distances", "null"),
    "attention_reach": ("distance", "entropy", "sink"),
    "heads": ("found", "flags"),
}


def rounded(values: NDArray[Any]) -> Any:
    """For a file: six digits, None where undefined."""
    flat = [None if not np.isfinite(v) else float(f"{v:.6g}") for v in np.asarray(values, float).ravel()]
    return {"shape": list(np.shape(values)), "values": flat}


def pooled_motion(trajectory: Trajectory) -> dict[str, Any]:
    """Shares of the kinds of motion of the tokens of all texts together, of which there are enough for a linear map of
    all 576 dimensions; and the null."""
    kept, places = [], []
    for name in trajectory.names:
        group = group_of(trajectory, name)
        flags = ~Sinks.of(norms_of(group), SINK).flags
        kept.append(flags)
        places.append(group.ids[flags])
    rows, chance = np.concatenate(places), generator(0, Stream.PERMUTATIONS, 7)
    shares, null = [], []
    before = np.asarray(trajectory.positions(rows, slice(0, 1))[0], float)
    for frame in range(1, len(trajectory.steps)):
        after = np.asarray(trajectory.positions(rows, slice(frame, frame + 1))[0], float)
        moved = after - before
        shares.append(shares_of(before, moved, before.shape[1]))
        null.append(shares_of(before, moved[chance.permutation(len(moved))], before.shape[1]))
        before = after
        print(f"all texts: sub-layer {frame}", flush=True)
    return {"tokens": len(rows), "shares": rounded(np.array(shares)), "null": rounded(np.array(null))}


def main() -> None:
    """Traces, measures, and writes as it goes."""
    model = file_of_smollm2()
    with TemporaryDirectory() as folder:
        path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "texts.h5"
        if not path.exists():
            trace(model, path, prompts=TEXTS, weights=True, parts="full")
        results: dict[str, Any] = {"texts": {}}
        with open_trajectory(path) as trajectory:
            for name in trajectory.names:
                results["texts"][name] = of_text(trajectory, name, model)
                RESULTS.write_text(json.dumps(results))
            results["all"] = pooled_motion(trajectory)
        RESULTS.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
