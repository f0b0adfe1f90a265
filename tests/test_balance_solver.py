"""Plans are the best there are (against trying all of them), and proofs hold exactly where no plan does."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from balance_samples import BY, GENDER, GENDERS, RACE, RACES, survey_of
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.balance.certificate import contradiction, flaw
from curate.balance.generators import Generator
from curate.balance.make import make_plan
from curate.balance.model import build
from curate.balance.options import ADD, COLLECT, DROP, Collecting, Options
from curate.balance.plan import Plan
from curate.balance.proof import refuted
from curate.balance.survey import Survey
from curate.balance.targets import Limit, Target
from curate.balance.verify import _demands, _facts, _money, _proof

EVEN = Target(BY, {(g, r): 0.25 for g in GENDERS for r in RACES})
SHADE = Generator("shade", cost=1.0, rate=0.5, most_per_source=1)
DREAM = Generator("dream", cost=3.0, rate=0.75, needs_source=False, most_share=0.5)


def plan_of(survey: Survey, **choices: Any) -> tuple[Plan, Options]:
    options = Options(BY, **choices)
    return make_plan(survey, options, {"name": "x", "revision": 0, "layers": []}, "x"), options


def problems(plan: Plan, survey: Survey, options: Options) -> list[str]:
    """What the arithmetic of the verification finds, the data set aside."""
    return [
        *_facts(plan, options),
        *_money(plan, options),
        *_demands(plan, survey, options),
        *_proof(plan, survey, options),
    ]


def test_the_largest_even_subset_uses_all_of_the_smallest_cell() -> None:
    survey = survey_of([40, 30, 7, 9])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0)
    # a quarter of 31 is 7.75: 7 or 8 whole faces; of 32 it would be 8
    assert [c.keep for c in plan.cells] == [8, 8, 7, 8]
    assert [c.drop for c in plan.cells] == [32, 22, 0, 1]
    assert plan.certificate is None
    assert plan.unreachable == []
    assert plan.totals["held_down_by"] == [{"labels": {GENDER: "Male", RACE: "White"}, "faces": 7}]
    assert problems(plan, survey, options) == []


def test_cheap_faces_are_made_before_dear_ones_and_tries_follow_the_yield() -> None:
    survey = survey_of([20, 20, 20, 10])
    plan, options = plan_of(
        survey, targets=(EVEN,), tolerance=0.0, size=80, allow=(ADD, DROP), generators=(SHADE, DREAM)
    )
    # 10 sources give 10 shades at 1 / .5 each; none need be dreamt up at 3 / .75
    assert plan.cells[3].add == {"shade": 10}
    assert plan.cells[3].tries == {"shade": 20}
    assert plan.cost == pytest.approx(20)
    survey = survey_of([20, 20, 20, 8])
    plan, options = plan_of(
        survey, targets=(EVEN,), tolerance=0.0, size=80, allow=(ADD, DROP), generators=(SHADE, DREAM)
    )
    assert plan.cells[3].add == {"shade": 8, "dream": 4}
    assert plan.cells[3].tries == {"shade": 16, "dream": 6}
    assert problems(plan, survey, options) == []


def test_what_is_out_of_reach_is_proven_in_words() -> None:
    survey = survey_of([200, 200, 200, 8])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0, size=480, allow=(ADD, DROP), generators=(SHADE,))
    assert [c.planned for c in plan.cells] == [120, 120, 120, 16]
    assert plan.cells[3].short == 104
    assert "8 photographed faces are left" in plan.cells[3].why
    assert "shade can add at most 8 from 8 source faces" in plan.cells[3].why
    assert plan.certificate is not None
    said = {entry["words"]: entry["multiplier"] for entry in plan.certificate["rows"]}
    assert said == {
        "Male · Black: at least 120 faces are asked for": 1.0,
        "Male · Black: 8 photographed faces are there to keep": 1.0,
        "shade can add at most 8 faces to Male · Black: 8 source faces x 1": 1.0,
    }
    assert plan.certificate["irreducible"]
    assert plan.certificate["amount"] == pytest.approx(104)
    assert problems(plan, survey, options) == []


def test_the_budget_that_would_do_is_told() -> None:
    survey = survey_of([30, 30, 30, 20])
    choices = {"targets": (EVEN,), "tolerance": 0.0, "size": 120, "allow": (ADD, DROP), "generators": (SHADE,)}
    plan, options = plan_of(survey, **choices, budget=7.0)
    assert plan.cells[3].add == {"shade": 3}
    assert plan.cost == pytest.approx(6)
    assert plan.certificate is not None
    assert plan.certificate["budget_needed"] == pytest.approx(20)
    assert "the budget is 7" in [entry["words"] for entry in plan.certificate["rows"]]
    assert problems(plan, survey, options) == []
    again, _ = plan_of(survey, **choices, budget=20.0)
    assert again.certificate is None


def test_a_group_that_no_face_can_have_leaves_the_others_in_proportion() -> None:
    survey = survey_of([40, 30, 12, 0])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0)
    assert [c.planned for c in plan.cells] == [13, 13, 12, 0]
    assert [g["labels"] for g in plan.unreachable] == [{GENDER: "Male", RACE: "Black"}]
    assert plan.unreachable[0]["short"] == 12
    assert problems(plan, survey, options) == []


def test_changed_labels_take_sources_from_other_cells() -> None:
    tone = Generator("tone", cost=1.0, rate=1.0, changes=(RACE,), most_per_source=2)
    survey = survey_of([10, 4, 10, 0], sources=[10, 4, 3, 0])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0, size=40, allow=(ADD, DROP), generators=(tone,))
    # a black man can be made of the 3 white men that may be sources, twice each; not of women
    assert [c.add.get("tone", 0) for c in plan.cells] == [0, 6, 0, 6]
    assert plan.cells[3].short == 4
    assert problems(plan, survey, options) == []


def test_generated_faces_stay_below_their_share_and_none_are_asked_of_what_is_not_served() -> None:
    only = Generator("only", cost=0.0, rate=1.0, needs_source=False, serves=({RACE: "White"},))
    survey = survey_of([10, 10, 2, 10], synthetic=[0, 0, 9, 0])
    plan, options = plan_of(
        survey, targets=(EVEN,), tolerance=0.0, size=40, allow=(ADD, DROP), generators=(only,), max_synthetic_share=0.6
    )
    assert plan.cells[2].planned == 5
    assert plan.cells[2].keep - plan.cells[2].keep_synthetic == 2
    assert problems(plan, survey, options) == []


def test_faces_are_collected_where_that_is_cheaper() -> None:
    prices = Collecting(5.0, (({RACE: "Black"}, 3.0), ({RACE: "Black", GENDER: "Male"}, None)))
    survey = survey_of([10, 6, 10, 6])
    choices = {"targets": (EVEN,), "tolerance": 0.0, "size": 40, "collecting": prices, "allow": (COLLECT, DROP)}
    plan, options = plan_of(survey, **choices)
    assert [c.collect for c in plan.cells] == [0, 4, 0, 0]
    assert plan.cells[3].short == 4
    assert plan.cost == pytest.approx(12)
    assert "no new ones can be collected here" in plan.cells[3].why
    assert problems(plan, survey, options) == []


def test_nearest_goes_to_the_middle_of_the_tolerance() -> None:
    survey = survey_of([60, 60, 60, 40])
    choices = {"targets": (EVEN,), "tolerance": 0.2, "size": 200, "allow": (ADD, DROP), "generators": (SHADE,)}
    cheapest, _ = plan_of(survey, **choices)
    nearest, options = plan_of(survey, **choices, objective="nearest")
    assert cheapest.cost == 0
    assert [c.planned for c in nearest.cells] == [50, 50, 50, 50]
    assert nearest.certificate is None
    assert problems(nearest, survey, options) == []


def test_nothing_is_dropped_where_that_is_not_allowed() -> None:
    survey = survey_of([9, 3, 3, 3])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0, allow=(ADD,), generators=(SHADE,))
    assert [c.drop for c in plan.cells] == [0, 0, 0, 0]
    assert plan.certificate is not None
    assert plan.unreachable
    assert problems(plan, survey, options) == []


def test_whole_faces_can_stand_in_the_way_alone() -> None:
    thirds = Target((GENDER,), {("Female",): 1 / 3, ("Male",): 2 / 3})
    survey = survey_of([5, 0, 5, 0])
    options = Options(BY, targets=(thirds,), tolerance=0.0, size=3, least=(Limit((GENDER,), ("Female",), 1),), most=())
    plan = make_plan(survey, options, {"name": "x", "revision": 0, "layers": []}, "x")
    assert [c.planned for c in plan.cells] == [1, 0, 2, 0]
    assert plan.certificate is None


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["rows"][0].update(multiplier=c["rows"][0]["multiplier"] * 0.05),
        lambda c: c["rows"][0].update(multiplier=-1.0),
        lambda c: c["rows"].pop(),
        lambda c: c["rows"][0].update(row="no such row"),
    ],
)
def test_a_forged_proof_is_refused(change: Any) -> None:
    survey = survey_of([200, 200, 200, 8])
    plan, options = plan_of(survey, targets=(EVEN,), tolerance=0.0, size=480)
    assert plan.certificate is not None
    counts = np.array([float(c.planned) for c in plan.cells])
    assert refuted(plan.certificate, survey, options, counts) == ""
    change(plan.certificate)
    assert refuted(plan.certificate, survey, options, counts) != ""
    # and none holds for data in which the target can be met
    assert refuted(plan.certificate, survey_of([200] * 4), options, counts) != ""


# --- against trying every plan

CASES = st.fixed_dictionaries(
    {
        "real": st.lists(st.integers(0, 4), min_size=2, max_size=2),
        "synthetic": st.lists(st.integers(0, 1), min_size=2, max_size=2),
        "share": st.sampled_from([0.5, 0.25, 0.8]),
        "size": st.integers(2, 8),
        "budget": st.sampled_from([None, 0.0, 3.0, 7.0]),
        "tolerance": st.sampled_from([0.0, 0.1, 0.3]),
        "synthetic_share": st.sampled_from([1.0, 0.5]),
        "per_source": st.integers(1, 2),
        "least": st.integers(0, 3),
        "drop": st.booleans(),
    }
)


def choices_of(case: dict[str, Any]) -> tuple[Survey, Options]:
    survey = survey_of(case["real"], case["synthetic"], races=1)
    target = Target((GENDER,), {("Female",): case["share"], ("Male",): 1 - case["share"]})
    generator = Generator("shade", cost=1.0, rate=0.5, most_per_source=case["per_source"])
    limits = (Limit((GENDER,), None, case["least"]),) if case["least"] else ()
    options = Options(
        BY, targets=(target,), least=limits, size=case["size"], tolerance=case["tolerance"],
        allow=(ADD, DROP) if case["drop"] else (ADD,), generators=(generator,), budget=case["budget"],
        max_synthetic_share=case["synthetic_share"],
    )  # fmt: skip
    return survey, options


def every_plan(case: dict[str, Any]) -> list[tuple[list[int], float, int]]:
    """Faces per cell, cost and photographed faces of every plan that keeps to the facts, by plain counting."""
    options = []
    for real, made in zip(case["real"], case["synthetic"], strict=True):
        found = []
        keeps = itertools.product(range(real + 1), range(made + 1)) if case["drop"] else [(real, made)]
        for (r, s), a in itertools.product(keeps, range(real * case["per_source"] + 1)):
            over = 0.0 if case["drop"] else max(made - case["synthetic_share"] * (real + made), 0)
            if s + a <= case["synthetic_share"] * (r + s + a) + over + 1e-9:
                found.append((r, s, a))
        options.append(found)
    plans = []
    for cells in itertools.product(*options):
        cost = sum(2.0 * a for _, _, a in cells)
        if case["budget"] is None or cost <= case["budget"]:
            plans.append(([r + s + a for r, s, a in cells], cost, sum(r for r, _, _ in cells)))
    return plans


def limits_of(case: dict[str, Any]) -> list[tuple[float, float]]:
    found = []
    for share in (case["share"], 1 - case["share"]):
        faces, miss = share * case["size"], case["tolerance"]
        found.append((np.floor(faces * (1 - miss) + 1e-6), np.ceil(faces * (1 + miss) - 1e-6)))
    return found


@settings(max_examples=80, deadline=None, derandomize=True)
@given(CASES)
def test_no_plan_is_better(case: dict[str, Any]) -> None:
    survey, options = choices_of(case)
    plan = make_plan(survey, options, {"name": "x", "revision": 0, "layers": []}, "x")
    assert problems(plan, survey, options) == []
    plans, limits, drop = every_plan(case), limits_of(case), case["drop"]

    def misses(sizes: list[int]) -> tuple[float, float, float]:
        """Worst shortfall, their sum and the distance to the size, as `nearest` counts them."""
        short = [max(low - n, 0.0) for n, (low, _) in zip(sizes, limits, strict=True)]
        over = [max(n - high, 0.0) for n, (_, high) in zip(sizes, limits, strict=True)]
        few = [max(case["least"] - n, 0.0) for n in sizes]
        if drop and (any(over) or sum(sizes) > case["size"]):
            return (np.inf,) * 3
        return max(short + over + few), sum(short + over + few), abs(sum(sizes) - case["size"])

    ranked = sorted((*misses(sizes), cost, -sum(sizes), -real) for sizes, cost, real in plans)
    sizes = [plan.cells[0].planned, plan.cells[1].planned]
    real = sum(c.keep - c.keep_synthetic for c in plan.cells)
    assert (*misses(sizes), plan.cost, -sum(sizes), -real) == pytest.approx(ranked[0])
    assert (plan.certificate is None) == (not any(ranked[0][:3]))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(CASES)
def test_a_proof_is_given_exactly_where_fractions_of_faces_would_not_do_either(case: dict[str, Any]) -> None:
    from scipy.optimize import linprog

    from curate.balance.model import matrix

    survey, options = choices_of(case)
    model = build(survey, options)
    width = len(model.variables)
    rows, bounds = matrix(model.rows, width)
    feasible = linprog(np.zeros(width), A_ub=rows, b_ub=bounds, bounds=(0, None), method="highs").status == 0
    found = contradiction(model.rows, width)
    assert (found is None) == feasible
    if found is not None:
        assert flaw(found.as_dict(), model.rows, width) == ""
        for left_out in found.rows:
            rest = [row for row in model.rows if row.name in found.rows and row.name != left_out]
            assert contradiction(rest, width) is None, f"{left_out} is not needed"
