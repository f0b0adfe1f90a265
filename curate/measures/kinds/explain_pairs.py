"""Why two faces pass for one person, or not: what each region of the face adds to their similarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.adapters.minors import may_be_minor
from annotators.base import Config
from annotators.crops import Pixels
from curate.generators.promise import SAME_PERSON
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import groups_of
from curate.measures.face_regions import Mask, region_masks, regions_of
from curate.measures.pictures import WHO, Recogniser, beside, cosine, looked_at
from curate.measures.summary import by_group, mean_of, perceived
from curate.store.parts import replacing
from schemas import UsageError
from schemas.columns import faces, labels

SOFT = 0.02
"""Blur of a region's edge, in sides of the face's box, so that the cover itself is no feature."""
STRONGEST = 0.10
"""Contribution that is drawn in full colour."""
FOR, AGAINST = (20, 140, 60), (200, 50, 40)
"""Colours of regions that speak for and against one person."""


@dataclass(frozen=True)
class ExplainConfig(Config):
    """Which regions are covered.

    Attributes:
        regions: `coarse`, `medium` or `fine`.
        only: Names of regions of your own choice instead, separated by commas.
        threshold: Cosine from which two faces pass for one person.
    """

    regions: str = "medium"
    only: tuple[str, ...] = ()
    threshold: float = SAME_PERSON


@dataclass(frozen=True)
class View:
    """One face of a pair.

    Attributes:
        path: Its picture.
        pixels: Upright RGB.
        row: Its labels by column name.
        masks: Region -> pixels of it.
    """

    path: Path
    pixels: Pixels
    row: Mapping[str, Any] = field(repr=False)
    masks: Mapping[str, Mask] = field(repr=False)

    def covered(self, region: str) -> Pixels:
        """The picture with a region in the face's mean colour; with no region, the picture itself."""
        if not region:
            return self.pixels
        mask = self.masks[region].astype(np.float32)
        soft = cv2.GaussianBlur(mask, (0, 0), max(SOFT * float(self.row[faces.BOX[2].name]), 0.5))[..., None]
        face = np.any(list(self.masks.values()), axis=0)
        colour = self.pixels[face].mean(0) if face.any() else self.pixels.reshape(-1, 3).mean(0)
        return np.asarray(np.rint(self.pixels * (1 - soft) + colour * soft), np.uint8)


