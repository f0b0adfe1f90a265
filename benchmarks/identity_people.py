"""Identities and duplicates on photos whose people are known, and what the threshold table is made from.

Known people: the shared photos with one face each (portraits of one man and of an astronaut in many versions,
six portraits in eight versions each, and some 250 strangers). Most versions are copies, so these scores say
that copies stay together and strangers apart; they hold few photos of one person taken on different days.

With `--fairface DATASET` (made by `facecurate run 'fairface/*.parquet' DATASET -a identity,age`) it also counts
matching pairs of adults of one perceived race and gender in the training split, per band of cosine, and how
many children the rule on ages guards. FairFace holds many people twice: see annotators/data/sface_false_matches.toml.

python -m benchmarks.identity_people [--fairface DATASET]
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelling import arguments
from benchmarks.statistics import Estimate, bootstrap, proportion, table
from curate import api
from curate.evaluation.metrics.clustering import bcubed, pairwise
from curate.identity.children import UNDER_13
from curate.identity.duplicates import find_duplicates
from curate.identity.false_matches import false_matches
from curate.identity.gather import codes, gather
from curate.identity.identities import Settings, find_identities
from curate.store import Dataset
from schemas.columns import faces, images, labels
from schemas.columns.labels.demographics import AGE_PROB

ADULTS = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")
BANDS = (0.40, 0.42, 0.44, 0.46, 0.48, 0.50, 0.54, 0.57, 0.60, 0.70, 0.80, 0.90)
CHANCES = (0.05, 0.08, 0.10, 0.15, 0.20)


def known_people(folder: Path) -> dict[str, str]:
    """File -> person, for the shared photos that show one known person each."""
    found: dict[str, str] = {}
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            note = json.loads(row["label_json"])
            if row["source"] == "fairface":
                found.setdefault(row["file"], row["file"])
            elif note.get("derived_from"):
                found[row["file"]] = note["derived_from"]
            elif note.get("person"):
                found[row["file"]] = note["person"]
    found["skimage/astronaut.png"] = "skimage/astronaut.png"
    return found


def copies(folder: Path) -> list[tuple[str, str, str]]:
    """File, what it is a copy of, and how it was made, for the six portraits."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "derived" and r["task"] == "duplicate"]
    notes = [(r["file"], json.loads(r["label_json"])) for r in rows]
    return [(name, note["of"], note["kind"]) for name, note in notes]


def clustering_scores(folder: Path, ds: Dataset) -> None:
    """Print pairwise and BCubed scores; the interval draws people."""
    people = known_people(folder)
    rows = ds.faces([images.NAME, faces.IMAGE_ID, labels.IDENTITY_ID, labels.IDENTITY_REVIEW]).to_pylist()
    count: dict[str, int] = {}
    for row in rows:
        count[row[faces.IMAGE_ID.name]] = count.get(row[faces.IMAGE_ID.name], 0) + 1
    used = [r for r in rows if people.get(r[images.NAME.name]) and count[r[faces.IMAGE_ID.name]] == 1]
    truth = np.array([people[r[images.NAME.name]] for r in used])
    guess = np.array([r[labels.IDENTITY_ID.name] for r in used])
    guarded = np.array([r[labels.IDENTITY_REVIEW.name] in ("child", "unknown_age") for r in used])
    lines = []
    for what, mask in (("all faces", np.ones(len(used), bool)), ("faces that may be merged", ~guarded)):
        who, found = truth[mask], guess[mask]
        cells: list[Any] = [what, int(mask.sum()), len(set(who.tolist()))]
        for measure in (bcubed, pairwise):
            cells += [_people_drawn(who, found, measure, part) for part in ("precision", "recall")]
        lines.append(cells)
    head = ("", "faces", "people", "BCubed precision", "BCubed recall", "pairwise precision", "pairwise recall")
    print(table(head, lines))


def _people_drawn(truth: NDArray[Any], guess: NDArray[Any], measure: Any, part: str) -> Estimate:
    """A clustering score whose interval draws people with all their faces; people drawn twice are two people."""
    distinct = np.unique(truth)
    members = {p: np.flatnonzero(truth == p) for p in distinct}

    def score(drawn: NDArray[Any]) -> float:
        rows = [(members[p], n) for n, p in enumerate(drawn)]
        who = np.concatenate([np.full(len(m), n) for m, n in rows])
        times = np.concatenate([_repeats(drawn, n, m) for m, n in rows])
        found = np.char.add(guess[np.concatenate([m for m, _ in rows])].astype(str), times)
        return float(getattr(measure(who, found), part))

    estimate = bootstrap(score, distinct, rounds=200)
    return Estimate(float(getattr(measure(truth, guess), part)), estimate.low, estimate.high, len(truth))


def _repeats(drawn: NDArray[Any], place: int, rows: NDArray[Any]) -> NDArray[Any]:
    """A mark for how often this person was drawn before, so that a person's doubles do not join its clusters."""
    return np.full(len(rows), f"#{int((drawn[:place] == drawn[place]).sum())}")


