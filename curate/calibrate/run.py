"""`calibrate`: from a dataset and truth to a file of calibrations, and from that file to a layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.calibrate.calibrator import Calibrator
from curate.calibrate.fit import FOLDS, FitOptions, crossed, fit, folds
from curate.calibrate.layer import NAME, probabilities_of, write_layer
from curate.calibrate.report import report
from curate.evaluation.board import Board
from curate.evaluation.descent import ancestors
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.roles import Pairing
from curate.evaluation.run import open_board
from curate.evaluation.truth import Truth
from curate.evaluation.truths import label_truth
from curate.evaluation.vocabulary import bring_together
from curate.scores import scores_beside
from curate.store import Dataset, LayerInfo
from curate.store.parts import read_json, write_json
from schemas import Column, DatasetError, Kind, UsageError, taxonomy

FORMAT = "facecurate-calibration"
VERSION = 1
FEWEST = 50
"""Faces with a known label below which nothing is fitted."""


@dataclass(frozen=True)
class CalibrateOptions:
    """Choices of `calibrate`.

    Attributes:
        columns: Label columns; None is all that have probabilities and that the truth speaks of.
        by: Label column of the dataset whose groups get settings of their own; empty for none.
        fit: See `FitOptions`.
        maps: Truth column -> taxonomy or coding that its values are written in.
        names: Truth column -> what it is.
        note: Who says so.
    """

    columns: tuple[str, ...] | None = None
    by: str = ""
    fit: FitOptions = field(default_factory=FitOptions)
    maps: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Calibration:
    """Calibrations of some columns, and what they gained on faces they were not fitted on.

    Attributes:
        calibrators: One per column.
        reports: Column -> figures before and after, for all and by group; see `report`.
        truth: Where the truth came from.
        refused: Column -> why it was not calibrated.
    """

    calibrators: tuple[Calibrator, ...]
    reports: Mapping[str, Any]
    truth: Mapping[str, Any]
    refused: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "truth": dict(self.truth),
            "calibrators": [c.as_dict() for c in self.calibrators],
            "reports": dict(self.reports),
            "refused": dict(self.refused),
        }

    @property
    def digest(self) -> str:
        """Short digest of the calibrations."""
        text = json.dumps([c.as_dict() for c in self.calibrators], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def save(self, path: Path) -> None:
        """Write the JSON file, atomically."""
        write_json(path, self.as_dict())


def load(path: str | Path) -> Calibration:
    """Read a file that `Calibration.save` wrote.

    Raises:
        UsageError: if there is no such file.
        DatasetError: if it is something else, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no calibration file {path}", fix="Make one with: facecurate calibrate --truth")
    data = read_json(path)
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise DatasetError(f"{path} is no calibration that this program reads", f"it must be of format {FORMAT} 1")
    try:
        found = tuple(Calibrator.from_dict(c) for c in data["calibrators"])
        return Calibration(found, data["reports"], data["truth"], data["refused"])
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path} is damaged", f"{type(error).__name__}: {error}", "Fit it again") from error


def calibrate(dataset: Dataset | str | Path, truth: str | Path, options: CalibrateOptions | None = None) -> Calibration:
    """Fit calibrations of a dataset's labels against truth. Writes nothing.

    Args:
        dataset: The dataset or its folder.
        truth: A table, `layer:NAME` or `extra`, as for `evaluate`.
        options: See `CalibrateOptions`.

    Raises:
        FacecurateError: with one clear line: no such file, no row in the dataset, no column to calibrate.
    """
    options = options or CalibrateOptions()
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    by = (options.by,) if options.by else ()
    speaking = tuple(x.name for x in ds.layers() if x.annotator != NAME)
    asked = EvaluateOptions(options.columns, by, speaking, options.maps, options.names, note=options.note)
    board = open_board(ds, truth, asked)
    pairs = {p.column: p for p in board.roles.pairings if p.column.kind is Kind.LABEL and scores_beside(p.column)}
    calibrators, reports, refused = [], {}, {}
    for column, pairing in pairs.items():
        try:
            calibrator, found = _one(board, pairing, options)
        except UsageError as error:
            if options.columns:
                raise
            refused[column.name] = str(error)
            continue
        calibrators.append(calibrator)
        reports[column.name] = found
    if not calibrators:
        reason = next(iter(refused.values()), "the truth speaks of no label column with probabilities")
        raise UsageError(f"nothing of {ds.path} can be calibrated against {board.whole.name}", reason)
    source = {"name": board.whole.name, "source": Path(board.whole.source).name, "sha256": board.whole.sha256}
    return Calibration(tuple(calibrators), reports, {**source, "note": options.note, "faces": len(board)}, refused)


