"""FER2013's pictures: 48 x 48 pixels, grey."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.export.encode import decode
from curate.export.sample import Sample
from curate.export.splits import shown

SIDE = 48
USAGE = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
"""FER2013's words for the splits: its public test part is what others call validation."""


def grey(sample: Sample) -> Pixels:
    """The sample's picture as (48, 48) grey values, areas averaged."""
    values = cv2.cvtColor(decode(sample.data), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def usage(split: str, splits: Sequence[str]) -> str:
    """FER2013's word for a split; other splits keep their name, and where there are none all is for training.

    Args:
        split: The sample's.
        splits: Those that occur in the export.
    """
    name = shown(split, splits)
    return USAGE.get(name, name)
