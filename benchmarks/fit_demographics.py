"""Fits the head of `annotators/demographics.py` on FairFace's training faces and writes it to `annotators/data/heads`.

python -m benchmarks.fit_demographics [--trial] [--faces N] [--folder FOLDER] [--cache FOLDER]

About ten minutes of one core for features (kept in build/benchmarks), ten for each fit. The training split is cut in
three: 73 % to fit, 15 % to choose settings on, 12 % to calibrate. The shipped head is fitted on the first two parts;
`--trial` fits on the first alone and prints figures of the second, and what each balance between classes would do.
`--faces 1000` tries the whole way in a minute; the head is then worth nothing and needs a `--folder` of its own.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from annotators.demographics import ANSWERS, NETWORK_ORDER
from annotators.runtime import OnnxModel
from annotators.sface import SFace
from annotators.weights import ModelStore
from benchmarks.demographic_features import CACHE, Faces, coding, crop_of, found_faces, variant
from benchmarks.demographic_network import written
from benchmarks.demographic_rules import Balance, balance_table, rules, split_logits, true_classes
from benchmarks.demographic_training import (
    CALIBRATE,
    CHOOSE,
    FIT,
    Indices,
    Recipe,
    Trained,
    Truth,
    logits_of,
    parts_of,
    train,
    truth_of,
)
from benchmarks.labelling import arguments, decode, fit_options, subset_of
from benchmarks.toml_text import toml_value

VARIANTS = ("plain", "mirror")
NAME = "demographics"
BALANCE = Balance()
"""Chosen from what `--trial` printed."""
SOURCE = "FairFace (K. Karkkainen and J. Joo, 2021), CC BY 4.0"
PROVENANCE = {
    "network": "SFace (Apache-2.0): maps conv_4, conv_6, conv_12 and embedding frozen, conv_13 and conv_14 trained on",
    "script": "python -m benchmarks.fit_demographics",
}


def subset(truth: Truth, rows: Indices | NDArray[np.bool_]) -> Truth:
    """Labels of some faces."""
    return Truth(truth.age[rows], truth.gender[rows], truth.race[rows])


def shipped_logits(found: Faces, rows: Indices, network: Path, models: ModelStore) -> NDArray[np.float64]:
    """What the written file answers for some faces, from their pictures: shape (n, 18)."""
    sface, head = SFace(models), OnnxModel(network)
    out = []
    for i in rows.tolist():
        features = sface.features(crop_of(decode(found.images[i]), found.matrices[i], "plain", i))
        pooled = np.concatenate([features.texture, features.pooled])
        out.append(head(features.trunk[None], pooled[None])[0][0])
    return np.stack(out).astype(np.float64)


def figures(logits: NDArray[np.float64], truth: Truth) -> str:
    """Accuracies of faces that the network was not fitted on."""
    lines = []
    for name, part in split_logits(logits).items():
        answer = next(a for a in ANSWERS if a.name == name)
        true, _ = true_classes(answer, truth)
        right = part.argmax(1) == true
        by_race = [f"{right[truth.race == k].mean():.3f}" for k in np.unique(truth.race)]
        by_class = [f"{right[true == k].mean():.3f}" for k in np.unique(true)]
        lines.append(f"{name} {right.mean():.4f}; by race {' '.join(by_race)}; recalls {' '.join(by_class)}")
    return "\n".join(lines)


def finish(trained: Trained, found: Faces, truth: Truth, rows: Indices, models: ModelStore, folder: Path) -> None:
    """Write the network, calibrate the written file on faces it has not seen, and write what was fitted."""
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / f"{NAME}.onnx"
    network.write_bytes(written(trained.network, trained.side, trained.mean, trained.deviation))
    kept = subset(truth, rows)
    logits = shipped_logits(found, rows, network, models)
    print(f"{len(rows)} calibration faces, most probable classes\n{figures(logits, kept)}")
    tables = rules(logits, kept, {a.name: BALANCE.bias(a, truth) for a in NETWORK_ORDER})
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    lines = [
        "# What was fitted after the network, by `python -m benchmarks.fit_demographics`; more in the card beside it.",
        f"sha256 = {toml_value(digest)}",
        f"data = {toml_value(f'{SOURCE}, {len(found.rows):,} faces of its training split')}",
        *(f"{key} = {toml_value(value)}" for key, value in PROVENANCE.items()),
    ]
    for name, table in tables.items():
        quoted = {f'"{k}"': v for k, v in table.pop("quantiles").items()}
        lines += [f"\n[{name}]", *(f"{k} = {toml_value(v)}" for k, v in table.items())]
        lines += [f"quantiles = {toml_value(quoted)}"]
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    (folder / f"{NAME}.toml").write_text(text, "utf-8")


def main() -> None:
    """Fit and write, or fit for choosing and print."""
    parser = arguments(__doc__)
    fit_options(parser)
    parser.add_argument("--trial", action="store_true", help="fit on the first part, print figures of the second")
    options = subset_of(parser)
    torch.set_num_threads(1)
    models = ModelStore()
    found = found_faces(options.data, "train", models, options.cache / CACHE.name, options.faces)
    truth = truth_of(found)
    parts = parts_of(truth)
    codes = coding(found, models)
    variants = [variant(found, "train", name, models) for name in VARIANTS]
    rows = np.flatnonzero(parts == FIT) if options.trial else np.flatnonzero(parts != CALIBRATE)
    trained = train(models.path("sface"), variants, codes, truth, rows, Recipe())
    if options.trial:
        kept = np.flatnonzero(parts == CHOOSE)
        logits = logits_of(trained, variants[0], codes, kept)
        print(figures(logits, subset(truth, kept)))
        print(balance_table(logits, subset(truth, kept), truth))
        return
    finish(trained, found, truth, np.flatnonzero(parts == CALIBRATE), models, options.folder)


if __name__ == "__main__":
    main()
