"""A fitted calibration of one label: how raw probabilities become honest ones, sets and answers, for whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotators.calibration import Scaling, conformity
from curate.calibrate.isotonic import Isotonic
from schemas import DatasetError

Array = NDArray[np.float64]
FLOOR = 1e-6
"""Added to raw probabilities before their logarithm."""
EVERYONE = ""


@dataclass(frozen=True)
class Settings:
    """How one group is treated.

    Attributes:
        method: `as it is`, `temperature`, `temperature and bias` or `isotonic`.
        function: Scaling of log probabilities, isotonic functions of probabilities, or None to leave them.
        set_threshold: Conformity score up to which a label is in the set; infinite where too few faces were known.
        answer_from: Probability from which the label is given.
        n: Faces it was fitted on.
    """

    method: str
    function: Scaling | Isotonic | None
    set_threshold: float
    answer_from: float
    n: int

    def probabilities(self, raw: ArrayLike) -> Array:
        """Calibrated probabilities, shape (n, k)."""
        p = np.asarray(raw, np.float64)
        if isinstance(self.function, Isotonic):
            return self.function(p)
        return p if self.function is None else self.function(np.log(p + FLOOR))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        known: dict[str, Any] = {}
        if isinstance(self.function, Scaling):
            known = {"temperature": self.function.temperature, "bias": list(self.function.bias)}
        elif isinstance(self.function, Isotonic):
            known = {"knots": self.function.knots, "values": self.function.values}
        threshold = None if math.isinf(self.set_threshold) else self.set_threshold
        return {"method": self.method, **known, "set": threshold, "answer_from": self.answer_from, "n": self.n}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Read what `as_dict` gave."""
        function: Scaling | Isotonic | None = None
        if "temperature" in data:
            function = Scaling(float(data["temperature"]), tuple(data["bias"]))
        elif "knots" in data:
            function = Isotonic(tuple(map(tuple, data["knots"])), tuple(map(tuple, data["values"])))
        threshold = math.inf if data["set"] is None else float(data["set"])
        return cls(str(data["method"]), function, threshold, float(data["answer_from"]), int(data["n"]))


@dataclass(frozen=True)
class Calibrator:
    """Calibration of one label column.

    Attributes:
        column: The label column.
        labels: Its labels in the order of the probabilities.
        annotator: Whose probabilities it was fitted on.
        version: That annotator's version.
        config_hash: Digest of its settings.
        by: Column whose groups have settings of their own; empty for none.
        settings: Group -> settings; `EVERYONE` is for all others.
        coverage: Stated coverage of the sets.
    """

    column: str
    labels: tuple[str, ...]
    annotator: str
    version: str
    config_hash: str
    by: str
    settings: Mapping[str, Settings] = field(default_factory=dict)
    coverage: float = 0.9

    def apply(self, raw: ArrayLike, groups: Sequence[str | None] | None = None) -> list[Answer | None]:
        """Answers for faces.

        Args:
            raw: Probabilities of the labels, shape (n, k); a row of NaN has no answer.
            groups: Group of each face; those without settings of their own take everyone's.
        """
        p = np.asarray(raw, np.float64).reshape(-1, len(self.labels))
        of = [EVERYONE] * len(p) if groups is None else [g if g in self.settings else EVERYONE for g in groups]
        answers: list[Answer | None] = [None] * len(p)
        for name in dict.fromkeys(of):
            rows = [i for i, g in enumerate(of) if g == name and np.isfinite(p[i]).all()]
            if rows:
                for i, answer in zip(rows, self._answers(p[rows], self.settings[name or EVERYONE]), strict=True):
                    answers[i] = answer
        return answers

    def _answers(self, raw: Array, settings: Settings) -> list[Answer]:
        p = settings.probabilities(raw)
        inside = conformity(p) <= settings.set_threshold
        best = p.argmax(1)
        return [
            Answer(
                dict(zip(self.labels, row.tolist(), strict=True)),
                self.labels[top] if row[top] >= settings.answer_from else None,
                [name for name, within in zip(self.labels, among.tolist(), strict=True) if within],
            )
            for row, top, among in zip(p, best.tolist(), inside, strict=True)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "column": self.column,
            "labels": list(self.labels),
            "annotator": self.annotator,
            "version": self.version,
            "config_hash": self.config_hash,
            "by": self.by,
            "coverage": self.coverage,
            "settings": {name: s.as_dict() for name, s in self.settings.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibrator:
        """Read what `as_dict` gave.

        Raises:
            DatasetError: if something is missing.
        """
        try:
            settings = {name: Settings.from_dict(s) for name, s in data["settings"].items()}
            settings[EVERYONE]  # whoever has no settings of their own takes these
            fields = {k: str(data[k]) for k in ("column", "annotator", "version", "config_hash", "by")}
            return cls(**fields, labels=tuple(data["labels"]), settings=settings, coverage=float(data["coverage"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError("the calibration is not understood", f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Answer:
    """What is said of one face.

    Attributes:
        probabilities: Label -> calibrated probability.
        label: The most probable label, or None where the answer is withheld.
        among: Conformal set.
    """

    probabilities: dict[str, float]
    label: str | None
    among: list[str]
