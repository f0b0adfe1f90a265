"""The PSPI pain score, from action units. What an observer could read as pain, not what a person feels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotators.base import Face, FaceAnnotator, NotApplicable
from schemas import Column
from schemas.columns import labels

PRESENT = 0.5
UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")


def pspi(intensity: Mapping[str, float | None], eyes_closed: bool) -> float | None:
    """AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, in 0-16; None if one of the five intensities is.

    Prkachin and Solomon, "The structure, reliability and validity of pain expression", Pain 139, 2008.

    Args:
        intensity: Action unit -> 0-5.
        eyes_closed: AU43, which counts 0 or 1.
    """
    values = [intensity[unit] for unit in UNITS[:-1]]
    known = [float(v) for v in values if v is not None]
    if len(known) < len(values):
        return None
    brow, cheek, lid, nose, lip = known
    return brow + max(cheek, lid) + max(nose, lip) + float(eyes_closed)


class Pain(FaceAnnotator):
    """PSPI from the estimated intensities; as uncertain as they are."""

    name = "pain"
    version = "1"
    doc = "PSPI pain score of Prkachin and Solomon, from action units."
    requires = (labels.AU_INTENSITY, labels.AU_SCORE)
    provides = tuple(labels.PAIN.values())
    default = False

    def label(self, face: Face) -> Mapping[Column, Any]:
        intensity, score = face.need(labels.AU_INTENSITY), face.need(labels.AU_SCORE)
        missing = [unit for unit in UNITS if (score if unit == "AU43" else intensity)[unit] is None]
        if missing:
            raise NotApplicable(f"no {', '.join(missing)}")
        return {labels.PSPI: pspi(intensity, score["AU43"] >= PRESENT)}
