"""Results of an inspection against direct sums over rows and pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embeddings import EMBEDDING, bfloat16_rows, write_planted, write_safetensors
from numpy.typing import NDArray
from paths import RECORDINGS

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.inspection import inspect, open_matrix
from gasfield.inspection.outliers import find_outliers
from gasfield.inspection.plane import principal_axes
from gasfield.kernels.bfloat16 import from_bits
from gasfield.kernels.lattices import PRECISIONS, lattice_keys, lattice_numbers, round_to
from gasfield.statistics.separation import area_under_curve
from gasfield.trajectory import TrajectoryWriter

pytestmark = pytest.mark.usefixtures("one_numba_thread")
Values = NDArray[np.float64]


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def to(values: NDArray[Any], name: str = "rows.npy") -> Path:
        np.save(tmp_path / name, values)
        return tmp_path / name

    return to


# --- numbers ---------------------------------------------------------------------------------------------------------


def cosine(x: Values) -> float:
    """Mean over all pairs, one by one."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return float((unit @ unit.T)[~np.eye(len(x), dtype=bool)].mean())


def participation(x: Values) -> float:
    spread = np.linalg.eigvalsh(np.cov(x.T))
    return float(spread.sum() ** 2 / (spread**2).sum())


NAIVE: dict[str, Callable[[Values], float]] = {
    "norm.mean": lambda x: float(np.linalg.norm(x, axis=1).mean()),
    "norm.std": lambda x: float(np.linalg.norm(x, axis=1).std(ddof=1)),
    "cosine.raw": cosine,
    "cosine.centred": lambda x: cosine(x - x.mean(axis=0)),
    "centroid.norm": lambda x: float(np.linalg.norm(x.mean(axis=0))),
    "radius": lambda x: float(np.linalg.norm(x - x.mean(axis=0), axis=1).mean()),
    "participation_ratio": participation,
}


def skewed(rows: int, dimensions: int, seed: int = 0) -> Values:
    generator = np.random.default_rng(seed)
    return generator.exponential(size=(rows, dimensions)) * np.linspace(0.2, 2, dimensions) + 0.3


@pytest.mark.parametrize(("rows", "dimensions"), [(25, 7), (300, 12), (70, 1030)])
@pytest.mark.parametrize("key", NAIVE)
def test_numbers_are_those_of_direct_sums(save: Callable, key: str, rows: int, dimensions: int) -> None:
    """In more than 1,024 dimensions products are float32 within a block: six digits."""
    x = skewed(rows, dimensions)
    value = inspect(save(x)).quantities()[key].value
    assert value == pytest.approx(NAIVE[key](x), rel=2e-6 if dimensions > 1024 else 1e-10)


@pytest.mark.parametrize("key", [key for key in NAIVE if key != "radius"])
def test_errors_are_the_jackknife_of_rows_or_of_groups_of_rows(save: Callable, key: str) -> None:
    """25 rows: delete-one jackknife. 100 rows: cosines use groups of every 32nd row."""
    for count in (25, 100):
        x, groups = skewed(count, 6, seed=count), count if count == 25 or "cosine" not in key else 32
        without = np.array([NAIVE[key](x[np.arange(count) % groups != group]) for group in range(groups)])
        error = np.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2))
        assert inspect(save(x)).quantities()[key].error == pytest.approx(error, rel=1e-6)


def test_the_error_of_the_participation_ratio_covers_its_scatter(save: Callable) -> None:
    """Over 60 draws of 400 rows; the scatter is accurate to 9%, so that 30% is more than three standard errors."""
    found = [inspect(save(skewed(400, 8, seed))).quantities()["participation_ratio"] for seed in range(60)]
    assert np.std([q.value for q in found], ddof=1) == pytest.approx(np.mean([q.error for q in found]), rel=0.3)


def test_identical_rows_and_chains_of_a_file(tmp_path: Path) -> None:
    groups = write_planted(tmp_path / "a.safetensors", 5000, 24, (40, 12, 3, 2, 2))
    data = inspect(tmp_path / "a.safetensors", cells=0).as_json()
    assert data["identical"]["groups"] == {"value": [40, 12, 3, 2, 2], "unit": "rows", "error": None}
    assert data["identical"]["members"]["value"] == groups == data["components"]["members"]["value"]
    assert data["identical"]["rows"]["value"] == 59
    assert (data["file"], data["tensor"], data["precision"]) == (str(tmp_path / "a.safetensors"), EMBEDDING, "bfloat16")


