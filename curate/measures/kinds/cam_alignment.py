"""How well a network's attention lies on the action units of the expression that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.measures.base import PICTURES, Given, Input, Measure, Result
from curate.measures.summary import averaged
from schemas import UsageError

SUFFIXES = (".png", ".npy")


class CamAlignment(Measure):
    """Cosine of each attention map with the heat map of the same name, as flat vectors.

    Maps of another size are brought to that of the heat map. Neutral faces have an empty heat map and are left out.
    """

    name = "cam_alignment"
    doc = "Cosine of attention maps with heat maps of action units, such as the view emotion_heat gives."
    source = "Belharbi et al., Guided interpretable facial expression recognition via spatial action unit cues, 2024"
    inputs = (
        Input("maps", PICTURES, "attention maps, grey PNG or NPY, named like the heat maps"),
        Input("heat", PICTURES, "heat maps: the folder views/emotion_heat of pairs"),
    )

    def measure(self, given: Given) -> Result:
        """Mean cosine, and one per map."""
        maps, heat = (_files(given.folders[name]) for name in ("maps", "heat"))
        common = sorted(maps.keys() & heat.keys())
        if not common:
            raise UsageError(f"no map of {given.folders['maps']} is named like a heat map", fix="Use the same stems")
        values: list[float | None] = [cosine(_map(maps[n]), _map(heat[n])) for n in common]
        rows = [{"map": n, "cosine": v} for n, v in zip(common, values, strict=True)]
        facts: dict[str, Any] = {
            "cosine": averaged(values).as_dict(),
            "maps": len(common),
            "empty heat maps": sum(v is None for v in values),
        }
        return Result(facts, {"maps": rows})


def cosine(attention: NDArray[np.float64], heat: NDArray[np.float64]) -> float | None:
    """Cosine of two maps as vectors; None where the heat map is empty, 0 where only the attention is.

    Args:
        attention: (height, width), values of any scale; negative ones count as none.
        heat: (height, width).
    """
    if attention.shape != heat.shape:
        attention = np.asarray(cv2.resize(attention, heat.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float64)
    first, second = np.maximum(attention, 0).ravel(), np.maximum(heat, 0).ravel()
    size = float(np.linalg.norm(second))
    if size == 0:
        return None
    own = float(np.linalg.norm(first))
    return float(first @ second / (own * size)) if own else 0.0


def _files(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES}


def _map(path: Path) -> NDArray[np.float64]:
    if path.suffix.lower() == ".npy":
        found = np.load(path, allow_pickle=False)
    else:
        found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if found is None or np.ndim(found) != 2:
        raise UsageError(f"{path} is no map", "it must be grey PNG, or an array of two dimensions")
    return np.asarray(found, np.float64)
