"""What tests of systems have in common: the command line, and what a recipe remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.cli.main import _run


def facecurate(*words: str) -> None:
    """The command line; any code but 0 fails the test."""
    assert _run([*words], False) == 0


def step(out: Path, name: str) -> dict[str, Any]:
    """What a step of a recipe did."""
    told = json.loads((out / "recipe.json").read_text("utf-8"))
    found: dict[str, Any] = next(s["done"] for s in told["steps"] if s["name"] == name)
    return found


def lines(folder: Path, pattern: str = "*.jsonl") -> list[dict[str, Any]]:
    """Records of JSON lines, file by file."""
    return [json.loads(x) for p in sorted(folder.glob(pattern)) for x in p.read_text("utf-8").splitlines()]
