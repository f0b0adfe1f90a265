"""How often SFace takes two strangers for one person at a cosine, and the threshold a dataset needs.

A face meets as many strangers as the dataset has other faces, so a threshold that is safe for two photos
merges strangers in a collection: it must rise with the number of faces.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import numpy as np

from annotators.identity import SAME_PERSON

STRANGERS = 0.05
"""Expected number of strangers who reach the threshold, per face."""


@cache
def _curve() -> tuple[tuple[float, ...], tuple[float, ...]]:
    data = tomllib.loads(files("annotators").joinpath("data/sface_false_matches.toml").read_text("utf-8"))
    return tuple(data["threshold"]), tuple(data["adults_of_one_group"])


def false_match_rate(threshold: float) -> float:
    """Share of pairs of adult strangers of one perceived group whose cosine reaches a threshold.

    Between measured points the logarithm is interpolated; beyond the last one the rate stays at its value.
    """
    cosine, rate = _curve()
    return float(np.exp(np.interp(threshold, cosine, np.log(rate))))


def choose(faces: int) -> float:
    """The least threshold, not below `SAME_PERSON`, at which a face meets few enough strangers.

    Args:
        faces: Number of adult faces that are compared.
    """
    cosine, _ = _curve()
    for step in np.arange(SAME_PERSON, cosine[-1] + 1e-9, 0.01):
        if false_match_rate(float(step)) * max(faces - 1, 0) <= STRANGERS:
            return round(float(step), 2)
    return cosine[-1]
