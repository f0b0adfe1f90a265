"""The demographic head on FairFace's validation faces, per group and against age-v1 and gender-v1 on the same faces.

python -m benchmarks.demographics_heads
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.calibration import calibration_error
from annotators.demographics import AGE, ANSWERS, GENDER, RACE, RACE4, Answer, age_centres
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, fairface, label, made
from benchmarks.statistics import Estimate, bootstrap, groups, mean, proportion, table
from schemas.columns import labels
from schemas.mapping import mapping
from schemas.taxonomy import taxonomy

Rows = list[dict[str, Any]]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]
CHILDREN = ("0-2", "3-9", "10-19")


@dataclass(frozen=True)
class Judged:
    """The answers to one question for all faces that have a true answer.

    Attributes:
        answer: The question.
        faces: Which faces they are.
        truth: True class index.
        guess: Most probable class, whether or not the head abstained.
        chance: Its probability.
        answered: Whether the head answered.
        covered: Whether the conformal set holds the truth.
        size: Its number of labels.
    """

    answer: Answer
    faces: Flags
    truth: NDArray[np.int64]
    guess: NDArray[np.int64]
    chance: NDArray[np.float64]
    answered: Flags
    covered: Flags
    size: NDArray[np.int64]

    @property
    def right(self) -> Flags:
        """Whether the most probable class is the true one."""
        return np.asarray(self.guess == self.truth)


def judged(rows: Rows, answer: Answer) -> Judged:
    """Answers to one question beside the data set's labels."""
    true = [true_label(row, answer) for row in rows]
    kept = [(row, t) for row, t in zip(rows, true, strict=True) if t is not None]
    chances = np.array([[row[answer.chances.name][c] for c in answer.classes] for row, _ in kept])
    return Judged(
        answer,
        np.array([t is not None for t in true]),
        np.array([answer.classes.index(t) for _, t in kept]),
        chances.argmax(1),
        chances.max(1),
        np.array([not row[answer.abstained.name] for row, _ in kept]),
        np.array([t in row[answer.members.name] for row, t in kept]),
        np.array([len(row[answer.members.name]) for row, _ in kept]),
    )


def true_label(row: dict[str, Any], answer: Answer) -> str | None:
    """The data set's label; None for a face without a place among the four race groups."""
    if answer is RACE4:
        return mapping(RACE.label.taxonomy, RACE4.label.taxonomy).map_label(str(row["race"]))
    return taxonomy(answer.label.taxonomy).canonical(str(row[answer.name]))


def age_errors(rows: Rows) -> NDArray[np.float64]:
    """Distance in years of the mean age from the middle of the true bin; 75 stands for 70+."""
    middle = dict(zip(AGE.classes, age_centres()[0].tolist(), strict=True))
    return np.array([abs(r[labels.AGE.name] - middle[str(true_label(r, AGE))]) for r in rows])


def guesses(rows: Rows, answer: Answer) -> NDArray[np.int64]:
    """Most probable class of every face, whether or not the model abstained."""
    chances = np.array([[row[answer.chances.name][c] for c in answer.classes] for row in rows])
    return np.asarray(chances.argmax(1), np.int64)


@dataclass(frozen=True)
class Ages:
    """Age answers of one model: the guessed bin is right, within one of the true one, and the error in years."""

    right: Flags
    near: Flags
    error: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Rows) -> Ages:
        """From labelled rows."""
        true = np.array([AGE.classes.index(str(true_label(r, AGE))) for r in rows])
        apart = np.abs(guesses(rows, AGE) - true)
        return cls(apart == 0, apart <= 1, age_errors(rows))


def against(new: Flags, old: Flags, by: Sequence[tuple[str, Flags]]) -> str:
    """Two models' shares of right answers on the same faces, and the difference with its bootstrap interval."""
    lines = []
    for name, rows in by:
        gain = new[rows].astype(float) - old[rows]
        lines.append((name, int(rows.sum()), proportion(new[rows]), proportion(old[rows]), mean(gain)))
    return table(("race", "n", "demographics", "v1", "gain"), lines)


def spread_of(right: Flags, race: Names) -> Estimate:
    """Best less worst race group's share of right answers, with its bootstrap interval."""

    def gap(hits: NDArray[Any], of: NDArray[Any]) -> float:
        shares = [float(hits[of == name].mean()) for name in RACE.classes]
        return max(shares) - min(shares)

    return bootstrap(gap, right, race)


