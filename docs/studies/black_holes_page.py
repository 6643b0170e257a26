"""The page and the pictures of the study of black holes, from the casts that were kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import black_holes_published as published
import numpy as np
from black_holes_cast import describe
from black_holes_text import PAGE
from numpy.typing import NDArray

from gasfield.files import write_file
from gasfield.plots.style import INK, SERIES, SIMULATED, dress, legend, new_figure, save

Found = dict[str, Any]
DOCS = Path(__file__).parent.parent
FEW = (8, 20)
MANY = (40, 80)
SINGLE = 0.05
"""Largest share of rows without a twin in a cast that is compared."""


def read(path: Path) -> tuple[list[Found], dict[str, Found]]:
    """Casts, and the last cast of each case that is done."""
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return [found for found in lines if "cast" in found], {
        found["done"]: found["last"] for found in lines if "done" in found
    }


def rows_of(found: Found) -> int:
    """All rows of a cast."""
    return int(found["cast"]["singles"] + sum(found["cast"]["sizes"]))


def in_groups(found: Found, bounds: tuple[int, int]) -> bool:
    """Whether there are so many groups, and hardly a row without a twin."""
    return bounds[0] <= len(found["cast"]["sizes"]) <= bounds[1] and found["cast"]["singles"] <= SINGLE * rows_of(found)


def has_sizes(found: Found) -> bool:
    """Whether sizes are about the published: the largest has 20 to 60% of the rows, the largest four at least 90%."""
    sizes, rows = found["cast"]["sizes"], rows_of(found)
    return in_groups(found, FEW) and 0.2 <= sizes[0] / rows <= 0.6 and sum(sizes[:4]) >= 0.9 * rows


def is_whole(found: Found) -> bool:
    """Whether it is like the published one in sizes, and its coordinates too are dependent, alike and with leaps."""
    cast = found["cast"]
    return has_sizes(found) and cast["p_value"] <= 0.01 and cast["alike"] > 0 and cast["leaps"] > 0


def by_case(casts: Sequence[Found], kind: str) -> dict[str, list[Found]]:
    """The casts of a kind, by case."""
    found = defaultdict(list)
    for cast in casts:
        if cast["kind"] == kind:
            found[cast["case"]].append(cast)
    return dict(found)


def mechanism_line(name: str, casts: Sequence[Found], seeds: int) -> str:
    """A row of the table."""
    few = [found for found in casts if in_groups(found, FEW)]
    if not few:
        most = max((len(found["cast"]["sizes"]) for found in casts), default=0)
        last = casts[-1] if casts else None
        end = (
            ""
            if last is None
            else f"; at the end {len(last['cast']['sizes'])} groups, {last['cast']['singles']} singles"
        )
        return f"| {name} | {seeds} | none (up to {most}{end}) | | | | | | |"
    tested = [found for found in few if not np.isnan(found["cast"]["p_value"])]
    totals = [found["total"] for found in few]
    where = f", L {min(totals):.1f} to {max(totals):.1f}" if few[0]["kind"] != "restart" else f" of {len(casts)}"

    def count(key: str) -> str:
        return str(sum(found["cast"][key] > 0 for found in few))

    return (
        f"| {name} | {seeds} | {len(few)}{where} | "
        f"{np.median([found['cast']['split'] for found in few]):g} | {sum(map(has_sizes, few))} | "
        f"{sum(found['cast']['p_value'] <= 0.01 for found in tested)} of {len(tested)} | "
        f"{count('alike')} | {count('leaps')} | {sum(map(is_whole, few))} |"
    )


def mechanisms(casts: Sequence[Found]) -> str:
    """The table of mechanisms, the published cast first."""
    cast = describe(published.cells(), np.abs(published.values()) / published.MEDIAN_SIZE)
    lines = [
        "| mechanism | runs | casts with 8 to 20 groups | split | like in sizes | p ≤ .01 | alike | leaps | all |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| **published** |  | 13 groups | {cast.split} | 1 | p ≤ {cast.p_value:.3f} | {cast.alike} pairs | "
        f"{cast.leaps} coordinates | 1 |",
    ]
    groups = by_case(casts, "full") | by_case(casts, "mechanism") | by_case(casts, "restart")
    for name, found in groups.items():
        if name == "constant" or found[0]["kind"] != "full":
            label = "common, weak, D = 2,560" if name == "constant" else name
            lines.append(mechanism_line(label, found, len({one["seed"] for one in found})))
    return "\n".join(lines)


def scan_constant(casts: Sequence[Found]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """L - ln(sigma_0 / median |W|) of the first cast with at most 20 groups, in 64 dimensions and in 2,560."""
    found: dict[int, dict[tuple[str, int], float]] = {64: {}, 2560: {}}
    for cast in casts:
        spread = float(cast["case"].split(", ")[2]) if cast["kind"] == "scan" else 0.02
        if cast["kind"] not in ("scan", "full") and cast["case"] not in ("common, weak", "common, strong"):
            continue
        if cast["case"] == "DeepSeek-V2-Lite":
            spread = 0.006
        dimensions, key = 2560 if cast["kind"] == "full" else 64, (cast["case"], cast["seed"])
        if key not in found[dimensions] and len(cast["cast"]["sizes"]) <= FEW[1] and cast["cast"]["singles"] < 100:
            found[dimensions][key] = cast["total"] - np.log(spread / cast["median_size"])
    return np.array(list(found[64].values())), np.array(list(found[2560].values()))


def draw_passage(casts: Sequence[Found], path: Path) -> None:
    """Groups over L, in the published dimension."""
    figure = new_figure(7.2, 4.2)
    ax = figure.subplots()
    full = by_case(casts, "full")
    for seed, colour in zip((1, 2, 3), SERIES, strict=False):
        one = [found for found in full.get("constant", []) if found["seed"] == seed]
        ax.plot(
            [found["total"] for found in one],
            [max(0.7, len(found["cast"]["sizes"])) for found in one],
            color=colour,
            marker="o",
            markersize=3,
            linewidth=1,
            label=f"simulated, seed {seed}",
        )
    for name, groups in published.OTHER_GROUPS.items():
        if groups:
            ax.axhline(groups, color=INK, linewidth=0.8, linestyle=":")
            ax.annotate(name, (12.05, groups), fontsize=8, color=INK, va="bottom" if groups == 62 else "top", ha="left")
    ax.axhline(13, color=SIMULATED, linewidth=1.2, linestyle=":")
    ax.annotate("Qwen3-4B-Instruct-2507", (12.05, 13), fontsize=8, color=SIMULATED, va="bottom")
    ax.set_yscale("log")
    ax.set_xlim(12, 18)
    dress(ax, "Groups of identical rows in the cast", "L = sum of η λ", "groups of two or more rows")
    legend(ax)
    save(figure, path)


def draw_cells(examples: Sequence[tuple[str, NDArray[np.int64], NDArray[np.int64]]], path: Path) -> None:
    """Which coordinates of which rows lie in which cell: rows over split coordinates, both sorted by likeness."""
    figure = new_figure(3.2 * len(examples), 4.4)
    for ax, (title, cells, counts) in zip(figure.subplots(1, len(examples)), examples, strict=True):
        every = np.repeat(cells, counts, axis=0)
        codes = np.stack([np.unique(column, return_inverse=True)[1] for column in every.T], axis=1)
        common = np.array([np.bincount(column).argmax() for column in codes.T])
        other = codes != common
        columns = np.argsort(-other.sum(axis=0), kind="stable")
        other = other[:, columns]
        order = np.lexsort(other.T[::-1])
        ax.imshow(other[order], aspect="auto", cmap="Blues", vmin=0, vmax=1.4, interpolation="nearest")
        dress(ax, title, "split coordinates", "rows" if ax is figure.axes[0] else "")
        ax.set_xticks([])
        ax.grid(False)
    save(figure, path)


def example(casts: Sequence[Found], case: str) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """The cast of a case that is most like the published one."""
    kept = [found for found in casts if found["case"] == case and found["groups"] and in_groups(found, FEW)]
    if not kept:
        return None
    best = min(kept, key=lambda found: (-is_whole(found), -has_sizes(found), abs(found["cast"]["split"] - 20)))
    cells, counts = best["groups"]
    return np.array(cells), np.array(counts)


def draw(casts: Sequence[Found]) -> None:
    """Both pictures."""
    draw_passage(casts, DOCS / "figures" / "black-holes-passage.png")
    unique, counts = np.unique(published.cells(), axis=0, return_counts=True)
    shown = [("published", unique, counts)]
    for title, case in (("common field", "constant"), ("restart", "restart, tidal at casts")):
        if (found := example(casts, case)) is not None:
            shown.append((title, *found))
    draw_cells(shown, DOCS / "figures" / "black-holes-cells.png")


def facts(casts: Sequence[Found]) -> dict[str, str]:
    """Numbers in the text, by name."""
    null = published.product_null(200)
    mixed, mixing = published.mixing_null(9999)
    full = by_case(casts, "full").get("constant", [])
    predicted = np.array([found["predicted"] for found in full])
    split = np.array([found["cast"]["split"] for found in full])
    small, large = scan_constant(casts)
    few = [found for found in full if in_groups(found, FEW)]
    window = [found for found in full if 16.0 <= found["total"] < 17.5]
    restarted = [found for found in casts if found["case"].startswith("restart, tidal") and in_groups(found, FEW)]
    pairs = [found["cast"]["alike"] for found in restarted if is_whole(found)]
    others = [found for found in casts if found["kind"] in ("full", "mechanism") or found["case"] == "restart, common"]
    scans = {found["case"] for found in casts if found["kind"] == "scan"}
    sixty = [found["total"] for found in full if in_groups(found, MANY)]
    return {
        "whole": str(sum(map(is_whole, restarted))),
        "restarted": str(len(restarted)),
        "pairs": f"{min(pairs, default=0)} to {max(pairs, default=0)}",
        "dependent": str(sum(found["cast"]["p_value"] <= 0.01 for found in restarted)),
        "alike": str(sum(found["cast"]["alike"] > 0 for found in restarted)),
        "others_whole": str(sum(map(is_whole, others)) or "none"),
        "others": str(sum(in_groups(found, FEW) for found in others)),
        "scanned": f"{len(scans)} scans of rate, decay and σ₀, weak and strong fields",
        "null_groups": f"{null[:, 0].min()} to {null[:, 0].max()}",
        "null_singles": f"{null[:, 1].min()} to {null[:, 1].max()}",
        "mixed": str(mixed),
        "mixed_null": f"{mixing.min()} to {mixing.max()}",
        "ratio": f"{np.mean(split / predicted):.2f}",
        "chi": f"{np.mean((split - predicted) ** 2 / predicted):.2f}",
        "c64": f"{small.mean():.1f} ± {small.std(ddof=1):.1f}" if len(small) > 1 else "?",
        "n64": str(len(small)),
        "c2560": f"{large.mean():.1f} ± {large.std(ddof=1):.1f}" if len(large) > 1 else "?",
        "few": str(len(few)),
        "few_from": f"{min(found['total'] for found in few):.1f}",
        "few_to": f"{max(found['total'] for found in few):.1f}",
        "in_window": f"{np.mean([in_groups(found, FEW) for found in window]):.0%} of {len(window)}",
        "like": f"{sum(map(has_sizes, window))}",
        "sixty_from": f"{min(sixty):.1f}",
        "sixty_to": f"{max(sixty):.1f}",
    }


def write(path: Path) -> None:
    """docs/studies/black-holes.md and its pictures, from the casts at `path`."""
    casts, last = read(path)
    draw(casts)
    text = PAGE
    for name, value in facts(casts).items():
        text = text.replace("{" + name + "}", value)
    for name, value in (
        ("mechanisms", mechanisms(casts)), ("recipes", recipes(last)), ("all_steps", all_steps(last)),
    ):  # fmt: skip
        text = text.replace("{" + name + "}", value)
    write_file(DOCS / "studies" / "black-holes.md", text)


def recipes(last: dict[str, Found]) -> str:
    """The table of recipes, at the end of each."""
    lines = ["| recipe | L | median \\|W\\| | split | groups | rows without a twin |", "|---|---|---|---|---|---|"]
    for found in last.values():
        if found["kind"] == "full" and found["case"] != "constant":
            cast = found["cast"]
            lines.append(
                f"| {found['case']} | {found['total']:.1f} | {found['median_size']:.2g} | {cast['split']} of 2,560 | "
                f"{len(cast['sizes'])} | {cast['singles']} of {rows_of(found)} |"
            )
    return "\n".join(lines)


def all_steps(last: dict[str, Found]) -> str:
    """Groups at the end of each recipe in 64 dimensions."""
    return "; ".join(
        f"{found['case']} {len(found['cast']['sizes'])} (L = {found['total']:.1f}, "
        f"{found['cast']['singles']} rows without a twin)"
        for found in last.values()
        if found["kind"] == "recipe"
    )
