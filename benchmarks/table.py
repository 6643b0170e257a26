"""What is timed: the rows of the table beside peers, and the series against N, D and threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.peers import OWN


@dataclass(frozen=True)
class Run:
    """A module of this package with arguments, run as a process of its own by the Python of an environment."""

    environment: str
    module: str
    arguments: tuple[str, ...]

    @property
    def key(self) -> str:
        """`lennard_jones 10 2 float64`."""
        return " ".join([self.module, *self.arguments])


@dataclass(frozen=True)
class Peer:
    """A peer of a row: how it is called, what it runs, and the ratio that we aim at (None if precisions differ)."""

    name: str
    run: Run
    goal: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    problem: str
    unit: str
    ours: Run
    peers: tuple[Peer, ...]


TREE_ERROR = 1.07e-3
"""Median relative error of the forces of pytreegrav's tree with an opening angle of 0.7 and N = 100,000."""


def ours(module: str, *arguments: object) -> Run:
    """A run of gasfield."""
    return Run(OWN, f"benchmarks.{module}", tuple(map(str, arguments)))


def against(environment: str, module: str, *arguments: object) -> Run:
    """A run of a peer."""
    return Run(environment, f"benchmarks.against.{module}", tuple(map(str, arguments)))


def rows(threads: int = 2) -> list[Row]:
    """The table, with so many threads a side."""
    return [*_short_range(threads), *_long_range(threads), *_attention(threads), *_others(threads)]


def _short_range(threads: int) -> Iterator[Row]:
    for cells in (10, 20):
        count = f"{4 * cells**3:,} particles"
        lammps = Peer("LAMMPS OPT", against("lammps", "lammps", "melt", cells, threads), 2.3)
        openmm = Peer("OpenMM", against("openmm", "openmm", "melt", cells, threads), 6.5)
        gromacs = Peer("GROMACS", against("gromacs", "gromacs", cells, threads), 1.3)
        for precision, peers in (("float64", (lammps,)), ("float32", (openmm, gromacs))):
            run = ours("lennard_jones", cells, threads, precision)
            yield Row(f"melt-{cells}-{precision}", f"LJ melt, {count}, {precision}", "particle-steps/s", run, peers)
    yield Row(
        "small",
        "256 LJ particles in 2-D with a thermostat, float64",
        "steps/s",
        ours("small", threads),
        (
            Peer("LAMMPS OPT, the better of 1 and 2 ranks", against("lammps", "lammps", "small", threads), 1.5),
            Peer("OpenMM (float32, 3-D)", against("openmm", "openmm", "small", threads)),
        ),
    )


def _long_range(threads: int) -> Iterator[Row]:
    direct = against("gravity", "pytreegrav", "direct", 16_384, threads)
    for precision, goal in (("float64", 4.2), ("float32", None)):
        peer = Peer("pytreegrav" if goal else "pytreegrav (float64)", direct, goal)
        run = ours("gravity", "direct", 16_384, threads, precision)
        yield Row(f"direct-{precision}", f"gravity, direct, N = 16,384, {precision}", "pairs/s", run, (peer,))
    tree = Peer("pytreegrav, opening 0.7", against("gravity", "pytreegrav", "tree", 100_000, threads), 2.0)
    run = ours("gravity", "tree", 100_000, threads, TREE_ERROR)
    yield Row("tree", "gravity, tree, N = 100,000, float64, same median error", "s", run, (tree,))


def _attention(threads: int) -> Iterator[Row]:
    for dimensions, torch_goal, jax_goal in ((64, 1.4, 0.95), (256, 1.8, 1.0)):
        size = (4096, dimensions)
        peers = (
            Peer("torch", against("torch", "torch", "attention", *size, threads), torch_goal),
            Peer("JAX, chunked", against("jax", "jax", "attention", *size), jax_goal),
        )
        run = ours("attention", *size, threads, "float32")
        yield Row(f"attention-{dimensions}", f"attention, N = 4,096, D = {dimensions}, float32", "GFLOP/s", run, peers)


def _others(threads: int) -> Iterator[Row]:
    size = (50_000, 512)
    for precision, peer, title, goal in (
        ("float32", "adamw", "torch fused", 0.95),
        ("mixed", "adamw-copy", "torch fused and a copy to bfloat16", 1.1),
    ):
        stated = {"float32": "float32", "mixed": "bfloat16 weights, float32 state"}[precision]
        beside = Peer(title, against("torch", "torch", peer, *size, threads), goal)
        run = ours("adamw", *size, threads, precision)
        yield Row(f"adamw-{precision}", f"AdamW, 50,000 × 512, {stated}", "GB/s", run, (beside,))
    jax = Peer("JAX", against("jax", "jax", "brownian", 1_000_000), 12.0)
    brownian = ours("brownian", 1_000_000, threads, "float32")
    yield Row("brownian", "Brownian, 10⁶ particles in 2-D, float32", "particle-steps/s", brownian, (jax,))
    matrix = (151_936, 2_560)
    xxhash = Peer("xxhash 128 and a dictionary", against("rows", "xxhash", *matrix), 4.0)
    found = ours("rows", *matrix, threads)
    yield Row("rows", "identical rows, 151,936 × 2,560, 16 bits", "s", found, (xxhash,))


