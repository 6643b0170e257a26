"""`gasfield calibrate`."""

from __future__ import annotations

import json

from gasfield.cli.options import Json


def calibrate(as_json: Json = False) -> None:
    """Measures this machine for a minute or two, so that `check --cost` predicts runs on it."""
    from gasfield import cost
    from gasfield.cli.terminal import print_calibration, status

    with status() as show:
        fitted = cost.calibrate(show)
    if as_json:
        print(json.dumps(fitted.as_json(), indent=2, allow_nan=False))
    else:
        print_calibration(fitted)
