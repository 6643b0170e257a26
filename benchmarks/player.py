"""The page of `gasfield play` in headless Chromium without a graphics card: drawn frames, and how long a slider takes.

Plays 10,000 particles with cut-off pair forces in two dimensions, and 50,000 in an external field. Prints, for each,
how many frames a second were drawn, every one of a new step; the steps a second; the time of a processor that Chromium
took for each frame; and the time from a value to the answer that it acts (median and largest of 30).

    python benchmarks/player.py [seconds]
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from selenium import webdriver

FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader")
WARM_UP = 5.0
RUN = {"steps": 1_000_000, "record_every": 1}
PAIRS = {
    "space": {"kind": "periodic", "dimensions": 2, "side": 110.0},
    "gas": [{"name": "discs", "from": {"kind": "lattice", "count": 10_000}}],
    "forces": [{"kind": "lennard_jones", "cutoff": 2.5}],
    "dynamics": {"kind": "langevin", "time_step": 0.005, "friction": 0.5},
    "temperature": 0.5,
    "run": RUN,
}
FIELD = {
    "space": {"kind": "box", "dimensions": 2, "side": 8.0},
    "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 50_000}}],
    "forces": [
        {
            "kind": "gaussian_wells",
            "wells": [{"at": [-1.5, 0.0], "depth": 1.0, "width": 0.8}, {"at": [1.5, 0.0], "depth": 1.0, "width": 0.8}],
        }
    ],
    "dynamics": {"kind": "langevin", "time_step": 0.01, "friction": 0.5},
    "temperature": 0.3,
    "run": RUN,
}
PLACE = "window.gasfield.then((page) => arguments[0]([page.framesDrawn, page.at.step, performance.now()]))"
SET = """
const done = arguments[0];
window.gasfield.then(async (page) => {
  const times = [];
  for (let i = 0; i < 30; i++) {
    const start = performance.now();
    await page.touch("set", { temperature: 0.3 + 0.01 * i });
    times.push(performance.now() - start);
    await new Promise((go) => setTimeout(go, 100));
  }
  done(times);
});
"""


def main(seconds: float = 10.0) -> None:
    """Plays both."""
    for name, scenario in (("10,000 with pair forces", PAIRS), ("50,000 in a field", FIELD)):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "played.yaml"
            path.write_text(yaml.safe_dump(scenario))
            command = [sys.executable, "-m", "gasfield.cli", "play", str(path), "--no-browser"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
                try:
                    found = re.search(r"http://\S+", engine.stdout.readline())
                    assert found is not None
                    measure(name, found.group(), seconds)
                finally:
                    engine.send_signal(signal.SIGINT)


def measure(name: str, address: str, seconds: float) -> None:
    """Opens a session and prints how it is drawn."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_script_timeout(60)
    try:
        metrics = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(address)
        time.sleep(WARM_UP)
        (drawn, step, begun), used = driver.execute_async_script(PLACE), processor_time(driver)
        time.sleep(seconds)
        (drawn_then, step_then, ended), used_then = driver.execute_async_script(PLACE), processor_time(driver)
        frames, span = drawn_then - drawn, (ended - begun) / 1000.0
        print(
            f"{name}: {frames / span:.1f} frames/s, {(step_then - step) / span:.1f} steps/s, "
            f"{1000.0 * (used_then - used) / frames:.1f} ms of a core for each frame"
        )
        times = driver.execute_async_script(SET)
        print(f"{name}: a value acts after {statistics.median(times):.0f} ms, at most {max(times):.0f} ms")
    finally:
        driver.quit()


def processor_time(driver: Any) -> float:
    """Seconds that the driver and all processes below it have used."""
    rows = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split()[2:]
    below: dict[int, list[int]] = {}
    for pid, parent in zip(map(int, rows[::2]), map(int, rows[1::2]), strict=True):
        below.setdefault(parent, []).append(pid)
    todo, ticks = [int(driver.service.process.pid)], 0
    while todo:
        pid = todo.pop()
        todo += below.get(pid, [])
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
