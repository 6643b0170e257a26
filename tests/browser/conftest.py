"""Debian's Chromium, headless, driven by its own driver; a test fails on whatever the page says on its console."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import FLAGS, WAIT, Browser
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.trajectory import TrajectoryWriter


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra `gasfield[validate]`")
    browser, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if browser is None or driver is None:
        pytest.skip("needs the programs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    driver.set_script_timeout(WAIT)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any, tmp_path: Path) -> Iterator[Browser]:
    """A window of 1400 x 900; nothing may have been said on its console in the end."""
    found = Browser(chromium)
    found.size(1400, 900)
    chromium.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    yield found
    said = found.said()
    chromium.get("about:blank")
    assert said == []


@pytest.fixture
def series(tmp_path: Path) -> Callable[..., Path]:
    """Writes a series of positions (T, N, D) with tokens, bonds and a loss."""

    def write(
        name: str,
        positions: NDArray[Any],
        tokens: list[str],
        bonds: NDArray[Any] | None = None,
        title: str = "a series",
    ) -> Path:
        count = positions.shape[1]
        gas = Gas(
            positions[0],
            np.arange(count) % 2,
            ["live", "dead"],
            np.arange(count),
            tokens,
            bonds={} if bonds is None else {"live": bonds},
        )
        with TrajectoryWriter(
            tmp_path / name, gas, precision="float64", provenance={"title": title, "source": "import"}
        ) as writer:
            for frame, values in enumerate(positions):
                writer.frame(10 * frame, 10.0 * frame, values)
                writer.observe("loss", 10 * frame, 10.0 * frame, 5.0 / (1 + frame))
        return tmp_path / name

    return write
