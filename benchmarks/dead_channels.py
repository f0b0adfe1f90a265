"""Which blendshapes and action units never move, by data: FairFace's `train` part.

python -m benchmarks.dead_channels            a table of every channel, and those that are dead
python -m benchmarks.dead_channels --faces N  over N faces (default 1,500)
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from annotators.channels import channels, dead
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.labelling import arguments, fairface, label, made
from benchmarks.statistics import table
from schemas import Column, taxonomy
from schemas.columns import labels

FACES = 1500


def values(rows: list[dict[str, Any]], column: Column) -> Mapping[str, list[float]]:
    """Channel -> its value for every labelled face, NaN where null."""
    found = [row[column.name] for row in rows if row.get(column.name)]
    return {name: [np.nan if f[name] is None else f[name] for f in found] for name in taxonomy(column.taxonomy).labels}


def main() -> None:
    """Label the faces and print."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=FACES, help="number of pictures")
    options = parser.parse_args()
    pictures = sorted(fairface(options.data, "train"), key=lambda p: bucket(f"{len(p[0])} {p[1]['race']}", 2**32))
    chain = made("mesh", "blendshapes", "action_units")
    rows = label(islice(pictures, options.faces), chain, ModelStore())
    for column in (labels.BLENDSHAPES, labels.AU_INTENSITY):
        found = values(rows, column)
        top = column.high or 1.0
        lines = [(c.name, c.n, c.low, c.high, c.sd) for c in channels(found)]
        print(f"{column.name}\n\n" + table(("channel", "n", "0.5 %", "99.5 %", "sd"), lines))
        names = dead({name: np.asarray(v) / top for name, v in found.items()})
        print(f"\ndead: {', '.join(names) or 'none'}")
        print(f"declared dead: {', '.join(taxonomy(column.taxonomy).dead) or 'none'}\n")


if __name__ == "__main__":
    main()
