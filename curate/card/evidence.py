"""What audits and evaluations found, as sentences for the card: read from their JSON files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.store import Dataset
from curate.store.parts import read_json
from schemas import UsageError

EVALUATION, AUDIT = "facecurate-evaluation", "facecurate-audit"
_COMMANDS = {EVALUATION: "evaluate", AUDIT: "audit"}
EVALUATIONS, AUDITS = "evaluation", "audit"
"""Folders of a dataset where those files lie."""


@dataclass(frozen=True)
class Evidence:
    """One file and what it says.

    Attributes:
        kind: `audit` or `evaluation`.
        file: Its name, without folders.
        about: What was measured on what, in a few words.
        findings: Sentences with numbers, the most telling first.
        limits: What the file itself says cannot be relied on.
    """

    kind: str
    file: str
    about: str
    findings: tuple[str, ...]
    limits: tuple[str, ...] = ()


def gather(ds: Dataset, audits: Sequence[Path] = (), evaluations: Sequence[Path] = ()) -> tuple[Evidence, ...]:
    """Read audits and evaluations; by default those that lie in the dataset.

    Raises:
        UsageError: if a named file is neither.
        DatasetError: if one cannot be read.
    """
    found = [(path, AUDIT) for path in audits or _beside(ds, AUDITS)]
    found += [(path, EVALUATION) for path in evaluations or _beside(ds, EVALUATIONS)]
    return tuple(_read(path, wanted) for path, wanted in found)


def _beside(ds: Dataset, folder: str) -> list[Path]:
    return sorted((ds.path / folder).glob("[!._]*.json"))


def _read(path: Path, wanted: str) -> Evidence:
    word = wanted.removeprefix("facecurate-")
    make = f"Make one: facecurate {_COMMANDS[wanted]}"
    if not path.is_file():
        raise UsageError(f"there is no {word} {path}", fix=make)
    data = read_json(path)
    if data.get("format") != wanted:
        raise UsageError(f"{path} is no {word}", f"its format is {data.get('format')!r}", make)
    try:
        return _evaluation(path, data) if wanted == EVALUATION else _audit(path, data)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not understood", f"{type(error).__name__}: {error}", "Make it again") from error


def _audit(path: Path, data: Mapping[str, Any]) -> Evidence:
    findings = tuple(str(finding["sentence"]) for finding in data["findings"])
    about = f"audit of {data['dataset']['faces']:,} faces by {', '.join(data['by'])}, {data['created'][:10]}"
    limits = tuple(f"{section}: {why}" for section, why in data["absent"].items())
    return Evidence(AUDITS, path.name, about, findings, limits)


def _evaluation(path: Path, data: Mapping[str, Any]) -> Evidence:
    card = data["truth"]
    says = f", which says of itself: {card['says']}" if card["says"] else ""
    about = f"evaluation on {data['matching']['faces']:,} faces against {card['file']}{says}"
    overlaps = tuple(f"{name}: {why}" for name, why in card["overlaps"].items())
    findings = tuple(text for section in data["sections"] for text in _section(section))
    return Evidence(EVALUATIONS, path.name, about, findings, overlaps)


def _section(section: Mapping[str, Any]) -> Iterator[str]:
    """The first figure of a section, with the widest gap between groups beside it."""
    measures = section["measures"]
    figure = section["figures"].get(measures[0]["key"]) if measures else None
    if figure is None or figure["value"] is None:
        return
    measure = measures[0]
    text = f"{section['column']}: {measure['title']} {written(measure, figure)}, n = {figure['n']:,}"
    gaps = [(g["by"], g["gaps"][measure["key"]]) for g in section["groups"] if measure["key"] in g["gaps"]]
    gaps = [(by, gap) for by, gap in gaps if gap["gap"]["value"]]
    if gaps:
        by, gap = max(gaps, key=lambda pair: float(pair[1]["gap"]["value"]))
        points = " points" if measure["share"] else ""
        size = written(measure, gap["gap"]).replace(" %", "")
        text += f"; by {by} worst for {gap['worst']}, best for {gap['best']}, {size}{points} apart"
    yield f"{text}."


def written(measure: Mapping[str, Any], figure: Mapping[str, Any]) -> str:
    """A figure of a JSON with its interval in words: `92.5 % (91.3-93.6)`."""
    share = measure["share"]
    unit = " %" if share else {"deg": "°", "years": " years", "px": " px"}.get(measure["unit"], "")
    value, low, high = (None if figure[k] is None else 100 * figure[k] if share else figure[k] for k in _ENDS)
    digits = 1 if share or (value is not None and abs(value) >= 10) else 2
    text = f"{value:.{digits}f}{unit}"
    if low is None or high is None:
        return text
    dash = " to " if low < 0 else "-"
    return f"{text} ({low:.{digits}f}{dash}{high:.{digits}f})"


_ENDS = ("value", "low", "high")
