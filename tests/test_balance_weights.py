"""Weights reach the shares with the largest effective size, against known answers and another solver."""

from __future__ import annotations

import numpy as np
import pytest
from balance_samples import BY, GENDER, GENDERS, survey_of
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.balance.make import make_plan
from curate.balance.model import Demand
from curate.balance.options import REWEIGHT, Options
from curate.balance.plan import Plan
from curate.balance.targets import Target
from curate.balance.verify import _demands, _proof, _weights
from curate.balance.weights import effective_size, reweighted

HALVES = Target((GENDER,), {(g,): 0.5 for g in GENDERS})


def demands(*shares: tuple[list[int], float]) -> list[Demand]:
    return [Demand("target", (), (), np.array(cells), share) for cells, share in shares]


def test_two_groups_have_the_known_answer() -> None:
    found = reweighted(np.array([90.0, 10.0]), demands(([0], 0.5), ([1], 0.5)), 0.0, 100.0)
    assert found.weight == pytest.approx([50 / 90, 50 / 10], rel=1e-4)
    assert found.effective == pytest.approx(100**2 / (50**2 / 90 + 50**2 / 10), rel=1e-5)
    assert found.effective <= found.bound * (1 + 1e-9)
    assert found.bound == pytest.approx(found.effective, rel=1e-5)
    assert found.missed == 0


def test_the_ratio_holds_and_what_it_costs_is_told() -> None:
    found = reweighted(np.array([90.0, 10.0]), demands(([0], 0.5), ([1], 0.5)), 0.0, 3.0)
    assert found.weight[1] / found.weight[0] == pytest.approx(3, rel=1e-4)
    assert found.missed == pytest.approx(0.5 - 30 / 120, abs=1e-4)


def test_no_target_leaves_all_weights_at_one() -> None:
    found = reweighted(np.array([5.0, 0.0, 7.0]), [], 0.0, 10.0)
    assert found.weight == pytest.approx([1, 0, 1], abs=1e-3)
    assert found.effective == pytest.approx(12, rel=1e-5)
    assert reweighted(np.zeros(3), [], 0.0, 10.0).effective == 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 60), min_size=4, max_size=4), st.sampled_from([0.3, 0.5]), st.sampled_from([0.05, 0.2]))
def test_two_marginals_are_solved_as_well_as_by_a_general_solver(
    counts: list[int], share: float, tolerance: float
) -> None:
    from scipy.optimize import LinearConstraint, minimize

    n = np.array(counts, float)
    total = n.sum()
    groups = [([0, 1], share), ([2, 3], 1 - share), ([0, 2], 0.5), ([1, 3], 0.5)]
    found = reweighted(n, demands(*groups), tolerance, 1e6)
    assert found.missed == 0
    rows = np.array([[i in cells for i in range(4)] for cells, _ in groups], float)
    aim = np.array([s for _, s in groups]) * total
    limits = [
        LinearConstraint(rows, aim * (1 - tolerance), aim * (1 + tolerance)),
        LinearConstraint(np.ones(4), total, total),
    ]
    start = np.full(4, total / 4)
    other = minimize(
        lambda m: (m**2 / n).sum() / total, start, jac=lambda m: 2 * m / n / total, method="SLSQP", constraints=limits,
        bounds=[(0, None)] * 4, options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    assert other.success
    assert found.effective >= total / other.fun * (1 - 1e-3)
    assert found.bound >= total / other.fun * (1 - 1e-4)
    assert found.effective == pytest.approx(effective_size(n, found.weight))


def plan_of(ratio: float, real: list[int]) -> tuple[Plan, Options, list[str]]:
    survey = survey_of(real)
    options = Options(BY, targets=(HALVES,), tolerance=0.0, allow=(REWEIGHT,), max_weight_ratio=ratio)
    plan = make_plan(survey, options, {"name": "x", "revision": 0, "layers": []}, "x")
    found = [*_demands(plan, survey, options), *_weights(plan, options), *_proof(plan, survey, options)]
    return plan, options, found


def test_a_plan_of_weights_alone_drops_nothing_and_reaches_the_target() -> None:
    plan, _, problems = plan_of(10.0, [10, 20, 60, 60])
    assert problems == []
    assert plan.totals["drop"] == 0
    assert plan.unreachable == []
    assert [c.weight for c in plan.cells] == pytest.approx([2.5, 2.5, 0.625, 0.625], rel=3e-3)


def test_what_weights_cannot_do_is_proven() -> None:
    plan, _, problems = plan_of(2.0, [10, 20, 60, 60])
    assert problems == []
    assert plan.certificate is not None
    assert plan.certificate["about"] == "weights"
    assert any("no weight is more than 2 times the least" in r["words"] for r in plan.certificate["rows"])
    empty, _, problems = plan_of(1e6, [0, 0, 60, 60])
    assert problems == []
    assert [r["words"] for r in empty.certificate["rows"]] == ["Female: at least 0.5 of the weight is asked for"]  # type: ignore[index]


def test_forged_weights_are_noticed() -> None:
    survey = survey_of([10, 20, 60, 60])
    options = Options(BY, targets=(HALVES,), tolerance=0.0, allow=(REWEIGHT,))
    plan = make_plan(survey, options, {"name": "x", "revision": 0, "layers": []}, "x")
    object.__setattr__(plan.cells[0], "weight", plan.cells[0].weight * 1.2)
    assert any("not 1 on average" in line for line in _weights(plan, options))
    assert any("Female" in line for line in _demands(plan, survey, options))
