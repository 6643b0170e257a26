"""A page in Debian's Chromium, headless, driven by its own driver."""

from __future__ import annotations

import time
from typing import Any

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
WAIT = 30.0


class Browser:
    """A page in Chromium."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Opens a page and waits until it can be used."""
        self.driver.get(address)
        self.until("document.getElementById('viewer').dataset.ready === 'true'")

    def run(self, script: str) -> Any:
        """What a script returns that may await; `viewer` is the page's."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"window.gasfield.then(async (viewer) => {{ {script} }})"
            ".then((value) => done([true, value]), (fault) => done([false, String(fault.stack)]));"
        )
        fine, value = self.driver.execute_async_script(wrapped)
        assert fine, value
        return value

    def until(self, condition: str) -> None:
        """Waits until a condition of JavaScript holds."""
        end = time.monotonic() + WAIT
        while not self.driver.execute_script(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"{condition} is still false; {self.said()}"
            time.sleep(0.02)

    def size(self, width: int, height: int) -> None:
        """Sets the size of the window [pixels]."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def said(self) -> list[str]:
        """What was said on the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
