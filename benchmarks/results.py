"""Ratios of the table's rows from rounds of measurements, as text; and those recorded for a model of processor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.interleave import Rounds
from benchmarks.measurements import Ratio, by_round, verdict
from benchmarks.table import Peer, Row

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Line:
    """A row beside one of its peers; values are medians over rounds, None where nothing was measured."""

    row: Row
    peer: Peer
    ours: float | None
    theirs: float | None
    ratio: Ratio | None

    @property
    def met(self) -> str:
        """Whether the goal is reached."""
        if self.peer.goal is None or self.ratio is None:
            return ""
        return "yes" if self.ratio.median >= self.peer.goal else "no"


def lines(rows: Sequence[Row], found: Rounds) -> list[Line]:
    """Every row beside each of its peers."""
    made = []
    for row in rows:
        ours = by_round(found.rounds, row.ours.key, row.unit)
        for peer in row.peers:
            theirs = by_round(found.rounds, peer.run.key, row.unit)
            ratio = Ratio.of(ours, theirs, row.unit)
            made.append(Line(row, peer, _middle(ours), _middle(theirs), ratio))
    return made


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def amount(value: float | None, unit: str) -> str:
    """`1.23·10⁶ pairs/s`."""
    if value is None:
        return "–"
    if 0.01 <= abs(value) < 1e5:
        return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits}·10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))} {unit}"


def ratio_text(ratio: Ratio | None) -> str:
    """`2.31 (2.20 to 2.40)`."""
    if ratio is None:
        return "–"
    return f"{ratio.median:.2f}" + (f" ({ratio.low:.2f} to {ratio.high:.2f})" if ratio.rounds > 1 else "")


def as_markdown(made: Sequence[Line], found: Rounds) -> str:
    """The table of the page."""
    most = max((line.ratio.rounds for line in made if line.ratio), default=0)
    head = (
        f"{found.cpu}; {found.threads} threads a side; medians of {most} interleaved rounds, ratios paired by round "
        f"(range); {found.day}.\n\n| work | gasfield | peer | its speed | ratio | goal |\n|---|---|---|---|---|---|"
    )
    body = "\n".join(
        f"| {line.row.problem} | {amount(line.ours, line.row.unit)} | {line.peer.name} | "
        f"{amount(line.theirs, line.row.unit)} | {ratio_text(line.ratio)} | "
        f"{'' if line.peer.goal is None else f'{line.peer.goal:g}'} |"
        for line in made
    )
    return f"{head}\n{body}\n\n{versions(made, found)}"


def versions(made: Sequence[Line], found: Rounds) -> str:
    """One sentence on what was run, and one on what was not."""
    stated = {line.peer.name.split(",")[0].split(" (")[0]: found.about.get(line.peer.run.key) for line in made}
    ours = next((found.about[line.row.ours.key] for line in made if line.row.ours.key in found.about), None)
    text = "; ".join(f"{name}: {about}" for name, about in {"gasfield": ours, **stated}.items() if about)
    left = "".join(f" Left out: {key.removeprefix('benchmarks.')} ({why})." for key, why in found.left_out.items())
    return f"Versions: {text}.{left}"


# --- what is recorded -------------------------------------------------------------------------------------------------


def record_path(cpu: str) -> Path:
    """The file of a model of processor."""
    return RECORDED / (re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-") + ".json")


def record(made: Sequence[Line], found: Rounds, path: Path, *, whole: bool = True) -> None:
    """Writes the ratios that later runs are held against; those of other rows stay unless the run was a whole one."""
    kept: dict[str, dict[str, object]] = {}
    if not whole and path.exists():
        kept |= json.loads(path.read_text())["rows"]
    for line in made:
        if line.ratio is not None:
            kept[line.row.name] = {}
    for line in made:
        if line.ratio is not None:
            kept[line.row.name][line.peer.name] = asdict(line.ratio)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cpu": found.cpu, "threads": found.threads, "day": found.day, "rows": kept}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def recorded(path: Path) -> dict[str, dict[str, Ratio]]:
    """Row -> peer -> ratio, as `record` wrote them."""
    rows = json.loads(path.read_text())["rows"]
    return {row: {peer: Ratio(**ratio) for peer, ratio in peers.items()} for row, peers in rows.items()}


def judge(made: Sequence[Line], found: Rounds, kept: dict[str, dict[str, Ratio]]) -> Iterator[tuple[str, str]]:
    """(verdict, sentence) of each recorded row: `slower`, `did not run`, `unclear`, `no peer` or `as recorded`."""
    for line in made:
        before = kept.get(line.row.name, {}).get(line.peer.name)
        name = f"{line.row.problem} beside {line.peer.name}"
        if before is None:
            continue
        if line.row.ours.key in found.left_out or line.ours is None:
            yield "did not run", f"{name}: {found.left_out.get(line.row.ours.key, 'nothing was measured')}"
        elif line.ratio is None:
            yield "no peer", f"{name}: {found.left_out.get(line.peer.run.key, 'nothing was measured')}"
        else:
            now = f"{ratio_text(line.ratio)}, recorded {ratio_text(before)}"
            yield verdict(before, line.ratio), f"{name}: {now}"