def test_identical_rows_join_the_chain_of_their_first(tmp_path: Path) -> None:
    words = bfloat16_rows(np.random.default_rng(4), 60, 8)
    words[[3, 9, 20]] = words[3]
    words[31] = words[3] + np.uint16(1)
    write_safetensors(tmp_path / "a.safetensors", {EMBEDDING: ("BF16", words)})
    found = inspect(tmp_path / "a.safetensors")
    assert [group.tolist() for group in found.identical] == [[3, 9, 20]]
    assert [group.tolist() for group in found.components] == [[3, 9, 20, 31]]


def test_rows_that_are_not_finite_are_counted_and_left_out(save: Callable) -> None:
    x = skewed(50, 6)
    bad = x.copy()
    bad[[4, 17], [0, 5]] = np.nan, -np.inf
    found, without = inspect(save(bad)), inspect(save(np.delete(x, [4, 17], axis=0)))
    data = found.as_json()
    assert data["not_finite"]["ids"]["value"] == [4, 17]
    assert any("2 rows with a NaN" in note and "4, 17" in note for note in found.notes)
    assert data["cosine"] == without.as_json()["cosine"]
    json.dumps(data, allow_nan=False)


POOR = {
    "one row": np.array([[0.5, 2.0]]),
    "two rows": np.array([[0.5, 2.0], [1.0, 1.0]]),
    "all the same": np.full((40, 3), 0.1),
    "all zero": np.zeros((5, 3)),
    "one dimension": np.random.default_rng(0).normal(size=(30, 1)),
    "a zero row": np.vstack([np.zeros(3), np.random.default_rng(0).normal(size=(9, 3))]),
    "huge": np.random.default_rng(0).normal(size=(30, 3)) * 1e90,
    "identity": np.eye(32),
    "tiny": np.random.default_rng(0).normal(size=(30, 3)) * 1e-90,
    "too huge": np.vstack([np.full(3, 1e300), np.random.default_rng(0).normal(size=(9, 3))]),
}


@pytest.mark.parametrize("case", POOR)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_known_is_none_with_a_reason(save: Callable, tmp_path: Path, case: str) -> None:
    found = inspect(save(POOR[case]))
    for key, quantity in found.quantities().items():
        if quantity.leaf()["value"] is None:
            assert any(key.rpartition(".")[0] in note or key in note or "single row" in note for note in found.notes), (
                key
            )
    json.dumps(found.as_json(), allow_nan=False)
    assert found.plot_all(tmp_path / "plots")


