"""Small networks that come with the package, in `data/heads`: an ONNX file, and a TOML file of what was fitted then."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from annotators.runtime import OnnxModel
from schemas import ModelError

REINSTALL = "Install facecurate again: this file is part of it"


@dataclass(frozen=True)
class Head:
    """A loaded head.

    Attributes:
        network: Its network.
        facts: What its TOML file says: temperatures, thresholds, where it comes from.
    """

    network: OnnxModel
    facts: dict[str, Any]


def heads_folder() -> Path:
    """Where the heads are."""
    return Path(str(resources.files("annotators").joinpath("data/heads")))


def load_head(name: str, folder: Path | None = None) -> Head:
    """A head of the package.

    Args:
        name: Such as `demographics`.
        folder: Where to look, if not in the package.

    Raises:
        ModelError: naming the file, if one is missing, cannot be read, or is not the one that was fitted.
    """
    place = folder or heads_folder()
    network, facts = place / f"{name}.onnx", place / f"{name}.toml"
    for file in (network, facts):
        if not file.is_file():
            raise ModelError(f"the head '{name}' has no {file.name}", f"it is not in {place}", REINSTALL)
    try:
        table = tomllib.loads(facts.read_text("utf-8"))
        promised = str(table["sha256"])
    except (ValueError, KeyError) as error:
        raise ModelError(f"{facts} cannot be read", str(error), REINSTALL) from error
    if hashlib.sha256(network.read_bytes()).hexdigest() != promised:
        raise ModelError(f"{network} is damaged", f"its SHA-256 is not the one in {facts.name}", REINSTALL)
    return Head(OnnxModel(network), table)
