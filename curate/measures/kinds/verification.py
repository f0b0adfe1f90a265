"""Face verification from scores that the user supplies, or from pictures and a list of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.measures.base import PICTURES, TABLE, Given, Input, Measure, Result
from curate.measures.pictures import cosine, files_of, labels_of, looked_at
from curate.measures.summary import by_group, members, perceived
from curate.measures.verifying import FilePair, fold_hits, read_pairs, verification_figures
from schemas import UsageError

YES, NO = {"1", "true", "yes", "same"}, {"0", "false", "no", "different"}
SOURCE = "Huang et al., Labeled Faces in the Wild, 2007 (folds); ISO/IEC 19795-1 (TAR, FAR, EER)"
PAIRS = "pairs.txt"


class Verification(Measure):
    """A pair is accepted if its score is at least the threshold; accuracy takes it from the other folds."""

    name = "verification"
    doc = "Accuracy by folds, AUC, equal error rate and TAR at several FARs from the scores of pairs."
    source = SOURCE
    inputs = (
        Input(
            "pairs",
            TABLE,
            "a row per pair: `same` (1 or 0) and `score` (higher is more alike); `fold`, `first_person` and "
            "`second_person`, and `group` if known",
            ("same", "score"),
        ),
    )

    def measure(self, given: Given) -> Result:
        """All figures, and accuracy of each `group` where the table names one."""
        table, path = given.tables["pairs"], given.paths["pairs"]
        same = np.array([_truth(v, path) for v in table.column("same").to_pylist()], bool)
        try:
            scores = np.array([float(v) for v in table.column("score").to_pylist()])
        except (TypeError, ValueError) as error:
            raise UsageError(f"{path} has a score that is no number", str(error)) from error
        if not (same.any() and (~same).any() and np.isfinite(scores).all()):
            raise UsageError(f"{path} cannot be measured", "it needs pairs of one person and of two, each with a score")
        there = set(table.column_names)
        fold = np.array(table.column("fold").to_pylist(), object).astype(str) if "fold" in there else None
        people = ("first_person", "second_person")
        who = np.array([table.column(c).to_pylist() for c in people], object).T if there >= set(people) else None
        facts, rows = verification_figures(same, scores, fold, None if who is None else who.astype(str))
        tables: dict[str, list[dict[str, Any]]] = {"TAR at FAR": rows}
        if "group" in there:
            tables["groups"] = _of_groups(same, scores, table.column("group").to_pylist())
        note = "Pairs that share people are not independent; name them in first_person and second_person for intervals"
        return Result(facts, tables, () if who is not None else (f"{note} that know it.",))


def _truth(value: Any, path: Path) -> bool:
    text = str(value).strip().lower()
    text = text.removesuffix(".0")
    if text not in YES | NO:
        raise UsageError(f"{path} says {value!r} in same", f"known are {', '.join(sorted(YES | NO))}")
    return text in YES


def _of_groups(same: Any, scores: Any, groups: list[Any]) -> list[dict[str, Any]]:
    """TAR and FAR of each group at the threshold that is best over all, so that groups can be compared."""
    from curate.measures.verifying import best_threshold

    threshold, rows = best_threshold(same, scores), []
    for group, chosen in members(groups):
        hits = (scores[chosen] >= threshold) == same[chosen]
        rows += [{"figure": "accuracy", **row} for row in by_group(hits, {"group": [group] * len(chosen)}, shares=True)]
        for figure, kind in (("TAR", True), ("FAR", False)):
            accepted = scores[chosen][same[chosen] == kind] >= threshold
            rows += [
                {"figure": figure, **row} for row in by_group(accepted, {"group": [group] * len(accepted)}, shares=True)
            ]
    return rows


class LfwVerification(Measure):
    """Embeds the pictures that `pairs.txt` names by SFace and compares each pair; the largest face counts.

    Pictures lie as `NAME/NAME_0001.jpg` somewhere below the folder, `pairs.txt` too: what `export lfw` writes.
    """

    name = "lfw_verification"
    doc = "Verification of the pairs in an LFW folder by SFace embeddings."
    source = SOURCE
    inputs = (Input("folder", PICTURES, "a folder with pairs.txt and NAME/NAME_0001.jpg, as `export lfw` writes it"),)

    def measure(self, given: Given) -> Result:
        """All figures; accuracy by perceived group of the first picture."""
        folder = given.folders["folder"]
        lists = sorted(folder.rglob(PAIRS))
        if len(lists) != 1:
            raise UsageError(
                f"{folder} holds {len(lists)} files {PAIRS}", "one is needed", "Give the folder of a split"
            )
        pairs = read_pairs(lists[0])
        by_name = {Path(name).name: path for name, path in files_of(folder).items()}
        wanted = list(dict.fromkeys(shot for pair in pairs for shot in (pair.first, pair.second)))
        paths = [_found(by_name, shot, lists[0]) for shot in wanted]
        looks = dict(zip(wanted, (labels_of(seen) for _, seen in looked_at(paths, given)), strict=True))
        return _measured(pairs, looks)


def _found(files: dict[str, Path], shot: tuple[str, int], listed: Path) -> Path:
    name = f"{shot[0]}_{shot[1]:04d}"
    if name not in files:
        raise UsageError(f"{listed} names {name}", "there is no such picture below the folder")
    return files[name]


def _measured(pairs: list[FilePair], looks: dict[tuple[str, int], dict[str, Any] | None]) -> Result:
    from schemas.columns import labels

    name = labels.EMBEDDING.name
    scored = [(p, cosine(*((looks[s] or {}).get(name) for s in (p.first, p.second)))) for p in pairs]
    kept = [(p, score) for p, score in scored if score is not None]
    if not any(p.same for p, _ in kept) or all(p.same for p, _ in kept):
        raise UsageError("no pairs are left to compare", f"no face was found in {len(pairs) - len(kept)} of them")
    same, scores = np.array([p.same for p, _ in kept]), np.array([s for _, s in kept])
    fold = np.array([p.fold for p, _ in kept])
    people = np.array([(p.first[0], p.second[0]) for p, _ in kept])
    facts, rows = verification_figures(same, scores, fold, people)
    facts["without a face"] = len(pairs) - len(kept)
    hits = fold_hits(same, scores, fold)
    groups = by_group(hits, perceived([looks[p.first] for p, _ in kept]), shares=True)
    notes = ("A pair belongs to the group that its first picture is perceived as.",)
    return Result(facts, {"TAR at FAR": rows, "accuracy by group": groups}, notes)