def duplicate_scores(folder: Path, ds: Dataset) -> None:
    """Print recall of known copies by kind, and how many pairs in one group are no copies of each other."""
    rows = ds.faces([images.NAME, labels.DUPLICATE_GROUP, labels.DUPLICATE_KIND]).to_pylist()
    groups: dict[str, set[str]] = {}
    for row in rows:
        groups.setdefault(row[images.NAME.name], set()).add(row[labels.DUPLICATE_GROUP.name])
    ledger = {r[images.NAME.name] for r in ds.ledger().select([images.NAME.name]).to_pylist()}
    known = copies(folder)
    twin = {of: name for name, of, kind in known if kind == "byte-identical"}
    hits: dict[str, list[bool]] = {}
    for name, of, kind in known:
        if kind == "byte-identical":
            hits.setdefault(kind, []).append((name in ledger) != (of in ledger))
            continue
        base = groups.get(of) or groups.get(twin[of], set())
        hits.setdefault(kind, []).append(bool(base & groups.get(name, set())))
    found = [h for k, v in hits.items() for h in v if k != "byte-identical"]
    lines = [(kind, len(v), proportion(v)) for kind, v in hits.items()]
    print(table(("copy", "n", "found"), [*lines, ("all but byte-identical", len(found), proportion(found))]))
    people = known_people(folder)
    single = [
        (r[labels.DUPLICATE_GROUP.name], people[r[images.NAME.name]]) for r in rows if r[images.NAME.name] in people
    ]
    right = [a[1] == b[1] for n, a in enumerate(single) for b in single[n + 1 :] if a[0] == b[0]]
    print(f"\npairs of faces in one group that are copies of one photo: {proportion(right)}, n = {len(right)}")


def fairface_counts(path: Path) -> None:
    """Print matching pairs of FairFace's training adults per band, rates per group, and how children are guarded."""
    ds = Dataset.open(path)
    age, gender, race = "extra.age", "extra.gender", "extra.race"
    probabilities = [f"{AGE_PROB.name}.{g}" for g in UNDER_13]
    listed = [i.name for i in ds.layers() if images.SPLIT.name not in i.columns]  # FairFace's own split
    people = gather(ds, [images.SPLIT, age, gender, race, *probabilities], layers=listed)
    given = {n: np.array(people.columns[n].to_pylist()) for n in (images.SPLIT.name, age, gender, race)}
    first = np.zeros(len(people), bool)
    first[np.unique(people.image, return_index=True)[1]] = True
    train = (given[images.SPLIT.name] == "train") & people.present & first
    adult = train & np.isin(given[age], ADULTS)
    total, counts = 0, np.zeros(len(BANDS), np.int64)
    for one in np.unique(given[race]):
        for other in np.unique(given[gender]):
            vectors = people.vectors[adult & (given[race] == one) & (given[gender] == other)]
            cosine = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
            total += len(cosine)
            counts += [int((cosine >= t).sum()) for t in BANDS]
    print(f"\n{int(adult.sum())} adults, {total:,} pairs of one race and gender\n")
    print(
        table(
            ("cosine from", "pairs", "share"),
            [(t, int(n), f"{n / total:.2e}") for t, n in zip(BANDS, counts, strict=True)],
        )
    )
    under = sum(s * people.columns[f"{AGE_PROB.name}.{g}"].to_numpy(zero_copy_only=False) for g, s in UNDER_13.items())
    lines = [
        (chance, *(proportion(under[train & (given[age] == g)] >= chance) for g in ("0-2", "3-9", "10-19", *ADULTS)))
        for chance in CHANCES
    ]
    print("\nshare of faces treated as children's, by crowd age and least chance\n")
    print(table(("chance", "0-2", "3-9", "10-19", *ADULTS), lines))
    for threshold in (0.40, 0.46, 0.57):
        _group_rates(people, given, train, threshold, {"age": age, "race": race, "gender": gender})


def _group_rates(people: Any, given: dict[str, Any], train: Any, threshold: float, by: dict[str, str]) -> None:
    """Upper bounds, since some of the matching pairs are one person twice."""
    import dataclasses

    import pyarrow as pa

    chosen = dataclasses.replace(people, present=train)
    grown = train & np.isin(given["extra.age"], ADULTS)
    groups = {"age": people.columns[by["age"]]}
    for name in ("race", "gender"):
        values = np.where(grown, given[by[name]].astype(object), None)
        groups[f"{name}, 20 and older"] = pa.array(values.tolist(), pa.string())
    truth = np.arange(len(people))
    rates = [
        r for r in false_matches(chosen, threshold, groups, codes(pa.array(truth))) if "names" in r.source and r.pairs
    ]
    lines = [
        (r.by or "all", r.group, r.pairs, f"{100 * r.rate:.3f} ({100 * r.low:.3f}-{100 * r.high:.3f})")
        for r in rates
        if r.rate is not None and r.low is not None and r.high is not None
    ]
    print(f"\npairs that match at {threshold}, % (upper bounds of false matches: some are one person twice)\n")
    print(table(("by", "group", "pairs", "%"), lines))


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--fairface", type=Path, help="a labelled dataset of FairFace")
    options = parser.parse_args()
    folder = options.data / "photos"
    with tempfile.TemporaryDirectory() as name:
        ds = api.run(folder, Path(name) / "ds", api.Options(annotators=("identity", "age", "quality")))
        print(json.dumps(find_duplicates(ds).counts))
        result = find_identities(ds, Settings())
        print(f"{json.dumps(result.counts)}; threshold {result.threshold}\n")
        duplicate_scores(folder, ds)
        print()
        clustering_scores(folder, ds)
    if options.fairface:
        fairface_counts(options.fairface)


if __name__ == "__main__":
    main()