def test_other_precisions_count_cells_after_rounding_and_say_so(tmp_path: Path) -> None:
    words = bfloat16_rows(np.random.default_rng(5), 200, 6)
    words[7] = words[90] + np.uint16(1)
    values = from_bits(words)
    nudged = values.copy()
    nudged[0, 0] *= 1 + 1e-5
    found = {}
    for name, kind, array in (("b", "BF16", words), ("f", "F32", values), ("n", "F32", nudged), ("d", "F64", values)):
        write_safetensors(tmp_path / f"{name}.safetensors", {EMBEDDING: (kind, array)})
        found[name] = inspect(tmp_path / f"{name}.safetensors")
        assert [group.tolist() for group in found[name].components] == [[7, 90]]
    rounded = [name for name, result in found.items() if any("rounded" in note for note in result.notes)]
    assert rounded == ["n"]
    assert found["b"].as_json()["participation_ratio"] == found["f"].as_json()["participation_ratio"]


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_rows_are_neighbours_on_the_lattice_of_their_own_format(tmp_path: Path, precision: str) -> None:
    """Pairs of rows that differ by 1, 2 and 3 cells in one coordinate, across zero, and a pair of identical rows; by
    bfloat16 cells those of the other formats would be another number apart."""
    x = round_to(0.2 * skewed(40, 12), precision)
    x[1], x[3], x[5], x[7], x[9] = x[0], x[2], x[4], x[6], x[8]
    for row, cells in ((1, 1), (3, 2), (5, 3)):
        x[row, 0] = lattice_numbers(lattice_keys(x[row - 1, :1], precision) + cells, precision)[0]
    x[8:10, 2] = lattice_numbers(np.array([-1, 1]), precision)
    x[39, 0] = np.nan
    gas = Gas(x, np.zeros(40, np.int64), ["a"], np.arange(40), [""] * 40)
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision=precision, provenance={}) as writer:
        writer.frame(0, 0.0, x)
    pairs = {1: [[0, 1], [6, 7]], 2: [[0, 1], [2, 3], [6, 7], [8, 9]]}
    for cells, expected in pairs.items():
        found = inspect(tmp_path / "a.h5", cells=cells)
        assert sorted(group.tolist() for group in found.components if len(group) == 2) == expected
        assert [group.tolist() for group in found.identical] == [[6, 7]]
        assert not any("rounded" in note for note in found.notes)
    tree = found.as_json()
    assert (tree["precision"], tree["not_finite"]["ids"]["value"]) == (precision, [39])
    np.testing.assert_array_equal(found.matrix.values(slice(0, 39)), x[:39])
    family = inspect_family(tmp_path, precision)
    assert (family["linf"]["value"][0][1], family["l1"]["value"][0][1]) == (2, 2)


def inspect_family(folder: Path, precision: str) -> dict[str, Any]:
    """Of two groups of identical rows that are two cells apart in one coordinate."""
    x = np.repeat(round_to(0.2 * skewed(2, 6), precision)[:1], 8, axis=0)
    x[5:, 3] = lattice_numbers(lattice_keys(x[5:, 3], precision) + 2, precision)
    gas = Gas(x, np.zeros(8, np.int64), ["a"], np.arange(8), [""] * 8)
    with TrajectoryWriter(folder / "family.h5", gas, precision=precision, provenance={}) as writer:
        writer.frame(0, 0.0, x)
    found: dict[str, Any] = inspect(folder / "family.h5").as_json()["families"]["1"]
    return found


# --- outliers --------------------------------------------------------------------------------------------------------


def test_a_normal_crowd_has_an_outlier_once_in_twenty() -> None:
    """400 samples of 2,000: 20 +- 4.4 rows expected, 4 errors; half the threshold would give hundreds."""
    generator = np.random.default_rng(0)
    crowds = [find_outliers(generator.normal(3, 0.1, 2000)) for _ in range(400)]
    assert 2 <= sum(len(crowd.places) for crowd in crowds) <= 38
    assert sum(int(np.sum(np.abs(generator.normal(size=2000)) > crowds[0].threshold / 2)) for _ in range(400)) > 100


def test_planted_outliers_are_told_with_their_side(save: Callable) -> None:
    x = np.random.default_rng(1).normal(size=(500, 40))
    x[10] *= 3
    x[20] *= 0.1
    leaves = inspect(save(x)).as_json()["outliers"]["norm"]
    assert leaves["ids"]["value"] == [10, 20]
    assert leaves["deviations"]["value"][0] > 0 > leaves["deviations"]["value"][1]
    assert leaves["values"]["value"] == pytest.approx(np.linalg.norm(x[[10, 20]], axis=1))


# --- given rows against the rest -------------------------------------------------------------------------------------


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    generator = np.random.default_rng(2)
    scores, given = generator.integers(0, 12, 80).astype(float), generator.random(80) < 0.3
    inside, outside = scores[given][:, None], scores[~given]
    order = (inside > outside) + 0.5 * (inside == outside)
    area = area_under_curve(scores, given)
    assert area.value == pytest.approx(order.mean(), rel=1e-12)
    error = np.sqrt(order.mean(1).var(ddof=1) / len(inside) + order.mean(0).var(ddof=1) / len(outside))
    assert area.error == pytest.approx(error, rel=1e-10)
    swapped = area_under_curve(scores, ~given)
    assert swapped.value == pytest.approx(1 - area.value)


