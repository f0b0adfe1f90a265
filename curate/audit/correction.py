"""Counts of groups corrected for the labels' own confusion, so that a biased labeller does not hide a bias.

If a labeller takes a tenth of one group for another, a dataset looks more balanced, or less, than it is. How often each
true label gets each answer is known from faces whose truth is known; which composition of the dataset gives the answers
that were given follows from that.

It is assumed that P(answer | truth) is the same in the dataset as where it was measured: the composition may differ
(this is what is looked for), the difficulty of a group's faces may not. P(truth | answer), which depends on the
composition, is not carried over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.correction_confusion import Confusion, Crossed, Rows, Stratified
from curate.audit.correction_curve import Sums, interval
from curate.evaluation.intervals import Estimate, undefined
from schemas import UsageError

__all__ = ["Confusion", "Corrected", "CorrectedGroup", "Crossed", "Rows", "Stratified", "corrected"]

Floats = NDArray[np.float64]
Target = Literal["dataset", "population"]
METHOD = "unified"

ROUNDS = 1_000
"""Confusions drawn."""
MOST_NUMBERS = 2_000_000
"""Numbers of drawn confusions that are held at once."""
FEWEST_ROUNDS = 200
STEPS = 5_000
"""Most steps of the EM algorithm."""
CONVERGED = 1e-8

ILL = 10.0
"""Condition number from which the confusion is said to tell some groups hardly apart."""
ALIKE = 0.1
"""Rows of a confusion whose distance is less are said not to tell two groups apart."""
SURE = 3.0
"""Nor do rows that lie apart by less than this many standard deviations of their distance."""
CERTAIN = 0.99
"""Level of the largest count of a set, which the counts of its groups do not exceed."""
UNTOLD = 0.5
"""An interval of a share wider than this tells next to nothing."""
LENGTH = 1e-12
"""Rows that are nearer than this are the same."""
FEW = 5
"""Validated faces below which a group is named."""


@dataclass(frozen=True)
class CorrectedGroup:
    """One group.

    Attributes:
        name: Its label.
        said: Faces that the labels put into it.
        raw: Their share of all answers; NaN without any.
        count: Faces that truly are in it, with the interval; n is the number of faces in all.
        share: The same as a share of all faces.
        validated: Faces of the group on which its confusion was measured.
    """

    name: str
    said: int
    raw: float
    count: Estimate
    share: Estimate
    validated: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name, "said": self.said, "raw": None if math.isnan(self.raw) else self.raw,
            "count": self.count.as_dict(), "share": self.share.as_dict(), "validated": self.validated,
        }  # fmt: skip


@dataclass(frozen=True)
class Corrected:
    """Groups of a dataset as they are likely to be.

    Attributes:
        groups: In the order of the labels.
        faces: Faces they were counted among: all that were answered, or abstained on where that is an answer.
        validated: Faces on which the confusion was measured.
        condition: Condition number of the confusion: 1 tells all groups apart, large ones hardly.
        target: `dataset`: the composition of these faces; `population`: of where they come from.
        notes: What a reader must know.
    """

    groups: tuple[CorrectedGroup, ...]
    faces: int
    validated: int
    condition: float
    target: str
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> float:
        """Largest change of a share by the correction; 0 where there is none."""
        return max((abs(g.share.value - g.raw) for g in self.groups if not math.isnan(g.raw)), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "groups": [g.as_dict() for g in self.groups], "faces": self.faces, "validated": self.validated,
            "condition": self.condition, "target": self.target, "notes": list(self.notes),
        }  # fmt: skip


def corrected(
    said: ArrayLike,
    confusion: Confusion | Crossed | Stratified | ArrayLike,
    *,
    labels: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    target: Target = "dataset",
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Corrected:
    """Correct counts of labels for their confusion.

    The value is the composition under which the answers are most likely (by EM: A. Dempster, N. Laird, D. Rubin, 1977,
    with the confusion at its expected value); values add up to all faces and are never negative. The interval
    holds the true count in 95 % of datasets and validations together: see `correction_curve`.

    Args:
        said: How often each answer was given, (J,).
        confusion: Faces by true label and answer, (K, J), or a `Confusion`, `Crossed` or `Stratified`. Answers
            beyond the labels may be abstentions; if the confusion counts them, so must `said`.
        labels: Names of the K labels, where `confusion` is a table.
        groups: Group -> labels that it holds, such as a race -> its cells of race by gender; every label by default.
        target: `dataset` asks for the composition of these very faces; `population` for that of what they were
            drawn from, whose intervals are wider by that drawing.
        rounds: Confusions to draw; fewer where they are large (at least 200).
        seed: Of these.

    Raises:
        UsageError: if counts and confusion do not fit each other.
        MissingExtraError: if scipy is absent.
    """
    rows: Rows = (
        confusion if isinstance(confusion, Confusion | Crossed | Stratified) else Confusion.of(confusion, labels)
    )
    counts = _counts(said, rows)
    faces = int(counts.sum())
    names, members = _members(rows, groups)
    mean = rows.mean()
    condition = float(np.linalg.cond(mean))
    validated = members @ rows.validated
    place = {answer: i for i, answer in enumerate(rows.answers)}
    columns = np.array([place[label] for label in rows.labels])
    heard = (members @ counts[columns]).astype(np.int64)
    total = int(heard.sum()) if groups is None else int(counts[columns].sum())
    if not faces:
        nothing = undefined(math.nan, 0)
        empty = tuple(
            CorrectedGroup(n, 0, math.nan, nothing, nothing, int(v)) for n, v in zip(names, validated, strict=True)
        )
        return Corrected(empty, 0, _seen(rows), condition, target, ("no face was answered",))
    composition = likeliest(counts, mean)
    pairs = _untold(rows, rounds, seed)
    sets = _together(pairs, rows.labels)
    sums = _sums(counts, rows, np.vstack([members, sets]), composition, rounds, seed)
    own_ends = [interval(s, faces, target == "population") for s in sums[: len(names)]]
    capped = _capped(own_ends, members, sets, [
        interval(s, faces, target == "population", CERTAIN)[1] for s in sums[len(names):]
    ])  # fmt: skip
    found = tuple(
        _group(name, int(n), total, float(value), pair, faces, int(v))
        for name, n, value, pair, v in zip(names, heard, members @ composition * faces, capped, validated, strict=True)
    )
    joint = [
        _joint(rows.labels, one, float(one @ composition), interval(s, faces, target == "population"), faces)
        for one, s in zip(sets, sums[len(names):], strict=True)
    ]  # fmt: skip
    notes = _notes(rows, found, condition, pairs, joint)
    return Corrected(found, faces, _seen(rows), condition, target, tuple(notes))


def likeliest(counts: Floats, chances: Floats) -> Floats:
    """Composition under which the answers are most likely, (K,), by EM from equal shares.

    Args:
        counts: How often each answer was given, (J,).
        chances: Chance of each answer for each true label, (K, J).
    """
    shares = np.full(len(chances), 1 / len(chances))
    frequencies = counts / counts.sum()
    for _ in range(STEPS):
        better = shares * (chances @ (frequencies / np.maximum(shares @ chances, LENGTH)))
        change = np.abs(better - shares).max()
        shares = better
        if change < CONVERGED:
            break
    return np.asarray(shares / shares.sum())


def _counts(said: ArrayLike, rows: Rows) -> Floats:
    counts = np.asarray(said, np.float64)
    if counts.shape != (len(rows.answers),):
        reason = f"{len(rows.answers)} answers are in the confusion, {counts.size} were counted"
        raise UsageError("the counts cannot be corrected", reason)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise UsageError("the counts cannot be corrected", "they must be numbers of at least 0")
    return counts


def _members(rows: Rows, groups: Mapping[str, Sequence[str]] | None) -> tuple[tuple[str, ...], Floats]:
    """Names of the groups, and which labels each holds, (groups, K)."""
    if groups is None:
        return tuple(rows.labels), np.eye(len(rows.labels))
    known = set(rows.labels)
    for name, held in groups.items():
        strange = sorted(set(held) - known)
        if strange:
            raise UsageError(f"group {name} cannot be counted", f"the confusion knows no label {', '.join(strange)}")
    return tuple(groups), np.array([[float(label in held) for label in rows.labels] for held in groups.values()])


def _sums(counts: Floats, rows: Rows, members: Floats, shares: Floats, rounds: int, seed: int) -> list[Sums]:
    """The weighted sum of each group under each confusion drawn."""
    rng = np.random.default_rng(seed)
    size = len(rows.labels) * len(rows.answers)
    rounds = min(rounds, max(FEWEST_ROUNDS, 4 * MOST_NUMBERS // size))
    inside, outside = _mixture(members, shares), _mixture(1 - members, shares)
    parts: list[tuple[Floats, Floats, Floats]] = []
    done = 0
    while done < rounds:
        count = min(rounds - done, max(1, MOST_NUMBERS // size))
        chances = rows.draw(rng, count)
        weights = _weights(chances, counts) @ members.T
        second, third = chances @ weights**2, chances @ weights**3
        # the mean weight of a face is 1 in the group and 0 outside
        variance = second - members.T
        skew = third - 3 * members.T * second + 2 * members.T
        parts.append((
            counts @ weights,
            np.stack([np.einsum("rkg,gk->gr", variance, w) for w in (inside, outside)], axis=1),
            np.stack([np.einsum("rkg,gk->gr", skew, w) for w in (inside, outside)], axis=1),
        ))  # fmt: skip
        done += count
    value = np.concatenate([p[0] for p in parts]).T
    variance, third = (np.concatenate([p[i] for p in parts], axis=2) for i in (1, 2))
    return [Sums(value[g], np.maximum(variance[g], 0.0), third[g]) for g in range(len(members))]


def _mixture(members: Floats, shares: Floats) -> Floats:
    """How the faces inside each group spread over its labels, (groups, K); evenly where there are none."""
    spread = members * (shares + CONVERGED)
    total = spread.sum(1, keepdims=True)
    return np.asarray(np.divide(spread, total, out=np.zeros_like(spread), where=total > 0))


def _weights(chances: Floats, counts: Floats) -> Floats:
    """Weights of the answers that invert the confusions (R, K, J): of each true label, (R, J, K).

    With more answers than labels there are many; those of least squares, weighted by 1 / frequency of the answer.
    """
    if chances.shape[1] == chances.shape[2]:
        return np.asarray(np.linalg.inv(chances))
    scaled = chances / (counts + 0.5)
    return np.swapaxes(np.linalg.solve(scaled @ np.swapaxes(chances, 1, 2), scaled), 1, 2)


def _group(
    name: str, said: int, answered: int, count: float, ends: tuple[float, float], faces: int, validated: int
) -> CorrectedGroup:
    # the likeliest composition heeds that no group is negative, the interval of one group heeds only its own
    low, high = min(ends[0], count), max(ends[1], count)
    whole = Estimate(count, low, high, faces, METHOD)
    share = Estimate(count / faces, low / faces, high / faces, faces, METHOD)
    return CorrectedGroup(name, said, said / answered if answered else math.nan, whole, share, validated)


def _seen(rows: Rows) -> int:
    return int(rows.validated.sum())


def _together(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> Floats:
    """Sets of labels that cannot be told from one another, (sets, K); none that holds all labels."""
    leader = {label: label for label in labels}
    for a, b in pairs:
        one, other = leader[a], leader[b]
        leader = {label: one if of == other else of for label, of in leader.items()}
    leaders = list(dict.fromkeys(leader.values()))
    found = np.array([[float(leader[label] == of) for label in labels] for of in leaders])
    size = found.sum(1)
    return np.asarray(found[(size > 1) & (size < len(labels))])


def _capped(
    ends: list[tuple[float, float]], members: Floats, sets: Floats, most: list[float]
) -> list[tuple[float, float]]:
    """Intervals of groups, which have at most as many faces as a set that holds them."""
    found = []
    for (low, high), own in zip(ends, members, strict=True):
        caps = [cap for one, cap in zip(sets, most, strict=True) if (own <= one).all()]
        most_of_all = min([high, *caps])
        found.append((min(low, most_of_all), most_of_all))
    return found


def _joint(labels: Sequence[str], held: Floats, share: float, ends: tuple[float, float], faces: int) -> str:
    names = " and ".join(label for label, inside in zip(labels, held, strict=True) if inside)
    low, high = min(ends[0] / faces, share), max(ends[1] / faces, share)
    return f"{names} together are {share:.1%} ({low:.1%} to {high:.1%}) of the faces"


def _notes(
    rows: Rows, found: Sequence[CorrectedGroup], condition: float, pairs: Sequence[tuple[str, str]], joint: list[str]
) -> list[str]:
    notes = []
    for label, n in zip(rows.labels, rows.validated.tolist(), strict=True):
        if n < FEW:
            faces = "no face" if not n else f"only {n} face{'s' * (n > 1)}"
            notes.append(f"{faces} of {label} {'were' if n > 1 else 'was'} validated: its answers are hardly known")
    notes += [f"the confusion cannot tell {a} from {b}: their intervals are wide" for a, b in pairs]
    notes += joint
    if condition > ILL and not pairs:
        notes.append(f"the confusion hardly tells some groups apart (condition number {condition:.0f})")
    wide = [g.name for g in found if g.share.high - g.share.low > UNTOLD]
    if wide and len(found) > 1:
        notes.append(f"next to nothing is known of the share of {', '.join(wide)}")
    return notes


def _untold(rows: Rows, rounds: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of labels whose answers are the same, as far as the validation tells."""
    size = len(rows.labels) * len(rows.answers)
    chances = rows.draw(np.random.default_rng([seed, 1]), min(rounds, FEWEST_ROUNDS, max(2, MOST_NUMBERS // size)))
    mean = rows.mean()
    found = []
    for k in range(len(mean)):
        apart = mean[k + 1 :] - mean[k]
        distance = np.abs(apart).sum(1) / 2
        length = np.maximum(np.linalg.norm(apart, axis=1), LENGTH)
        along = ((chances[:, k + 1 :] - chances[:, k : k + 1]) * (apart / length[:, None])).sum(2)
        alike = (distance < ALIKE) | (length < SURE * along.std(axis=0))
        found += [(rows.labels[k], rows.labels[k + 1 + i]) for i in np.flatnonzero(alike)]
    return found
