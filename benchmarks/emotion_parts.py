"""Which labelled picture is for fitting, for calibration and for the test: fixed by hash, once and for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.action_unit_data import bucket
from benchmarks.emotion_features import Picture
from benchmarks.labelling import decode

BUCKETS = 20
TEST = (1, 3, 5, 7, 9)
"""All odd: what the `fer` network's own correction and the weights of the action units were fitted on is even."""
CALIBRATE = (11, 15, 19)
ALIKE = 0.985
"""Correlation of two pictures shrunk to 16 x 16 from which they are one picture; looked at by eye."""


def parts(every: Sequence[Picture]) -> NDArray[Any]:
    """`fit`, `calibrate` or `test` for each picture; a person, an original and its near-duplicates are in one part."""
    owner = _owners(every)
    numbers = [bucket(owner[p.set, p.group], BUCKETS) for p in every]
    return np.array(["test" if n in TEST else "calibrate" if n in CALIBRATE else "fit" for n in numbers])


def first_of_each(every: Sequence[Picture]) -> NDArray[np.bool_]:
    """Leaves out all but the first of FER2013's copies of one original: for calibration and test."""
    seen: set[str] = set()
    kept = []
    for picture in every:
        kept.append(picture.set != "FER2013" or picture.group not in seen)
        seen.add(picture.group)
    return np.array(kept)


def _owners(every: Sequence[Picture]) -> dict[tuple[str, str], str]:
    """Set and group -> the group that stands for it and all groups that share a near-duplicate with it."""
    owner = {(p.set, p.group): p.group for p in every}

    def root(key: tuple[str, str]) -> str:
        while owner[key] != key[1]:
            key = (key[0], owner[key])
        return key[1]

    for name in dict.fromkeys(p.set for p in every):
        some = [p for p in every if p.set == name]
        small = np.array([_thumb(p) for p in some])
        alike = np.argwhere(np.triu(small @ small.T > ALIKE, 1))
        for a, b in alike:
            low, high = sorted((root((name, some[a].group)), root((name, some[b].group))))
            owner[name, high] = low
    return {key: root(key) for key in owner}


def _thumb(picture: Picture) -> NDArray[np.float32]:
    grey = cv2.cvtColor(decode(picture.image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)