def test_the_error_of_the_area_is_its_scatter() -> None:
    """300 draws determine a scatter to 4%; that of another number of rows would differ by 40%."""
    generator = np.random.default_rng(3)
    given = np.arange(150) < 50
    found = [area_under_curve(generator.normal(size=150) + 0.7 * given, given) for _ in range(300)]
    scatter = np.std([area.value for area in found], ddof=1)
    assert scatter == pytest.approx(np.mean([area.error for area in found]), rel=0.16)


def test_rows_that_do_not_overlap_have_an_error_all_the_same() -> None:
    area = area_under_curve(np.arange(30.0), np.arange(30) >= 20)
    assert area.value == 1
    assert area.error == pytest.approx(0.5 / 11)


def areas(found: Any) -> dict[str, Any]:
    return {key.partition(".")[2]: q for key, q in found.quantities().items() if key.startswith("separation.")}


def test_random_rows_are_not_told_from_the_rest_and_shifted_ones_are(save: Callable) -> None:
    """Four errors for random ids, five scores in ten draws; shifted or scaled rows are far beyond."""
    generator = np.random.default_rng(4)
    x = generator.normal(size=(400, 20)) + 0.5
    for _ in range(10):
        found = areas(inspect(save(x), rows=generator.permutation(400)[:60].tolist()))
        assert set(found) == {"norm", "distance", "cosine", "nearest"}
        for name, area in found.items():
            assert abs(area.value - 0.5) < 4 * area.error, name
    x[:60] = 0.5 * x[:60]
    shrunk = areas(inspect(save(x), rows="0:60"))
    assert shrunk["norm"].value < 0.5 - 8 * shrunk["norm"].error
    assert shrunk["nearest"].value < 0.5 - 8 * shrunk["nearest"].error
    x[:60] += 3
    assert areas(inspect(save(x), rows="0:60"))["distance"].value > 0.95


def test_a_row_is_not_among_the_others_whose_centroid_it_is_measured_from(save: Callable) -> None:
    """Few rows in many dimensions: a centroid that includes the row itself would be nearer to each row of the rest."""
    generator = np.random.default_rng(5)
    found, naive = [], []
    for _ in range(60):
        x, given = generator.normal(size=(16, 30)), np.arange(16) < 8
        found.append(areas(inspect(save(x), rows="0:8"))["distance"].value)
        naive.append(float(area_under_curve(np.linalg.norm(x - x[8:].mean(axis=0), axis=1), given).value))
    error = np.std(found, ddof=1) / np.sqrt(60)
    assert abs(np.mean(found) - 0.5) < 4 * error
    assert np.mean(naive) > 0.5 + 8 * error


def test_given_rows_are_measured_one_by_one_and_together(save: Callable) -> None:
    """Against direct sums over rows and pairs; with a zero row and a twin among them."""
    x = skewed(70, 6)
    x[4], x[9] = 0.0, x[60]
    given = np.array([1, 4, 9, 20, 33])
    rest = np.setdiff1d(np.arange(70), given)
    found = inspect(save(x), rows=given.tolist()).quantities()
    norms, apart = np.linalg.norm(x, axis=1), np.linalg.norm(x[:, None] - x, axis=2) + np.diag(np.full(70, np.inf))
    lists = {
        "ids": given,
        "norms": norms[given],
        "norm_percentiles": 100 * np.mean(norms[rest] < norms[given][:, None], axis=1),
        "distances": np.linalg.norm(x[given] - x.mean(axis=0), axis=1),
        "nearest.ids": apart[given].argmin(axis=1),
        "nearest.distances": apart[given].min(axis=1),
    }
    for key, values in lists.items():
        np.testing.assert_allclose(found[f"given.{key}"].value, values, rtol=1e-12, err_msg=key)
    directed = given[given != 4]
    centres = x[given].mean(axis=0), x[rest].mean(axis=0)
    about = x - x.mean(axis=0)

    def against(y: Values, some: Values) -> float:
        unit = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-300)
        return float((unit[some] @ unit[rest].T).mean())

    numbers = {
        "given.norm.mean": norms[given].mean(),
        "rest.norm.mean": norms[rest].mean(),
        "given.radius": np.linalg.norm(x[given] - centres[0], axis=1).mean(),
        "rest.radius": np.linalg.norm(x[rest] - centres[1], axis=1).mean(),
        "given.offset": np.linalg.norm(centres[0] - centres[1]),
        "given.cosine.within": cosine(x[directed]),
        "given.cosine.against": against(x, directed),
        "given.cosine_centred.within": cosine(about[given]),
        "given.cosine_centred.against": against(about, given),
    }
    for key, value in numbers.items():
        assert found[key].value == pytest.approx(value, rel=1e-10), key
        assert found[key].error > 0, key