class ExplainPairs(Measure):
    """A region's contribution is what the cosine loses when the region is covered, in one face and in the other.

    The mean of both ways counts; covering nothing gives 0. Contributions are not additive: their sum is given beside
    the cosine, and need not be equal to it. `--files` also gets a map for each pair, the first picture with regions
    that speak for one person in green and against it in red; none is drawn of faces that may be minors'.
    """

    name = "explain_pairs"
    doc = "What each region of two faces adds to their similarity, with a map and a sentence per pair."
    source = "Found in Translation: semantic approaches for face verification (2025), single removal"
    inputs = (
        Input("pairs", TABLE, "a row per pair: `first` and `second`, picture files; `group` if known",
              ("first", "second")),
    )  # fmt: skip
    config_type = ExplainConfig
    config: ExplainConfig

    def measure(self, given: Given) -> Result:
        """Contributions per pair and region, a sentence per pair, means per region."""
        wanted = regions_of(self.config.regions, self.config.only)
        table, path = given.tables["pairs"], given.paths["pairs"]
        named = [table.column(c).to_pylist() for c in ("first", "second")]
        files = list(dict.fromkeys(beside(path, f) for column in named for f in column))
        views: dict[Path, View] = {}
        for file, (pixels, seen) in zip(files, looked_at(files, given, ("mesh", *WHO)), strict=True):
            mesh = None if seen is None else seen.value(labels.MESH)
            if seen is None or mesh is None:
                raise UsageError(f"no face with a mesh was found in {file}", fix="Leave its pairs out")
            points = np.asarray(mesh, np.float64).reshape(-1, 3)
            views[file] = View(file, pixels, seen.row(), region_masks(points, pixels.shape, wanted))
        pairs = [(views[beside(path, a)], views[beside(path, b)]) for a, b in zip(*named, strict=True)]
        rows, sentences = self._explained(pairs, [tuple(map(str, names)) for names in zip(*named, strict=True)])
        means = [{"region": g, **mean_of(_values(rows, g))} for g in wanted]
        groups = perceived([one.row for one, _ in pairs]) | groups_of(table, "group")
        tables = {"pairs": sentences, "regions": means, "contributions": rows, "groups": _of_groups(rows, groups)}
        files, hidden = self._drawn(given, pairs, rows)
        notes = ["A region's contribution is what SFace makes of it; another network may look elsewhere."]
        notes += ["Perceived groups are those of the first face."]
        notes += [f"No map was drawn of {hidden} pairs in which a face may be a minor's."] * bool(hidden)
        return Result({"pairs": len(sentences), "regions": len(wanted)}, tables, tuple(notes), tuple(files))

    def _explained(
        self, pairs: Sequence[tuple[View, View]], names: Sequence[tuple[str, ...]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """A row per pair and region, and a row per pair."""
        network, rows, sentences = Recogniser(), [], []
        for number, ((one, two), (first, second)) in enumerate(zip(pairs, names, strict=True)):
            similarity, parts = contributions(one, two, network)
            rows += [{"pair": number, "region": region, "contribution": part} for region, part in parts.items()]
            sentences.append({
                "pair": number, "first": first, "second": second, "cosine": similarity,
                "sum": float(sum(parts.values())), "text": sentence(similarity, parts, self.config.threshold),
            })  # fmt: skip
        return rows, sentences

    def _drawn(
        self, given: Given, pairs: Sequence[tuple[View, View]], rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Path], int]:
        """Maps that were written, and of how many pairs none was because a face may be a minor's."""
        written, hidden = [], 0
        for number, (one, two) in enumerate(pairs if given.out is not None else ()):
            if any(_hidden(v.row) for v in (one, two)):
                hidden += 1
                continue
            assert given.out is not None
            written.append(given.out / f"pair_{number:04d}.png")
            _write(written[-1], region_map(one, {r["region"]: r["contribution"] for r in rows if r["pair"] == number}))
        return written, hidden


def contributions(first: View, second: View, network: Recogniser) -> tuple[float, dict[str, float]]:
    """Cosine of two faces, and what it loses when each region is covered in one of them, the mean of both ways."""
    points = [v.row[faces.POINTS_5.name] for v in (first, second)]
    whole = [network.embed(v.pixels, p) for v, p in zip((first, second), points, strict=True)]
    similarity = _cosine(*whole)
    parts = {}
    for region in first.masks:
        one, two = (network.embed(v.covered(region), p) for v, p in zip((first, second), points, strict=True))
        parts[region] = similarity - (_cosine(one, whole[1]) + _cosine(whole[0], two)) / 2
    return similarity, parts


def _cosine(first: Any, second: Any) -> float:
    found = cosine(first, second)
    assert found is not None
    return found


def sentence(similarity: float, parts: Mapping[str, float], threshold: float) -> str:
    """What was found in words, naming the two regions that count most for the verdict."""
    same = similarity >= threshold
    ranked = sorted(parts, key=lambda r: parts[r], reverse=same)[:2]
    named = " and ".join(f"the {r} ({parts[r]:+.3f})" for r in ranked)
    if same:
        return f"The faces pass for one person (cosine {similarity:.2f}, threshold {threshold:.2f}), most by {named}."
    verdict = f"The faces do not pass for one person (cosine {similarity:.2f}, threshold {threshold:.2f})"
    return f"{verdict}; least alike: {named}."


def region_map(view: View, parts: Mapping[str, float]) -> Pixels:
    """The picture in grey with its regions coloured by what they contribute; the picture's own size."""
    grey = cv2.cvtColor(cv2.cvtColor(view.pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float64)
    for region, mask in view.masks.items():
        share = min(abs(parts[region]) / STRONGEST, 1.0)
        colour = np.array(FOR if parts[region] >= 0 else AGAINST, np.float64)
        grey[mask] = grey[mask] * (1 - 0.65 * share) + colour * 0.65 * share
    return np.asarray(np.rint(grey), np.uint8)


def _hidden(row: Mapping[str, Any]) -> bool:
    """Whether a face may be a minor's, so that no picture of it is written."""
    return may_be_minor({labels.AGE_PROB: row.get(labels.AGE_PROB.name)})


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    with replacing(path) as file:
        file.write(cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes())


def _values(rows: Sequence[Mapping[str, Any]], region: str) -> list[float]:
    return [float(r["contribution"]) for r in rows if r["region"] == region]


def _of_groups(rows: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Mean contribution of each region in each group of pairs."""
    regions = dict.fromkeys(str(r["region"]) for r in rows)
    return [{"region": region, **row} for region in regions for row in by_group(_values(rows, region), groups)]
