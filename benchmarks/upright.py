"""Which way up a photo is, as the recipes' step `run_upright` finds it, over FairFace photos at four turns.

Nothing was tuned on these photos. A person's four turns are one case of the interval.

python -m benchmarks.upright
"""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, fairface
from benchmarks.statistics import bootstrap, groups, table
from curate.recipes.logic.upright import QUARTERS, standing, turned
from schemas.taxonomy import taxonomy

PHOTOS = 400


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__)
    options.add_argument("--photos", type=int, default=PHOTOS, help="validation photos to turn")
    given = options.parse_args()
    finder = detector("yunet")()
    finder.setup(ModelStore())
    rows, right = [], []
    for data, known in islice(fairface(given.data, "validation"), given.photos):
        image = decode(data)
        right.append([(standing(turned(image, turn), finder).turn + turn) % 360 == 0 for turn in QUARTERS])
        rows.append(known)
    hits = np.array(right, float)
    ages = [taxonomy("age-fairface-9").canonical(r["age"]) for r in rows]
    members: list[tuple[str, str, NDArray[np.bool_]]] = [("all", "", np.ones(len(rows), bool))]
    members += [("age", name, mask) for name, mask in groups(ages, taxonomy("age-fairface-9").labels)]
    members += [(key, name, mask) for key in ("gender", "race") for name, mask in groups([r[key] for r in rows])]
    lines = [(by, name, int(mask.sum()), bootstrap(np.mean, hits[mask].mean(1))) for by, name, mask in members]
    print("Share of turns that are brought upright:\n")
    print(table(("by", "group", "photos", "right"), lines))
    still, moved = bootstrap(np.mean, hits[:, 0]), bootstrap(np.mean, hits[:, 1:].mean(1))
    print(f"\nupright photos left as they are {still}; turned ones brought upright {moved}; n = {len(rows)} photos")


if __name__ == "__main__":
    main()