@dataclass(frozen=True)
class Series:
    """Runs at several sizes: one line of a plot.

    Attributes:
        name: of the line.
        axis: "N", "D" or "threads".
        sizes: along the axis.
        run: the run at a size.
        unit: of what it reports.
        work: amount of a step, or of an evaluation of the force, at a size, in the unit of that speed.
        fitted_from: the exponent is fitted to sizes from here on; the cost of a call dominates at smaller ones.
    """

    name: str
    axis: str
    sizes: tuple[int, ...]
    run: Callable[[int], Run]
    unit: str
    work: Callable[[int], float]
    fitted_from: int

    def seconds(self, size: int, value: float) -> float:
        """Of one step or evaluation at a size, from what was reported."""
        return value if self.unit == "s" else self.work(size) / value


MELT_CELLS = {4 * cells**3: cells for cells in (4, 6, 10, 20, 40, 63)}
"""Cells a side of the melts of the series, by number of particles."""
HUNDREDS = (100, 300, 1_000, 3_000, 10_000, 30_000)
POWERS = tuple(2**k for k in range(1, 11))


def series(threads: int, cores: int) -> list[Series]:
    """All series; those against threads go up to the number of cores."""
    return [*_against_count(threads), *_against_dimensions(threads), *_against_threads(cores)]


def _against_count(threads: int) -> Iterator[Series]:
    def melt(n: int) -> Run:
        return ours("lennard_jones", MELT_CELLS[n], threads, "float64")

    def direct(n: int) -> Run:
        return ours("gravity", "direct", n, threads, "float64")

    def tree(n: int) -> Run:
        return ours("gravity", "tree", n, threads, TREE_ERROR)

    def brownian(n: int) -> Run:
        return ours("brownian", n, threads, "float32")

    def attention(n: int) -> Run:
        return ours("attention", n, 64, threads, "float32")

    yield Series("LJ melt", "N", tuple(MELT_CELLS), melt, "particle-steps/s", float, 4_000)
    yield Series("gravity, direct", "N", HUNDREDS, direct, "pairs/s", lambda n: float(n) ** 2, 3_000)
    yield Series("gravity, tree", "N", (1_000, 10_000, 100_000, 1_000_000), tree, "s", float, 10_000)
    yield Series("Brownian", "N", (*HUNDREDS, 100_000, 1_000_000), brownian, "particle-steps/s", float, 10_000)
    powers = tuple(2**k for k in (7, 8, 9, 10, 12, 14))
    yield Series("attention, D = 64", "N", powers, attention, "GFLOP/s", lambda n: 256e-9 * n**2, 1_024)


def _against_dimensions(threads: int) -> Iterator[Series]:
    def pairs(d: int) -> Run:
        return ours("pairs", 2_000, d, threads)

    def attention(d: int) -> Run:
        return ours("attention", 2_048, d, threads, "float32")

    def adamw(d: int) -> Run:
        return ours("adamw", 50_000, d, threads, "float32")

    yield Series("all pairs, N = 2,000", "D", POWERS, pairs, "pairs/s", lambda _: 4e6, 16)
    yield Series("attention, N = 2,048", "D", POWERS, attention, "GFLOP/s", lambda d: 4e-9 * 2_048**2 * d, 16)
    yield Series("AdamW, 50,000 rows", "D", POWERS, adamw, "GB/s", lambda d: 1.4e-3 * d, 16)


def _against_threads(cores: int) -> Iterator[Series]:
    several = tuple(sorted({cores, *(2**k for k in range(cores.bit_length()))}))

    def melt(t: int) -> Run:
        return ours("lennard_jones", 20, t, "float64")

    def direct(t: int) -> Run:
        return ours("gravity", "direct", 16_384, t, "float64")

    def attention(t: int) -> Run:
        return ours("attention", 4_096, 64, t, "float32")

    def brownian(t: int) -> Run:
        return ours("brownian", 1_000_000, t, "float32")

    def adamw(t: int) -> Run:
        return ours("adamw", 50_000, 512, t, "float32")

    yield Series("LJ melt, N = 32,000", "threads", several, melt, "particle-steps/s", lambda _: 32e3, 1)
    yield Series("gravity, direct, N = 16,384", "threads", several, direct, "pairs/s", lambda _: 16_384.0**2, 1)
    yield Series("attention, N = 4,096", "threads", several, attention, "GFLOP/s", lambda _: 256e-9 * 4_096**2, 1)
    yield Series("Brownian, N = 1,000,000", "threads", several, brownian, "particle-steps/s", lambda _: 1e6, 1)
    yield Series("AdamW, 50,000 × 512", "threads", several, adamw, "GB/s", lambda _: 0.7168, 1)