def test_errors_of_given_rows_cover_their_scatter(save: Callable) -> None:
    """Over 60 draws of both sides; the scatter is accurate to 9%, so that 30% is more than three standard errors."""
    keys = ("given.offset", "given.cosine.within", "given.cosine.against", "given.radius")
    draws = [inspect(save(skewed(150, 8, seed)), rows="0:60").quantities() for seed in range(60)]
    for key in keys[1:]:
        scatter = np.std([draw[key].value for draw in draws], ddof=1)
        assert scatter == pytest.approx(np.mean([draw[key].error for draw in draws]), rel=0.3), key
    generator = np.random.default_rng(0)
    moved = [generator.normal(size=(150, 8)) + 3.0 * (np.arange(150) < 60)[:, None] for _ in range(60)]
    draws = [inspect(save(x), rows="0:60").quantities() for x in moved]
    scatter = np.std([draw["given.offset"].value for draw in draws], ddof=1)
    assert scatter == pytest.approx(np.mean([draw["given.offset"].error for draw in draws]), rel=0.3)


def test_rows_that_are_not_there_yet_are_not_counted(tmp_path: Path) -> None:
    """Of a tracer that is planted later; a row that is there and broken is counted as not finite."""
    x = skewed(20, 4)
    gas = Gas(x, np.zeros(20, np.int64), ["a"], np.full(20, -1), [""] * 20, appears=np.repeat([0, 30], [15, 5]))
    early = x.copy()
    early[15:], early[3] = np.nan, np.nan
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={}) as writer:
        writer.frame(0, 0.0, early)
        writer.frame(30, 30.0, x)
    found = inspect(tmp_path / "a.h5", step=0)
    assert found.as_json()["not_finite"]["ids"]["value"] == [3]
    assert found.as_json()["rows"]["value"] == 15
    assert any("5 rows are planted after step 0" in note for note in found.notes)
    later = inspect(tmp_path / "a.h5")
    assert later.as_json()["not_finite"]["ids"]["value"] == []
    assert later.as_json()["rows"]["value"] == 20


@pytest.mark.parametrize("size", [31, 32, 36, 256])
def test_a_degenerate_spectrum_has_principal_axes(size: int) -> None:
    """That of an identity matrix, of which LAPACK finds no subset at these sizes."""
    axes, shares = principal_axes(np.triu(np.eye(size) - 1 / size))
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(shares, 1 / (size - 1), rtol=1e-9)


def test_rows_with_a_twin_are_nearest_at_zero(save: Callable) -> None:
    x = skewed(60, 5)
    x[:20] = x[0]
    assert areas(inspect(save(x), rows="0:20"))["nearest"].value == 0


