"""How right the labels are in each group, by way of `curate.evaluation`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.audit.columns import CROSS, PERCEIVED, akin, concept
from curate.audit.exact import rates
from curate.audit.options import AuditOptions
from curate.audit.sections import ErrorFigure, Errors, GroupFigure, OutcomeRates
from curate.evaluation.evaluation import FORMAT, VERSION
from curate.evaluation.intervals import Estimate, Gap, gap
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.truth import read_truth
from curate.store import Dataset
from curate.store.images import PREFIX
from schemas import REGISTRY, UnknownNameError, UsageError

Json = Mapping[str, Any]
_NEEDED = {"name", "dataset", "truth", "matching", "refused", "sections"}


def evaluated(ds: Dataset, by: Sequence[str], crossings: Sequence[Sequence[str]], options: AuditOptions) -> Json | None:
    """The evaluation that errors come from: read if one was given, else made from the truth, else None.

    Groups are the truth's wherever it speaks of the same thing (race, gender, age, skin), since groups by the labels
    themselves would put a face whose group is mistaken into the wrong one.

    Args:
        ds: The dataset.
        by: Columns of groups.
        crossings: Columns that are crossed.
        options: `truth` or `evaluation`.

    Raises:
        UsageError: if both are given, or one cannot be read.
    """
    if options.truth is not None and options.evaluation is not None:
        raise UsageError("a truth and an evaluation were given", "one stands for the other", "Give one of them")
    if options.evaluation is not None:
        return read_evaluation(options.evaluation)
    if options.truth is None:
        return None
    from curate.evaluation.run import evaluate

    told = read_truth(options.truth, ds)
    voice = {name: _spoken(name, told.columns) for name in by}
    named = [voice[n] for n in by] + [CROSS.join(voice[n] for n in names) for names in crossings]
    usable = [n for n in dict.fromkeys(named) if all(p in told.columns or p in REGISTRY for p in n.split(CROSS))]
    asked = EvaluateOptions(
        columns=options.columns, by=tuple(usable), layers=options.layers, maps=options.maps, names=options.truth_map,
        rounds=options.rounds, seed=options.seed, min_group=options.min_group, quiet=options.quiet,
    )  # fmt: skip
    return evaluate(ds, options.truth, asked).as_dict()


def _spoken(name: str, truth: Mapping[str, Any]) -> str:
    """The truth's column of the same meaning, or the dataset's own."""
    if name.removeprefix(PREFIX) in truth and name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    same = [n for n in truth if concept(name) and concept(n) == concept(name)]
    filled = [n for n in same if any(v is not None for v in truth[n])]
    return filled[0] if filled else name


def read_evaluation(path: str | Path) -> Json:
    """The JSON of an earlier `evaluate`.

    Raises:
        UsageError: if it is missing or no evaluation.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read the evaluation {path}", reason, "Give the JSON that evaluate wrote") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
        reason = f"its format is not {FORMAT} {VERSION}"
        raise UsageError(f"{path} is no evaluation", reason, "Give the JSON that evaluate wrote")
    lacking = sorted(_NEEDED - set(found))
    if lacking:
        raise UsageError(f"{path} is no whole evaluation", f"it lacks {', '.join(lacking)}", "Run evaluate again")
    return found


def errors(evaluation: Json | None, ds: Dataset, options: AuditOptions) -> Errors | None:
    """Figures by group, the largest gaps first; None without an evaluation.

    Args:
        evaluation: Of this dataset, or of another, which is told.
        ds: The dataset.
        options: `outcomes`, `evaluation` and `min_group`.

    Raises:
        UnknownNameError: for an outcome of a column or label that was not evaluated.
    """
    if evaluation is None:
        return None
    figures = [f for section in evaluation["sections"] for f in _figures(section)]
    source = Path(str(options.evaluation or evaluation["truth"].get("file") or evaluation["name"]))
    return Errors(
        truth=str(evaluation["name"]), source=source.name,  # without folders: the page is made to be passed on
        n=int(evaluation["matching"]["faces"]), figures=tuple(sorted(figures, key=_rank)),
        outcomes=tuple(o for column, value in options.outcomes.items()
                       for o in _outcomes(evaluation, column, value, options)),
        refused=dict(evaluation["refused"]), notes=_of_others(evaluation["dataset"], ds),
    )  # fmt: skip


def _of_others(measured: Json, ds: Dataset) -> tuple[str, ...]:
    """What a reader must know if the evaluation was not made of this dataset as it is."""
    name = ds.info.name or ds.path.name
    if measured["name"] != name:
        return (f"These figures were measured on the dataset {measured['name']}, not on {name}, whose labels may err "
                "otherwise.",)  # fmt: skip
    if measured["revision"] != ds.info.revision:
        return (f"These figures were measured on revision {measured['revision']} of the dataset; it is now at revision "
                f"{ds.info.revision}.",)  # fmt: skip
    return ()


