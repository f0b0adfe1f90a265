"""TokBench: how well an image tokenizer keeps faces and lettering, by their size in the picture."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from curate.generate.progress import Bar
from curate.measures.base import PICTURES, TABLE, Given, Input, Measure, Result
from curate.measures.edit_distance import edit_distance
from curate.measures.every_face import EveryFace, box_of
from curate.measures.pictures import Recogniser, cosine, matched, read
from curate.measures.summary import averaged, by_group, mean_of, number, perceived, share_of
from schemas import UsageError
from schemas.columns import faces

FACE_BINS = {256: (0.1, 0.2), 512: (0.05, 0.2), 1024: (0.05, 0.1)}
"""Size of the pictures -> limits between small, middle and large faces."""
TEXT_BINS = {256: (0.02, 0.03, 0.04, 1.0), 512: (0.01, 0.02, 0.03, 1.0), 1024: (0.005, 0.01, 0.02, 1.0)}
"""Size of the pictures -> limits of the three bins of lettering; what is smaller than the first is left out."""
SOURCE = "TokBench (arXiv 2505.18142) and its scripts eval_face.py, compute_all_metrics.py"


@dataclass(frozen=True)
class SizeConfig(Config):
    """Which bins are used.

    Attributes:
        size: 256, 512 or 1024: the resolution that the tokenizer works at.
    """

    size: int = 256


def bins_of(size: int, known: Mapping[int, tuple[float, ...]]) -> tuple[float, ...]:
    """Limits of the bins at a size.

    Raises:
        UsageError: for a size that the benchmark does not have.
    """
    if size not in known:
        raise UsageError(f"size={size}", f"the benchmark has {', '.join(map(str, known))}")
    return known[size]


class TokenizerFSim(Measure):
    """F-Sim is the mean cosine of the embeddings of original and reconstructed faces, cut at the original's points.

    A face's ratio is the longer side of its box over the longer side of the picture: our reading, the benchmark's list
    brings its own. `mean_of_bins` is the mean of the bins that hold faces, as the benchmark reports.
    """

    name = "tokenizer_fsim"
    doc = "TokBench's F-Sim: identity similarity of original and reconstructed faces by their size in the picture."
    source = SOURCE
    inputs = (
        Input("originals", PICTURES, "pictures with faces"),
        Input("reconstructions", PICTURES, "the same pictures, by the same names, after the tokenizer"),
    )
    config_type = SizeConfig
    config: SizeConfig

    def measure(self, given: Given) -> Result:
        """F-Sim of all faces, by bin, by perceived group."""
        limits = bins_of(self.config.size, FACE_BINS)
        pairs, alone = matched(given.folders["originals"], given.folders["reconstructions"])
        finder, recogniser = EveryFace(("demographics",)), Recogniser()
        rows: list[dict[str, Any]] = []
        seen: list[dict[str, Any]] = []
        with Bar("comparing", len(pairs), given.quiet) as bar:
            for pair in pairs:
                before, after = read(pair.first), read(pair.second)
                _same_size(pair.name, before.shape, after.shape)
                for face in finder.look(before):
                    points = face[faces.POINTS_5.name]
                    ratio = max(box_of(face)[2:]) / max(before.shape[:2])
                    alike = cosine(*(recogniser.embed(p, points) for p in (before, after)))
                    rows.append({"picture": pair.name, "ratio": ratio, "similarity": alike})
                    seen.append(face)
                bar.step(1)
        if not rows:
            raise UsageError(f"no face was found in {given.paths['originals']}")
        similarity = np.array([row["similarity"] for row in rows])
        bins = _binned(np.array([row["ratio"] for row in rows]), similarity, (0.0, *limits, 1.0))
        known = [b["mean"] for b in bins if b["mean"] is not None]
        clusters = [row["picture"] for row in rows]
        facts = {
            "pictures": len(pairs),
            "without counterpart": alone,
            "F-Sim": averaged(similarity, clusters).as_dict(),
            "mean_of_bins": number(float(np.mean(known))),
        }
        groups = by_group(similarity, perceived(seen), clusters)
        notes = ("Embeddings are SFace's; published figures are ArcFace's (antelopev2), so compare only within one.",)
        return Result(facts, {"bins": bins, "groups": groups, "faces": rows}, notes)


def _same_size(name: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    if before != after:
        raise UsageError(
            f"{name} has {before[1]} x {before[0]} pixels, its reconstruction {after[1]} x {after[0]}",
            "faces are cut at the same points of both",
        )


def _binned(ratios: Any, values: Any, edges: tuple[float, ...]) -> list[dict[str, Any]]:
    """Mean in each bin; the last one holds its upper edge."""
    place = np.clip(np.searchsorted(edges, ratios, side="right") - 1, 0, len(edges) - 2)
    names = [f"[{a:g}, {b:g})" for a, b in itertools.pairwise(edges)]
    return [{"bin": name, **mean_of(values[place == i])} for i, name in enumerate(names)]


class TokenizerText(Measure):
    """Lettering as an OCR engine of the user's choice read it.

    T-ACC is the share of words read exactly; T-NED is 1 less the edit distance over the longer word's length. A word
    smaller than the smallest bin is left out and counted.
    """

    name = "tokenizer_text"
    doc = "TokBench's T-ACC and T-NED: words read from reconstructions, by the size of the lettering."
    source = SOURCE
    inputs = (
        Input(
            "words",
            TABLE,
            "a row per word with `truth`, `read` and `ratio`, the height of a letter over the picture's longer side",
            ("truth", "read", "ratio"),
        ),
    )
    config_type = SizeConfig
    config: SizeConfig

    def measure(self, given: Given) -> Result:
        """Both figures, of all words and by bin."""
        edges = bins_of(self.config.size, TEXT_BINS)
        table, path = given.tables["words"], given.paths["words"]
        ratio = np.array([_number(v, path) for v in table.column("ratio").to_pylist()])
        truth, found = ([str(v or "") for v in table.column(c).to_pylist()] for c in ("truth", "read"))
        exact = np.array([a == b for a, b in zip(truth, found, strict=True)], bool)
        near = np.array([text_similarity(a, b) for a, b in zip(truth, found, strict=True)])
        inside = ratio >= edges[0]
        place = np.clip(np.searchsorted(edges, ratio, side="right") - 1, 0, len(edges) - 2)
        rows = []
        for i, (low, high) in enumerate(itertools.pairwise(edges)):
            chosen = inside & (place == i)
            name = f"[{low:g}, {high:g}{']' if i == len(edges) - 2 else ')'}"
            rows.append({"bin": name, "figure": "T-ACC", **_as_mean(share_of(exact[chosen]))})
            rows.append({"bin": name, "figure": "T-NED", **mean_of(near[chosen])})
        facts = {
            "words": int(inside.sum()),
            "too small": int((~inside).sum()),
            "T-ACC": averaged(exact[inside]).as_dict(),
            "T-NED": averaged(near[inside]).as_dict(),
        }
        return Result(facts, {"bins": rows}, ("Words are compared as they were read: case and accents count.",))


def text_similarity(truth: str, found: str) -> float:
    """1 less the edit distance over the longer text's length; 1 for two empty texts."""
    longest = max(len(truth), len(found))
    return 1 - edit_distance(truth, found) / longest if longest else 1.0


def _as_mean(row: dict[str, Any]) -> dict[str, Any]:
    return {"mean" if k == "share" else k: v for k, v in row.items()}


def _number(value: Any, path: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{path} has the ratio {value!r}", "it is no number") from None