def test_the_groups_of_a_trajectory_are_lists_of_rows() -> None:
    found = inspect(RECORDINGS / "kjv-bf16.h5", rows="dead")
    matrix = open_matrix(RECORDINGS / "kjv-bf16.h5")
    assert found.given is not None
    assert found.given.tolist() == matrix.groups["dead"].tolist()
    assert (matrix.tensor, matrix.precision, matrix.words.dtype) == ("step 500", "bfloat16", np.uint16)
    start = inspect(RECORDINGS / "kjv-bf16.h5", step=0)
    assert start.as_json()["powers_of_two"]["value"] < 0.05 < found.as_json()["powers_of_two"]["value"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_every_format_gives_the_same_numbers(tmp_path: Path) -> None:
    words = bfloat16_rows(np.random.default_rng(6), 40, 6)
    values = from_bits(words)
    for padding in ("", " "):  # data at an odd place, too
        path = write_safetensors(tmp_path / f"a{padding}.safetensors", {EMBEDDING: ("BF16", words)}, padding)
        assert np.array_equal(open_matrix(path).values(slice(None)), values)
    arrays = {
        "c.npy": values,
        "columns.npy": np.asfortranarray(values),
        "big.npy": values.astype(">f4"),
        "double.npy": values.astype(np.float64),
        "bits.npy": words,
    }
    for name, array in arrays.items():
        np.save(tmp_path / name, array)
        matrix = open_matrix(tmp_path / name, bits_are="bfloat16" if array is words else None)
        assert np.array_equal(matrix.values(slice(None)), values), name
        assert matrix.precision == {"double.npy": "float64", "bits.npy": "bfloat16"}.get(name, "float32")
    np.savez_compressed(tmp_path / "z.npz", steps=np.arange(3), frames=np.zeros((2, 3, 4)), rows=values)
    assert np.array_equal(open_matrix(tmp_path / "z.npz").values(slice(None)), values)
    np.save(tmp_path / "half.npy", values.astype(np.float16))
    assert open_matrix(tmp_path / "half.npy").precision == "float16"


def is_mapped(array: Any) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def test_files_are_mapped_not_read(tmp_path: Path) -> None:
    words = bfloat16_rows(np.random.default_rng(7), 40, 6)
    path = write_safetensors(tmp_path / "a.safetensors", {EMBEDDING: ("BF16", words)})
    if path.stat().st_size % 2:  # numbers at an odd place are copied
        write_safetensors(path, {EMBEDDING: ("BF16", words)}, " ")
    np.save(tmp_path / "a.npy", from_bits(words))
    np.savez(tmp_path / "a.npz", from_bits(words))
    assert is_mapped(open_matrix(path).words)
    assert is_mapped(open_matrix(tmp_path / "a.npy").words)
    assert not is_mapped(open_matrix(tmp_path / "a.npz").words)


def test_the_library_writes_what_is_read_here(tmp_path: Path) -> None:
    from safetensors import numpy as library  # the format's own

    values = skewed(30, 5).astype(np.float32)
    library.save_file(
        {"bias": values[0], "wte.weight": values, "h.0.weight": values.T.copy()}, tmp_path / "a.safetensors"
    )
    matrix = open_matrix(tmp_path / "a.safetensors")
    assert matrix.tensor == "wte.weight"
    assert np.array_equal(matrix.values(slice(None)), values)


def test_shards_are_found_by_folder_and_by_index_and_a_missing_one_matters_only_if_asked_for(tmp_path: Path) -> None:
    values = skewed(30, 5).astype(np.float32)
    write_safetensors(
        tmp_path / "model-2.safetensors", {EMBEDDING: ("F32", values), "lm_head.weight": ("F32", -values)}
    )
    places = {
        "layer.weight": "model-1.safetensors",
        EMBEDDING: "model-2.safetensors",
        "lm_head.weight": "model-2.safetensors",
    }
    index = tmp_path / "model.safetensors.index.json"
    assert np.array_equal(open_matrix(tmp_path).values(slice(None)), values)
    index.write_text(json.dumps({"weight_map": places}))
    for source in (tmp_path, index):
        matrix = open_matrix(source)
        assert matrix.tensor == EMBEDDING
        assert any("lm_head.weight" in note for note in matrix.notes)
        assert open_matrix(source, "lm_head.weight").values(slice(0, 1))[0, 0] == -values[0, 0]
    with pytest.raises(InputError, match=r"model-1.safetensors: this shard is missing; the index lists layer.weight"):
        open_matrix(index, "layer.weight")


def test_a_row_list_is_read_as_written(tmp_path: Path, save: Callable) -> None:
    path = save(skewed(50, 3))
    (tmp_path / "ids.txt").write_text("3, 4 # a remark 17\n\n9\n4\n")
    found = inspect(path, rows=str(tmp_path / "ids.txt"))
    assert found.given is not None
    assert found.given.tolist() == [3, 4, 9]
    assert any("1 duplicate ids are ignored" in note for note in found.notes)
    strided = inspect(path, rows="40::3").given
    assert strided is not None
    assert strided.tolist() == [40, 43, 46, 49]