def _rank(figure: ErrorFigure) -> tuple[bool, float, str, str]:
    """Shares by their gap, other figures by their gap over the overall figure; undefined ones last."""
    size, whole = figure.gap.size.value, abs(figure.overall.value)
    relative = size if figure.share else size / whole if whole > 0 else math.nan
    return math.isnan(relative), -relative if math.isfinite(relative) else 0.0, figure.column, figure.by


def _figures(section: Json) -> Iterator[ErrorFigure]:
    for split in section["groups"]:
        for place, measure in enumerate(section["measures"]):
            key = measure["key"]
            if not measure["better"] or key not in split["gaps"] or key not in section["figures"]:
                continue
            groups = tuple(
                GroupFigure(g["name"], int(g["figures"][key]["n"]), bool(g["small"]), _estimate(g["figures"][key]))
                for g in split["groups"]
            )
            yield ErrorFigure(
                by=split["by"], column=section["column"], measure=key, title=measure["title"],
                better=measure["better"], share=bool(measure["share"]), source=split["source"],
                overall=_estimate(section["figures"][key]), groups=groups, gap=_gap(split["gaps"][key]),
                headline=place == 0,
            )  # fmt: skip


def _estimate(stored: Json) -> Estimate:
    value, low, high = (math.nan if stored[k] is None else float(stored[k]) for k in ("value", "low", "high"))
    return Estimate(value, low, high, int(stored["n"]), str(stored["method"]))


def _gap(stored: Json) -> Gap:
    return Gap(stored["best"], stored["worst"], _estimate(stored["gap"]), tuple(stored["left_out"]))


def confusion(section: Json) -> tuple[tuple[str, ...], np.ndarray[tuple[int, ...], np.dtype[np.int64]]] | None:
    """Labels and counts (truth, said) of a section or group, of the faces that were answered; None without."""
    found = section["details"].get("confusion")
    if found is None:
        return None
    return tuple(found["labels"]), np.asarray(found["counts"], np.int64)


def _outcomes(evaluation: Json, asked: str, value: str, options: AuditOptions) -> Iterator[OutcomeRates]:
    sections = {s["column"]: s for s in evaluation["sections"] if "confusion" in s["details"]}
    column = asked if asked in sections else PERCEIVED + asked
    if column not in sections:
        raise UnknownNameError("evaluated label column", asked, sections)
    known = confusion(sections[column])
    if known is None or value not in known[0]:
        raise UnknownNameError(f"label of {column}", value, known[0] if known else ())
    for split in sections[column]["groups"]:
        if any(akin(column, name) for name in split["by"].split(CROSS)):
            continue  # an outcome such as a gender differs between genders by its meaning
        names = tuple(g["name"] for g in split["groups"])
        tables = [_yes_no(g, value) for g in split["groups"]]
        yield outcome_rates(split["by"], column, value, names, tables, options.min_group)


def _yes_no(group: Json, value: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Counts of true no and yes by said no and yes, (2, 2)."""
    found = confusion(group)
    if found is None or value not in found[0]:
        return np.zeros((2, 2), np.int64)
    place, counts = found[0].index(value), found[1]
    both, true, said = counts[place, place], counts[place].sum(), counts[:, place].sum()
    return np.array([[counts.sum() - true - said + both, said - both], [true - both, both]], np.int64)


def outcome_rates(
    by: str, column: str, value: str, names: tuple[str, ...],
    tables: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.int64]]], min_group: int,
) -> OutcomeRates:  # fmt: skip
    """Selection rate, true and false positive rate of each group.

    Args:
        by: Grouping.
        column: Label column.
        value: The outcome.
        names: Groups.
        tables: For each, counts of true no and yes by said no and yes, (2, 2).
        min_group: Groups with fewer cases behind a rate take no part in its gap.
    """
    x = np.stack(list(tables)) if tables else np.zeros((0, 2, 2), np.int64)
    found = {
        "selection": rates(x[:, :, 1].sum(1), x.sum((1, 2))),
        "true_positive": rates(x[:, 1, 1], x[:, 1].sum(1)),
        "false_positive": rates(x[:, 0, 1], x[:, 0].sum(1)),
    }
    gaps = {
        key: gap(dict(zip(names, figures, strict=True)), higher_is_better=key != "false_positive", smallest=min_group)
        for key, figures in found.items()
    }
    return OutcomeRates(
        by, column, value, names, tuple(x.sum((1, 2)).tolist()), tuple(found["selection"]),
        tuple(found["true_positive"]), tuple(found["false_positive"]), gaps,
    )  # fmt: skip
