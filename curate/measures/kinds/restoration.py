"""Restored, compressed or degraded pictures against the originals: PSNR, SSIM, sharpness and identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from annotators.base import Config
from annotators.crops import Pixels
from curate.measures.base import PICTURES, Given, Input, Measure, Result
from curate.measures.fsim import fsim
from curate.measures.image_quality import Window, psnr, sharpness, ssim
from curate.measures.pictures import WHO, Recogniser, cosine, labels_of, looked_at, matched, read
from curate.measures.summary import averaged, by_group, number, perceived
from schemas import UnknownNameError, UsageError

FIGURES = ("psnr", "ssim", "fsim", "sharpness", "identity")
WINDOWS: tuple[Window, ...] = ("uniform", "gaussian")


@dataclass(frozen=True)
class RestorationConfig(Config):
    """How pictures are compared.

    Attributes:
        window: Of SSIM: `uniform` (scikit-image's default) or `gaussian` (the paper's).
        faces: Also look at the faces: identity and perceived groups. If not, the pictures may show anything.
        resize: Bring a picture of another size to the original's before it is compared; if not, that is an error.
    """

    window: str = "uniform"
    faces: bool = True
    resize: bool = False


class Restoration(Measure):
    """Pairs are pictures of one name in the two folders.

    Identity is the cosine of SFace embeddings, both cut at the original's five points, so that a detector's jitter
    counts for nothing. Groups are perceived in the originals. Equal pictures have an infinite PSNR, written as null;
    they are left out of its mean and counted in `equal`.
    """

    name = "restoration"
    doc = "PSNR, SSIM, FSIM, sharpness and identity of restored or degraded pictures against the originals."
    source = "Wang et al. 2004 (SSIM, eq. 13); Zhang et al. 2011 (FSIM); Pech-Pacheco et al. 2000 (sharpness)"
    inputs = (
        Input("originals", PICTURES, "the pictures as they should be"),
        Input("restored", PICTURES, "pictures of the same names"),
    )
    config_type = RestorationConfig
    config: RestorationConfig

    def measure(self, given: Given) -> Result:
        """Figures of all pairs, by perceived group, and of each."""
        if self.config.window not in WINDOWS:
            raise UnknownNameError("window", self.config.window, WINDOWS)
        pairs, alone = matched(given.folders["originals"], given.folders["restored"])
        rows, seen = [], []
        recogniser = Recogniser() if self.config.faces else None
        looked = looked_at([p.first for p in pairs], given, WHO if self.config.faces else (), "comparing")
        for pair, (original, face) in zip(pairs, looked, strict=True):
            restored = self._fitted(original, read(pair.second), pair.name)
            rows.append({"picture": pair.name, **self._figures(original, restored)})
            if recogniser is not None and face is not None:
                before, after = (recogniser.embed(p, face.points) for p in (original, restored))
                rows[-1]["identity"] = cosine(before, after)
            seen.append(labels_of(face))
        facts: dict[str, Any] = {"pairs": len(rows), "without counterpart": alone}
        facts["equal"] = sum(row["psnr"] is None for row in rows)
        for figure in FIGURES:
            if any(row[figure] is not None for row in rows):
                facts[figure] = averaged([row[figure] for row in rows]).as_dict()
        groups = [
            {"figure": figure, **row}
            for figure in FIGURES
            if figure in facts
            for row in by_group([r[figure] for r in rows], perceived(seen) if self.config.faces else {})
        ]
        return Result(facts, {"groups": groups, "pictures": rows}, self._notes(rows))

    def _figures(self, original: Pixels, restored: Pixels) -> dict[str, Any]:
        """All figures of one pair but identity, which needs a face."""
        window: Window = "gaussian" if self.config.window == "gaussian" else "uniform"
        return {
            "psnr": number(psnr(original, restored)),
            "ssim": ssim(original, restored, window),
            "fsim": fsim(original, restored),
            "sharpness": sharpness(restored),
            "sharpness_original": sharpness(original),
            "identity": None,
        }

    def _fitted(self, original: Pixels, restored: Pixels, name: str) -> Pixels:
        if restored.shape == original.shape:
            return restored
        if not self.config.resize:
            sizes = [f"{p.shape[1]} x {p.shape[0]}" for p in (original, restored)]
            raise UsageError(
                f"{name} has {sizes[0]} pixels and its counterpart {sizes[1]}",
                "they cannot be compared pixel by pixel",
                "Give --set resize=true to bring them to one size",
            )
        size = (original.shape[1], original.shape[0])
        return np.asarray(cv2.resize(restored, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def _notes(self, rows: list[dict[str, Any]]) -> tuple[str, ...]:
        notes = ["LPIPS is not computed: its weights are not part of this product."]
        if self.config.faces:
            missing = sum(r["identity"] is None for r in rows)
            notes.append("Identity is what SFace can tell, and groups are perceptions of a model.")
            notes += [f"No face was found in {missing} originals: they have no identity figure."] * bool(missing)
        return tuple(notes)
