"""A grid of the user's own, written in TOML."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.generators.prompts.grid import NEGATIVE, GridRow, cell_count, cells, seed_of
from curate.generators.prompts.words import check_label, describe, label_column, phrase
from schemas import UsageError

FACE = "face"
"""Field of a template that stands for all axes that are columns, said as one noun phrase."""
KEYS = {"prompt", "negative", "axes", "words", "count"}
EXAMPLE = """
prompt = "studio portrait photograph of {face}, {light}"
[axes]
perceived_gender = ["Female", "Male"]
perceived_race = ["Black", "East Asian"]
light = ["soft daylight", "hard side light"]
"""


def free_grid(path: str | Path, count: int = 0, seed: int = 0) -> list[GridRow]:
    """Rows of a TOML file: `prompt` (a template), `axes`, and optionally `negative`, `words` and `count`.

    Axes named like a column of labels are promised, and said by the words of the product or those in
    `[words.COLUMN]`; other axes are said as they stand. `{face}` in the template stands for all promised axes.

    Args:
        path: The file.
        count: Rows wanted; 0 takes the file's `count`, or one row per cell.
        seed: Of the order of cells and of the pictures.

    Raises:
        UsageError: naming the file and what is wrong with it.
    """
    data = _read(Path(path))
    axes = {str(k): [str(v) for v in values] for k, values in data["axes"].items()}
    promised = {name: column for name in axes if (column := label_column(name)) is not None}
    for name, column in promised.items():
        axes[name] = [check_label(column, v) for v in axes[name]]
    wanted = count or int(data.get("count", 0)) or cell_count(axes)
    own: Mapping[str, Mapping[str, str]] = data.get("words", {})
    rows = []
    for number, cell in enumerate(cells(axes, wanted, seed)):
        labels = {n: v for n, v in cell.items() if n in promised}
        said = {n: own.get(n, {}).get(v) or (phrase(n, v)[1] if n in promised else v) for n, v in cell.items()}
        fields = {**said, FACE: describe(labels)} if FACE in _fields(data["prompt"]) else said
        prompt = data["prompt"].format(**fields)
        rows.append(GridRow(prompt, data.get("negative", NEGATIVE), labels, cell, seed_of("free", seed, number)))
    return rows


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML", str(error)) from error
    if alien := sorted(set(data) - KEYS):
        raise UsageError(f"{path}: '{alien[0]}' is not understood", fix=f"Keys: {', '.join(sorted(KEYS))}")
    axes, prompt = data.get("axes"), data.get("prompt")
    if not isinstance(prompt, str) or not isinstance(axes, dict) or not all(isinstance(v, list) for v in axes.values()):
        raise UsageError(f"{path} is no grid", "it needs a text 'prompt' and a table 'axes' of lists")
    if lacking := sorted(_fields(prompt) - set(axes) - {FACE}):
        raise UsageError(f"{path}: the prompt names {{{lacking[0]}}}", "no axis is called so")
    return data


def _fields(prompt: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(prompt) if name}
    except ValueError as error:
        raise UsageError(f"the prompt '{prompt}' is not understood", str(error)) from error
