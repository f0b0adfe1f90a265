"""Classical cues of a photo that was photographed again: little fine detail, and a moire that lies on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.measures.base import PICTURES, Given, Input, Measure, Result
from curate.measures.pictures import files_of, read
from curate.measures.summary import averaged

SIDE = 256
"""Pictures are brought to this side, so that frequencies mean the same in all."""
FINE = 0.2
"""Cycles per pixel from which detail is fine."""
MIDDLE = (0.08, 0.35)
"""Cycles per pixel between which a moire's peak is looked for."""


class LivenessCues(Measure):
    """Both cues are read from the windowed power spectrum of the luma; neither decides anything by itself.

    `fine_detail` is the share of the power, without that of the mean, at 0.2 cycles per pixel and more: a print has
    less. `moire` is the natural logarithm of the highest peak between 0.08 and 0.35 cycles per pixel over the median
    of all at its distance from the middle: a photographed screen has more.
    """

    name = "liveness_cues"
    doc = "Fine detail and moire of pictures, the classical cues of prints and screens held before a camera."
    source = "Li et al. 2004, live face detection by Fourier spectra; Garcia and de Queiroz 2015, moire of replays"
    inputs = (Input("pictures", PICTURES, "pictures of faces"),)

    def measure(self, given: Given) -> Result:
        """Means, and both cues of each picture."""
        rows = []
        for name, path in files_of(given.folders["pictures"]).items():
            power = spectrum(read(path))
            rows.append({"picture": name, "fine_detail": fine_detail(power), "moire": moire_score(power)})
        facts = {n: averaged([float(str(r[n])) for r in rows]).as_dict() for n in ("fine_detail", "moire")}
        return Result({"pictures": len(rows), **facts}, {"pictures": rows})


def spectrum(pixels: Pixels) -> NDArray[np.float64]:
    """Power at each frequency of the luma, zero in the middle, (256, 256)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scaled = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float64)
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    return np.asarray(np.abs(np.fft.fftshift(np.fft.fft2((scaled - scaled.mean()) * window))) ** 2)


def _distance() -> NDArray[np.float64]:
    """Cycles per pixel of each place of a spectrum."""
    axis = np.fft.fftshift(np.fft.fftfreq(SIDE))
    return np.asarray(np.hypot(axis[:, None], axis[None, :]))


def fine_detail(power: NDArray[np.float64]) -> float:
    """Share of the power at fine detail; 0 for a picture of one colour."""
    total = float(power.sum())
    return float(power[_distance() >= FINE].sum()) / total if total > 0 else 0.0


def moire_score(power: NDArray[np.float64]) -> float:
    """Logarithm of the highest peak over the median at its distance; 0 for a picture of one colour."""
    distance = _distance()
    rings = np.rint(distance * SIDE).astype(int)
    highest = 0.0
    for ring in range(int(MIDDLE[0] * SIDE), int(MIDDLE[1] * SIDE)):
        values = power[rings == ring]
        middle = float(np.median(values))
        if middle > 0:
            highest = max(highest, float(np.log(values.max() / middle)))
    return highest
