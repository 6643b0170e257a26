"""Paths of the shipped recordings."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT / "scenarios" / "recordings"
RECORDING_NAMES = ("kjv-bf16", "kjv-bf16-fp32state", "kjv-fp32")