def recall_table(j: Judged) -> str:
    """Recall and precision of every class."""
    lines = []
    for k, name in enumerate(j.answer.classes):
        rows, said = j.truth == k, j.guess == k
        lines.append((name, int(rows.sum()), proportion(j.right[rows]), proportion(j.right[said])))
    return table(("label", "n", "recall", "precision"), lines)


def set_table(questions: Sequence[Judged], race: Names) -> str:
    """Coverage of the conformal sets, overall and by race."""
    lines = []
    for j in questions:
        of = race[j.faces]
        parts = {name: proportion(j.covered[of == name]) for name in RACE.classes if (of == name).any()}
        worst = min(parts, key=lambda name: parts[name].value)
        sizes = f"{j.size.mean():.2f}", f"{(j.size == 0).mean():.3f}"
        lines.append((j.answer.name, len(j.truth), proportion(j.covered), *sizes, f"{worst} {parts[worst]}"))
    return table(("sets at 90 %", "n", "hold the truth", "mean labels", "empty", "worst race group"), lines)


def answer_table(questions: Sequence[Judged]) -> str:
    """Accuracy with and without abstention, and the calibration error."""
    lines = [
        (
            j.answer.name, proportion(j.right), proportion(j.answered), proportion(j.right[j.answered]),
            f"{calibration_error(j.chance, j.right):.3f}",
        )
        for j in questions
    ]  # fmt: skip
    return table(("question", "forced", "answered", "right when answered", "ECE"), lines)


def crossed(by: Sequence[tuple[str, Flags]], gender: Judged, age: Ages, race: Judged) -> str:
    """Figures of groups that cross two attributes, and of children."""
    lines = [
        (name, int(rows.sum()), *(proportion(x[rows]) for x in (gender.right, age.right, race.right)))
        for name, rows in by
    ]
    return table(("group", "n", "gender", "age bin", "race (7)"), lines)


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__).parse_args()
    models = ModelStore()
    every = label(fairface(options.data, "validation"), made("second_opinion", "demographics"), models)
    older = label(fairface(options.data, "validation"), made("mesh", "age", "gender"), models)
    pairs = [(a, b) for a, b in zip(every, older, strict=True) if a.get(labels.RACE_PROB.name)]
    rows, old = [a for a, _ in pairs], [b for _, b in pairs]
    race = np.array([str(r["race"]) for r in rows])
    by_race = [("all", np.ones(len(rows), bool)), *groups(race, RACE.classes)]
    questions = [judged(rows, a) for a in ANSWERS]
    of = {j.answer.name: j for j in questions}
    ages, old_ages = Ages.of(rows), Ages.of(old)
    old_gender = np.asarray(guesses(old, GENDER) == of[GENDER.name].truth)
    print(f"{len(rows)} of {len(every)} faces found; the others are not counted below.\n")
    print(f"### Gender\n\n{against(of[GENDER.name].right, old_gender, by_race)}\n")
    print(f"Best less worst: {spread_of(of[GENDER.name].right, race)}; v1 {spread_of(old_gender, race)}.\n")
    print(f"### Age bin\n\n{against(ages.right, old_ages.right, by_race)}\n")
    print(f"Best less worst: {spread_of(ages.right, race)}; v1 {spread_of(old_ages.right, race)}. Within one bin ")
    print(f"{proportion(ages.near)}; v1 {proportion(old_ages.near)}. Mean error in years {mean(ages.error):.2f}; ")
    print(f"v1 {mean(old_ages.error):.2f}.\n\n{recall_table(of[AGE.name])}\n")
    for answer in (RACE, RACE4):
        j = of[answer.name]
        print(f"### {answer.label.name}\n\nAccuracy {proportion(j.right)} (n = {len(j.truth)}).\n\n{recall_table(j)}\n")
    print(f"### Sets\n\n{set_table(questions, race)}\n\n### Abstention\n\n{answer_table(questions)}\n")
    gender = np.array([str(r["gender"]) for r in rows])
    bins_of = np.array([str(true_label(r, AGE)) for r in rows])
    by = [(f"{g}, {r}", (gender == g) & (race == r)) for r in RACE.classes for g in GENDER.classes]
    by += [(f"age {name}", bins_of == name) for name in CHILDREN]
    print(f"### Crossed groups and children\n\n{crossed(by, of[GENDER.name], ages, of[RACE.name])}")


if __name__ == "__main__":
    main()
