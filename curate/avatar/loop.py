"""Generate, score, adjust: parameters are changed until every score meets its goal, within a number of trials.

After SmartAvatar (2025), where a vision-language model adjusts; here it is a pattern search (R. Hooke and T. Jeeves,
"Direct search solution of numerical and statistical problems", 1961) with a parabola through three trials of a dial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import UsageError

BUDGET = 10
FIRST_STEP, LEAST_STEP = 0.25, 0.01
"""Of a dial's range: how far it is first turned, and below what turning ends."""

Settings = dict[str, float]


@dataclass(frozen=True)
class Dial:
    """A parameter that may be turned.

    Attributes:
        name: Its name.
        low: Least value.
        high: Greatest value.
    """

    name: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Trial:
    """One generation.

    Attributes:
        number: From 1.
        settings: Dial -> value.
        scores: Goal -> score; empty where nothing could be generated or scored.
        shortfall: Sum of what is missing to the goals, each as a share of its goal; 0 if all are met.
        error: Why there are no scores; empty if there are.
    """

    number: int
    settings: Settings
    scores: Mapping[str, float]
    shortfall: float
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        short = self.shortfall if math.isfinite(self.shortfall) else None
        return {"trial": self.number, "settings": self.settings, "scores": dict(self.scores), "shortfall": short,
                "error": self.error}  # fmt: skip


@dataclass(frozen=True)
class Adjusted:
    """How it went.

    Attributes:
        trials: All of them, in order.
        best: The one with the least shortfall, the earliest of equals.
        accepted: Every goal was met.
        why: Why it ended: `met`, `budget` or `no better setting`.
    """

    trials: tuple[Trial, ...]
    best: Trial
    accepted: bool
    why: str


class CannotScore(Exception):  # noqa: N818 - an answer, as in `CannotGenerate`, not a fault of the user's
    """A trial gave nothing that can be scored; the reason in one line."""


def adjust(
    start: Mapping[str, float], dials: Sequence[Dial], trial: Callable[[Settings], Mapping[str, float]],
    goals: Mapping[str, float], budget: int = BUDGET,
) -> Adjusted:  # fmt: skip
    """Turn dials until the goals are met.

    Args:
        start: Value of each dial to begin with.
        dials: What may be turned, the first ones first.
        trial: Generates with settings and gives the scores, higher is better; raises `CannotScore`.
        goals: Score -> least value.
        budget: Trials at most.

    Raises:
        UsageError: for no goal, no dial, or less than one trial.
    """
    if not goals or not dials or budget < 1:
        raise UsageError("nothing to adjust", "it takes a goal, a dial and a trial at least")
    if min(goals.values()) <= 0:
        raise UsageError("a goal is 0 or less", "every score meets it")
    return _Search(dials, trial, goals, budget).run({d.name: _within(d, start[d.name]) for d in dials})


def _within(dial: Dial, value: float) -> float:
    return min(max(value, dial.low), dial.high)


class _Spent(Exception):  # noqa: N818
    """The budget is used up or the goals are met."""


class _Search:
    def __init__(
        self, dials: Sequence[Dial], trial: Callable[[Settings], Mapping[str, float]], goals: Mapping[str, float],
        budget: int,
    ) -> None:  # fmt: skip
        self._dials, self._trial, self._goals, self._budget = dials, trial, goals, budget
        self._trials: list[Trial] = []

    def run(self, start: Settings) -> Adjusted:
        why = "no better setting"
        try:
            self._try(start)
            steps = {d.name: FIRST_STEP * (d.high - d.low) for d in self._dials}
            while any(steps[d.name] >= LEAST_STEP * (d.high - d.low) for d in self._dials):
                for dial in self._dials:
                    if not self._turned(dial, steps[dial.name]):
                        steps[dial.name] /= 2
        except _Spent:
            why = "met" if self._best.shortfall == 0 else "budget"
        return Adjusted(tuple(self._trials), self._best, self._best.shortfall == 0, why)

    @property
    def _best(self) -> Trial:
        return min(self._trials, key=lambda t: t.shortfall)

    def _turned(self, dial: Dial, step: float) -> bool:
        """Turn a dial both ways, then to the bottom of the parabola; True if anything was better."""
        before = self._best
        points = [(before.settings[dial.name], before.shortfall)]
        for way in (step, -step):
            value = _within(dial, before.settings[dial.name] + way)
            found = self._try({**before.settings, dial.name: value})
            if found.shortfall < before.shortfall:
                return True
            points.append((value, found.shortfall))
        bottom = _bottom(points)
        if bottom is None:
            return False
        return self._try({**before.settings, dial.name: _within(dial, bottom)}).shortfall < before.shortfall

    def _try(self, settings: Settings) -> Trial:
        """A trial, or the same one from before."""
        for known in self._trials:
            if known.settings == settings:
                return known
        if len(self._trials) >= self._budget:
            raise _Spent
        scores: Mapping[str, float] = {}
        error = ""
        try:
            scores = self._trial(dict(settings))
        except CannotScore as reason:
            error = str(reason)
        short = math.inf if error else sum(max(g - scores[name], 0.0) / g for name, g in self._goals.items())
        self._trials.append(Trial(len(self._trials) + 1, settings, dict(scores), short, error))
        if short == 0:
            raise _Spent
        return self._trials[-1]


def _bottom(points: Sequence[tuple[float, float]]) -> float | None:
    """Lowest place of the parabola through three points; None if there is none between them."""
    (a, fa), (b, fb), (c, fc) = points
    if len({a, b, c}) < 3 or not all(map(math.isfinite, (fa, fb, fc))):
        return None
    up = (b - a) ** 2 * (fa - fc) - (a - c) ** 2 * (fa - fb)
    down = (b - a) * (fa - fc) + (a - c) * (fa - fb)
    if abs(down) < 1e-12:
        return None
    place = a + 0.5 * up / down
    return place if min(a, b, c) < place < max(a, b, c) else None
