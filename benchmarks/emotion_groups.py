"""What the expression head makes of colour, and how often it says what of whom, on FairFace.

python -m benchmarks.emotion_groups            both tables
python -m benchmarks.emotion_groups --colour   colour against grey only, on faces of `train` that taught nothing

FairFace has no expression labels: shares are no accuracy. People of one group may smile more in these pictures than
those of another. But a share that differs between groups for one method and not for another shows a bias of one
of them, and press photos and FER2013, where accuracy was measured, say little about most groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.emotion import READINGS, Row, answers, judged
from benchmarks.emotion_features import CLASSES, UNLABELLED
from benchmarks.labelling import arguments, decode, fairface
from benchmarks.statistics import groups, mean, proportion, table

PAIRS = 500
HEAD, FER, CORRECTED = "head (emotion)", "fer alone", "fer corrected (emotion_fer)"


def unseen(data: Path, count: int = PAIRS) -> Iterator[tuple[bytes, Row]]:
    """FairFace `train` faces that were not among the head's unlabelled lessons."""
    every = [(f"train:{i}", *pair) for i, pair in enumerate(fairface(data, "train"))]
    for _, image, row in sorted(every, key=lambda one: bucket(one[0], 2**32))[UNLABELLED : UNLABELLED + count]:
        yield image, row


def in_grey(image: bytes) -> bytes:
    """The same picture without colour."""
    grey = cv2.cvtColor(decode(image), cv2.COLOR_RGB2GRAY)
    return bytes(cv2.imencode(".png", grey)[1])


def colour(data: Path, models: ModelStore) -> str:
    """How far labels and probabilities of one picture in colour and in grey agree."""
    pictures = list(unseen(data))
    bright = {r["id"]: r for r in judged([(i, {**row, "id": k}) for k, (i, row) in enumerate(pictures)], models)}
    dull = {r["id"]: r for r in judged([(in_grey(i), {**row, "id": k}) for k, (i, row) in enumerate(pictures)], models)}
    both = sorted(bright.keys() & dull.keys())
    lines = []
    for reading in (CORRECTED, HEAD):
        read = READINGS[reading]
        chances = [[[read(side[k])[c] for c in CLASSES] for k in both] for side in (bright, dull)]  # type: ignore[index]
        first, second = (np.array(c) for c in chances)
        distance = np.abs(first - second).sum(1) / 2
        lines.append((reading, len(both), proportion(first.argmax(1) == second.argmax(1)), mean(distance)))
    return table(("reading", "pictures", "same label", "total variation"), lines)


def shares(rows: list[Row], facet: str) -> str:
    """Share of each class among the answers, over all and the least and greatest of the groups of a facet."""
    lines = []
    for c in CLASSES:
        for reading in (FER, CORRECTED, HEAD):
            guess = _guesses(rows, reading)
            by_group = {name: proportion(guess[own] == c) for name, own in groups([r[facet] for r in rows])}
            low, high = (pick(by_group, key=lambda g, b=by_group: b[g].value) for pick in (min, max))
            spread = by_group[high].value - by_group[low].value
            lines.append(
                (c, reading, proportion(guess == c), f"{low} {by_group[low]}", f"{high} {by_group[high]}", spread)
            )
    return table(("class", "reading", "all", "least", "most", "spread"), lines)


def _guesses(rows: list[Row], reading: str) -> np.ndarray[Any, Any]:
    return answers([{"truth": "", **r} for r in rows], reading)[1]


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--colour", action="store_true", help="colour against grey only")
    options = parser.parse_args()
    models = ModelStore()
    print(f"Colour against grey\n\n{colour(options.data, models)}")
    if options.colour:
        return
    rows = judged(list(fairface(options.data, "validation")), models)
    for facet in ("race", "gender"):
        print(f"\nShares of the answers on FairFace validation (n = {len(rows)}) by perceived {facet}\n")
        print(shares(rows, facet))


if __name__ == "__main__":
    main()
