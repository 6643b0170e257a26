"""The viewer at the size of a published series: 50,304 tokens in 154 frames.

Writes a made-up series of checkpoints at log-spaced, then even steps: rows go from noise to directions of some
clusters, each in a time of its own, with noise that falls with the learning rate; one in fifty rests. Prints the time
to make its page, the size, and, in headless Chromium without a graphics card, the time until the first picture and
until all is unpacked, and how many pictures a second a moved slider and play draw.

    python benchmarks/viewer.py [rows] [dimensions] [frames with neighbours]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from selenium import webdriver

import gasfield
from gasfield.gas import Gas
from gasfield.trajectory import TrajectoryWriter

STEPS = np.unique(np.concatenate([[0], 2 ** np.arange(10), 1000 * np.arange(1, 144)]))
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader")
SLIDER = """
const done = arguments[0];
window.gasfield.then(async (viewer) => {
  const { gl } = viewer.view.drawing;
  const times = [];
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    viewer.timeline.slider.value = String((7 * i) % viewer.timeline.steps.length);
    viewer.timeline.slider.dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits until it is drawn
    times.push(performance.now() - start);
  }
  done(times);
});
"""
PLAY = """
const done = arguments[0];
window.gasfield.then((viewer) => {
  viewer.timeline.goTo(0);
  viewer.timeline.rate = 60;
  viewer.timeline.play(true);
  const [drawn, start] = [viewer.view.drawn, performance.now()];
  setTimeout(() => done((1000 * (viewer.view.drawn - drawn)) / (performance.now() - start)), 2000);
});
"""


def main(rows: int = 50_304, dimensions: int = 64, neighbours: int = 16) -> None:
    """Writes the series, its page, and opens it."""
    with TemporaryDirectory() as folder:
        series = Path(folder) / "series.h5"
        write(series, rows, dimensions)
        start = time.perf_counter()
        page = gasfield.view(series, output=Path(folder) / "series.html", neighbours=neighbours)
        took = time.perf_counter() - start
        print(f"{rows} rows, {dimensions} dimensions, {len(STEPS)} frames, neighbours at {neighbours}; load {load()}")
        print(f"made in {took:.0f} s; {page.stat().st_size / 1e6:.1f} MB")
        look(page)


def look(page: Path) -> None:
    """Opens a page in Chromium and prints how fast it is."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--enable-unsafe-swiftshader", "--window-size=1400,900"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_script_timeout(300)
    try:
        start = time.perf_counter()
        driver.get(page.as_uri())
        wait(driver, "return document.getElementById('viewer').dataset.ready === 'true'")
        first = time.perf_counter() - start
        driver.execute_async_script(
            "const done = arguments[0]; window.gasfield.then((viewer) => viewer.source.rest.then(done))"
        )
        print(f"first picture {first:.1f} s, all unpacked {time.perf_counter() - start:.1f} s")
        times = driver.execute_async_script(SLIDER)
        print(f"slider: {1000 / statistics.median(times):.0f} pictures a second (median of {len(times)})")
        print(f"play: {driver.execute_async_script(PLAY):.0f} pictures a second; load {load()}")
    finally:
        driver.quit()


def write(path: Path, rows: int, dimensions: int) -> None:
    """The series."""
    chance = np.random.default_rng(0)
    directions = 0.08 * chance.normal(size=(200, dimensions))
    start = 0.02 * chance.standard_normal((rows, dimensions), dtype=np.float32)
    end = (directions[chance.zipf(1.4, rows) % 200] + 0.04 * chance.normal(size=start.shape)).astype(np.float32)
    times = np.exp(chance.normal(np.log(8000), 1.2, (rows, 1)))
    moves = chance.random((rows, 1)) > 0.02
    walk = np.zeros_like(start)
    gas = Gas(
        start, np.where(moves[:, 0], 0, 1), ["live", "dead"], np.arange(rows), [f" token{i}" for i in range(rows)]
    )
    with TrajectoryWriter(path, gas, precision="float32", provenance={"source": "import"}) as writer:
        for step, passed in zip(STEPS.tolist(), np.diff(STEPS, prepend=0).tolist(), strict=True):
            noise = 0.0012 * max(0.1, 1 - step / 143_000) * np.sqrt(min(passed, 300) / 300)
            walk += np.float32(noise) * chance.standard_normal(start.shape, dtype=np.float32)
            moved = (end - start) * (1 - np.exp(-step / times)) + walk
            writer.frame(step, float(step), (start + moves * moved).astype(np.float32))
            writer.observe("loss", step, float(step), 3 + 7 * float(np.exp(-step / 5000)))


def wait(driver: Any, script: str) -> None:
    """Waits until a script returns true."""
    while not driver.execute_script(script):
        time.sleep(0.02)


def load() -> str:
    """Processes that want a core, over the last minute, and cores."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
