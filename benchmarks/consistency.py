"""How often each consistency rule finds something on FairFace training faces, and on whom.

The rules' thresholds were set on other 3,000 of these faces. How right the findings are was judged by eye: of the 30
worst among 2,015 faces all 30 had a label that was plainly wrong, of the next 60 it was 56, and 4 could not be told.

python -m benchmarks.consistency [--faces 2000]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.labelling import arguments, fairface
from benchmarks.statistics import Estimate, proportion, table
from curate import api
from curate.consistency import Findings, check
from curate.store import Dataset
from schemas.columns import faces, images

SEED, TUNED = 11, 3000
"""Order of the faces, and how many of the first were looked at while thresholds were set."""


def made(data: Path, folder: Path, count: int) -> Dataset:
    """A labelled dataset of FairFace training faces, their labels carried along."""
    rows = [{**known, "image": image} for image, known in fairface(data, "train")]
    chosen = np.random.default_rng(SEED).permutation(len(rows))[TUNED : TUNED + count]
    pq.write_table(pa.Table.from_pylist([rows[i] for i in sorted(chosen)]), folder / "faces.parquet")
    return api.run(folder / "faces.parquet", folder / "dataset")


def share(found: int, n: int) -> Estimate:
    """A share with its interval."""
    return proportion(np.arange(n) < found)


def by_group(dataset: Dataset, findings: Findings, key: str) -> list[tuple[str, str, int, Estimate]]:
    """Share of faces with a finding by a label of the data set itself."""
    broken = set(findings.table.column(faces.FACE_ID.name).to_pylist())
    table_of = dataset.faces([faces.FACE_ID, f"{images.EXTRA.name}.{key}"])
    ids, groups = (np.array(c.to_pylist()) for c in table_of.columns)
    hit = np.array([i in broken for i in ids])
    return [(key, str(g), int((groups == g).sum()), proportion(hit[groups == g])) for g in np.unique(groups)]


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = made(options.data, Path(folder), options.faces)
        findings = check(dataset)
        lines = [(c.rule.name, c.checked, share(c.found, c.checked)) for c in findings.rules if c.found]
        whole = share(findings.contradicted, findings.faces)
        print(f"{findings.table.num_rows} findings on {findings.contradicted} of {findings.faces} faces: {whole}\n")
        print(table(("rule", "checked", "found"), lines))
        kept = sum(c.checked > 0 and not c.found for c in findings.rules)
        print(f"\n{kept} rules were checked and found nothing.\n")
        groups = [line for key in ("race", "gender", "age") for line in by_group(dataset, findings, key)]
        print(table(("by", "group", "faces", "with a finding"), groups))


if __name__ == "__main__":
    main()