def _one(board: Board, pairing: Pairing, options: CalibrateOptions) -> tuple[Calibrator, dict[str, Any]]:
    column = pairing.column
    layer = source_layer(board.ds, column, board.whole)
    names = taxonomy(column.taxonomy).labels
    common = bring_together(label_truth(board, pairing, column.taxonomy), column.taxonomy, column.name)
    if common.taxonomy != column.taxonomy:
        raise UsageError(f"column {column.name} cannot be calibrated", f"the truth speaks {common.taxonomy}")
    raw = probabilities_of(board.ds, layer, column)[board.matches.face_rows]
    place = {name: i for i, name in enumerate(names)}
    known = np.array([t is not None for t in common.truth]) & np.isfinite(raw).all(1)
    if known.sum() < FEWEST:
        raise UsageError(
            f"column {column.name} cannot be calibrated",
            f"the truth of {int(known.sum())} faces is known, {FEWEST} are needed",
        )
    y = np.array([place[str(t)] for t, k in zip(common.truth, known, strict=True) if k], np.intp)
    clusters = (board.image_ids if board.clusters is None else board.clusters)[known]
    if len(np.unique(folds(clusters))) < FOLDS:
        raise UsageError(
            f"column {column.name} cannot be calibrated",
            f"its {int(known.sum())} faces are of {len(np.unique(clusters))} pictures or persons: too few to hold back",
        )  # fmt: skip
    groups = _groups(board, options.by, known)
    settings = fit(raw[known], y, clusters, groups, options.fit)
    calibrator = Calibrator(
        column.name,
        names,
        layer.annotator,
        layer.version,
        layer.config_hash,
        options.by,
        settings,
        options.fit.coverage,
    )
    return calibrator, report(raw[known], y, crossed(raw[known], y, clusters, groups, options.fit), clusters, groups)


def _groups(board: Board, by: str, known: NDArray[np.bool_]) -> list[str | None] | None:
    if not by:
        return None
    values = board.values(by).to_pylist()
    return [g for g, k in zip(values, known, strict=True) if k]


def source_layer(ds: Dataset, column: Column, truth: Truth) -> LayerInfo:
    """The model layer whose probabilities are calibrated: the newest that has them and is no calibration itself.

    Raises:
        UsageError: if there is none, or the truth is that layer or was made from it.
    """
    beside, layers = scores_beside(column), ds.layers()
    own = {truth.layer, *ancestors(truth.layer, layers)}
    for layer in layers:
        if layer.kind == "model" and layer.annotator != NAME and beside and beside.name in layer.columns:
            if layer.name in own:
                reason = f"the truth {truth.name} is made of what {layer.name} says"
                raise UsageError(f"column {column.name} cannot be calibrated", reason, "Give truth of another source")
            return layer
    raise UsageError(f"{ds.path} has no model's probabilities for {column.name}", fix="Run its annotator first")


def apply(dataset: Dataset | str | Path, calibration: Calibration) -> str:
    """Write the calibrated labels of a whole dataset as a layer; parts that exist are kept.

    Returns:
        The layer's name.

    Raises:
        UsageError: if the dataset's labels come from another version or other settings of the annotator.
    """
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    layers = [_matching(ds, calibrator) for calibrator in calibration.calibrators]
    return write_layer(ds, calibration.calibrators, layers, calibration.digest, calibration.truth)


def _matching(ds: Dataset, calibrator: Calibrator) -> LayerInfo:
    wanted = (calibrator.annotator, calibrator.version, calibrator.config_hash)
    for layer in ds.layers():
        if (layer.annotator, layer.version, layer.config_hash) == wanted:
            return layer
    raise UsageError(
        f"the calibration of {calibrator.column} does not fit {ds.path}",
        f"it was fitted on {calibrator.annotator} {calibrator.version} with settings {calibrator.config_hash}",
        "Fit a new one with --truth",
    )
