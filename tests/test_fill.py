"""Decisions of `fill`: goals from a plan, which verifiers judge, what is accepted and why not. No models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_lineage import LINEAGE, PIXELS

from curate.balance.generators import read_generators
from curate.balance.plan import CellPlan, Plan
from curate.fill import accept
from curate.fill.accept import Court, Decision, Memory, decide
from curate.fill.goals import Cells, goals
from curate.fill.likeness import UNLIKE, Known, difference, hashes_of, small
from curate.fill.look import Look
from curate.fill.loop import Filling, Source
from curate.fill.setting import _judges
from curate.fill.supply import Supply
from curate.fill.tries import Ledger, Try, packed, unpacked
from curate.fill.verifiers import DISAGREE, NO_LABEL, OTHER_LABEL, TOO_FEW, judges, near, opinion, placed
from curate.fill.yields import write_generators, yields
from curate.generate.candidates import Candidates
from curate.generate.choice import choose
from curate.generate.crowd import Crowd
from curate.generate.judging import Origin
from curate.generate.orders import Frame
from curate.generators.promise import Change, Identity, Move, Promise
from schemas import DatasetError, UsageError, labels
from tests.generate_samples import seen, unit

EMOTION = labels.PERCEIVED_EMOTION.name
GENDER, AGE = labels.GENDER.name, labels.AGE_GROUP.name


def cell(values: Mapping[str, str], now: int, target: float, add: dict[str, int] | None = None) -> CellPlan:
    return CellPlan(dict(values), now, now, 0, now, target, now, 0, 0, add or {})


def plan(columns: list[str], cells: list[CellPlan], **options: Any) -> Plan:
    facts = {"name": "p", "dataset": {}, "groups": [], "totals": {}, "cost": 0, "budget": None, "unreachable": []}
    return Plan(columns=columns, cells=cells, certificate=None, options=options, solver={}, seed=0, **facts)


PLAN = plan(
    [GENDER, AGE],
    [
        cell({GENDER: "Female", AGE: "20-29"}, 5, 8, {"sketch": 2, "ageing": 1}),
        cell({GENDER: "Male", AGE: "20-29"}, 8, 8),
        cell({GENDER: "Male", AGE: "70+"}, 1, 7.5, {"ageing": 4}),
    ],
)
CELLS = Cells(PLAN)


def test_goals_are_what_the_plan_adds_or_what_lacks_to_the_target() -> None:
    planned = goals(PLAN, [])
    assert [(g.name, g.need, dict(g.quotas)) for g in planned] == [
        ("Female · 20-29", 3, {"sketch": 2, "ageing": 1}),
        ("Male · 70+", 4, {"ageing": 4}),
    ]
    own = goals(PLAN, ["sketch", "ageing"])
    assert [(g.need, dict(g.quotas)) for g in own] == [(3, {"sketch": 2, "ageing": 1}), (7, {"sketch": 4, "ageing": 3})]
    with pytest.raises(UsageError, match=r"nothing to fill.*adds no generated"):
        goals(plan([GENDER], [cell({GENDER: "Male"}, 3, 9)]), [])
    with pytest.raises(UsageError, match="no cell lacks a face"):
        goals(plan([GENDER], [cell({GENDER: "Male"}, 9, 9)]), ["sketch"])


def test_numbers_are_read_by_the_plans_bins() -> None:
    cells = Cells(plan([labels.QUALITY_SCORE.name], [], bins={labels.QUALITY_SCORE.name: [0.3, 0.6]}))
    said = [cells.label(labels.QUALITY_SCORE.name, v) for v in (0.1, 0.3, 0.7, None)]
    assert said == ["below 0.3", "0.3 to 0.6", "0.6 and above", None]
    assert near(labels.QUALITY_SCORE.name, "below 0.3", "0.3 to 0.6", cells)
    assert not near(labels.QUALITY_SCORE.name, "below 0.3", "0.6 and above", cells)


def test_judges_are_verifiers_that_the_generator_did_not_look_at() -> None:
    assert judges(labels.GENDER, ("demographics", "gender", "mesh"), ()) == ("demographics", "gender")
    assert judges(labels.GENDER, ("demographics", "gender"), ("gender",)) == ("demographics",)
    assert judges(labels.PERCEIVED_EMOTION, ("emotion", "emotion_prototype"), ()) == ("emotion", "emotion_prototype")


def test_one_judge_is_enough_only_where_the_user_says_so() -> None:
    (one,) = choose(["sketch"], {})
    with pytest.raises(UsageError, match=r"only one independent annotator can judge perceived_race \(demographics\)"):
        _judges(plan([labels.RACE.name], []), {"sketch": one}, ("demographics",), False)
    found, single = _judges(plan([labels.RACE.name], []), {"sketch": one}, ("demographics",), True)
    assert found == {"sketch": {labels.RACE.name: ("demographics",)}}
    assert single == {labels.RACE.name: "demographics"}
    with pytest.raises(UsageError, match="nobody can judge perceived_race"):
        _judges(plan([labels.RACE.name], []), {"sketch": one}, ("mesh",), True)


WANTED = {GENDER: "Female", AGE: "20-29"}
SPEAKERS = {GENDER: "demographics", AGE: "demographics"}
JUDGING = {GENDER: ("demographics", "gender"), AGE: ("demographics", "age")}
FEMALE = {"Female": 0.6, "Male": 0.4}


def said(gender: str | None = "Female", age: str | None = "20-29", second: Any = "Female", other: Any = "20-29") -> Any:
    return {
        "demographics": {labels.GENDER: gender, labels.GENDER_PROB: FEMALE, labels.AGE_GROUP: age},
        "gender": {labels.GENDER: second, labels.GENDER_PROB: FEMALE},
        "age": {labels.AGE_GROUP: other},
    }


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (said(), ""),
        (said(other="30-39"), ""),
        (said(second=None), ""),
        (said(gender=None), NO_LABEL),
        (said(gender="Male"), OTHER_LABEL),
        (said(age="30-39"), OTHER_LABEL),
        (said(second="Male"), DISAGREE),
        (said(other="40-49"), DISAGREE),
        (said(other=None), TOO_FEW),
    ],
)
def test_a_cells_label_must_be_given_by_who_speaks_and_contradicted_by_nobody(what: Any, reason: str) -> None:
    place = placed(seen(what), WANTED, CELLS, SPEAKERS, JUDGING, 2)
    assert (place.right, place.reason) == (not reason, reason)
    assert bool(place.detail) is bool(reason)


def test_one_verifier_answers_where_there_is_but_one() -> None:
    alone = {GENDER: ("demographics",), AGE: ("demographics",)}
    assert placed(seen(said(second="Male", other="60-69")), WANTED, CELLS, SPEAKERS, alone, 2).right


def test_other_columns_answer_the_same_question() -> None:
    prototypes = {labels.PROTOTYPE.name: None, labels.PROTOTYPE_PROB.name: {"anger": 0.3, "fear": None, "sadness": 0.6}}
    cells = Cells(plan([EMOTION], []))
    assert opinion(prototypes, "emotion_prototype", labels.PERCEIVED_EMOTION, cells) == "sadness"
    assert opinion({labels.PROTOTYPE.name: "anger"}, "emotion_prototype", labels.PERCEIVED_EMOTION, cells) == "anger"
    assert opinion({}, "emotion_prototype", labels.PERCEIVED_EMOTION, cells) is None


CROWD = Crowd(("x.0",), np.array([unit(0, 1)], np.float32), {})
ORIGIN = Origin("abc.0", seen({"identity": {labels.EMBEDDING: unit(1)}}))
PORTRAIT = small(np.zeros((256, 256, 3), np.uint8))


def court(**changes: Any) -> Court:
    fixed = Court(
        CELLS, SPEAKERS, {"sketch": JUDGING}, 2, ("demographics", "gender", "age", "identity"), CROWD, 0.3, 2
    )  # fmt: skip
    return dataclasses.replace(fixed, **changes)


def case(
    promise: Promise | None = None, what: Any = None, pixels: Any = None, number: int = 0, count: int = 1, **more: Any
) -> tuple[Any, Look]:
    """A picture with its lineage; all is well with it unless changed."""
    lineage = dataclasses.replace(
        LINEAGE, promise=promise or Promise(Identity.KEPT), wanted=WANTED, parameters={"n": number}, **more
    )
    told = {**said(), "quality": {labels.QUALITY_SCORE: 0.8}, "identity": {labels.EMBEDDING: unit(0.9, 0, 0.2)}}
    told |= what or {}
    picture = np.random.default_rng(number).integers(0, 255, (256, 256, 3), np.uint8) if pixels is None else pixels
    return lineage, Look(seen(told, count), hashes_of(picture), small(picture))


def outcome(made: tuple[Any, Look], memory: Memory | None = None, **changes: Any) -> Decision:
    return decide(made[0], made[1], ORIGIN, PORTRAIT, court(**changes), memory or Memory(Known()))


def test_a_good_picture_is_accepted() -> None:
    decision = outcome(case())
    assert (decision.accepted, decision.reason, decision.quality) == (True, "", 0.8)
    assert decision.verdict is not None and decision.verdict.own == pytest.approx(0.976, abs=0.001)


UP = Promise(Identity.KEPT, (Change(labels.YAW, Move.UP, by=3),))
FLAT = {"demographics": {**said()["demographics"], labels.YAW: 0.0}}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (case(what={"identity": {labels.EMBEDDING: unit(0.1, 0, 1)}}), accept.WRONG_PERSON),
        (case(Promise(Identity.NEW)), accept.MEMORISED),
        (case(Promise(Identity.HIDDEN), {"identity": {labels.EMBEDDING: unit(0, 1)}}), accept.MEMORISED),
        (case(what={"quality": {labels.QUALITY_SCORE: 0.1}}), accept.POOR),
        (case(what={"quality": {labels.QUALITY_SCORE: None}}), accept.POOR),
        (case(count=2), accept.MORE_FACES),
        (case(pixels=np.zeros((256, 256, 3), np.uint8)), accept.UNCHANGED),
        (case(what=said(gender="Male")), OTHER_LABEL),
    ],
)
def test_each_objection_has_its_reason(made: Any, reason: str) -> None:
    decision = outcome(made)
    assert (decision.accepted, decision.reason) == (False, reason)


def test_a_picture_without_a_face_and_a_broken_promise() -> None:
    lineage, look = case()
    assert outcome((lineage, dataclasses.replace(look, seen=None))).reason == accept.NO_FACE
    before = Origin("abc.0", seen({**FLAT, "identity": {labels.EMBEDDING: unit(1)}}))
    made = case(UP, {"demographics": {**said()["demographics"], labels.YAW: 1.0}})
    decision = decide(*made, before, PORTRAIT, court(), Memory(Known()))
    assert (decision.reason, decision.detail) == (accept.BROKEN, "pose_yaw up: not seen by demographics")
    others = court(verifiers=("gender", "age", "identity"))
    assert decide(*made, before, PORTRAIT, others, Memory(Known())).accepted, "only verifiers may judge a promise"


def remember(memory: Memory, made: tuple[Any, Look]) -> None:
    lineage, look = made
    assert look.seen is not None
    memory.add(lineage, look.hashes, look.small, look.seen.embedding)


def test_memory_of_faces_parameters_siblings_and_new_people() -> None:
    memory = Memory(Known())
    assert outcome(case(number=1), memory).accepted
    remember(memory, case(number=1))
    assert outcome(case(number=1), memory).reason == accept.SAME_PARAMETERS
    same_look = case(number=2, pixels=np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8))
    assert outcome(same_look, memory).reason == accept.SIBLING
    first_pixels = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
    elsewhere = case(number=3, pixels=first_pixels, parent="q", parent_face="q.0")
    assert outcome(elsewhere, memory).reason == accept.COPY
    remember(memory, case(number=4))
    assert outcome(case(number=5), memory).reason == accept.ENOUGH
    someone = {"identity": {labels.EMBEDDING: unit(0, 0, 0, 1)}}
    facts = {"parent": "", "parent_face": ""}
    first = case(Promise(Identity.NEW), someone, number=6, **facts)
    assert outcome(first, memory).accepted
    remember(memory, first)
    assert outcome(case(Promise(Identity.NEW), someone, number=7, **facts), memory).reason == accept.REPEATED


def test_likeness_of_pictures() -> None:
    assert difference(PORTRAIT, PORTRAIT) == 0
    spot = PORTRAIT.copy()
    spot[:20, :20] = 60
    assert difference(PORTRAIT, spot) > UNLIKE, "a small part that changes much is a change"
    known = Known()
    photo = np.asarray(np.kron(PIXELS, np.ones((4, 4, 1))), np.uint8)
    known.add(hashes_of(photo), "photo", "first")
    assert known.copy_of(hashes_of(photo), "other") == "first"
    assert known.copy_of(hashes_of(photo[:, ::-1].copy()), "other") == "first", "mirrored too"
    assert known.copy_of(hashes_of(photo), "photo") == "", "its own photograph does not count"
    assert known.copy_of(hashes_of(np.rot90(photo).copy()), "other") == ""


def a_try(number: int, **changes: Any) -> Try:
    return dataclasses.replace(Try(number, 0, "c", "sketch", f"s{number}", "f", "", 0, 0, "rejected", "why"), **changes)


def test_the_ledger_survives_a_kill_and_becomes_a_table(tmp_path: Path) -> None:
    memory = packed(hashes_of(PIXELS), small(PIXELS), unit(1))
    with Ledger(tmp_path) as ledger:
        ledger.add([a_try(0), a_try(0, step=1, outcome="accepted", memory=memory, own=0.5)])
        ledger.add([a_try(1)])
    lines = tmp_path / "tries.jsonl"
    lines.write_bytes(lines.read_bytes() + b'[{"number": 2,')
    again = Ledger(tmp_path)
    assert [(t.number, t.step) for t in again.tries] == [(0, 0), (0, 1), (1, 0)]
    hashes, picture, embedding = unpacked(again.tries[1].memory)
    assert hashes == hashes_of(PIXELS)
    assert np.array_equal(picture, small(PIXELS))
    assert embedding == pytest.approx(unit(1))
    with again:
        again.add([a_try(2)])
        again.save()
    table = pq.read_table(tmp_path / "tries.parquet")
    assert table.column("number").to_pylist() == [0, 0, 1, 2]
    assert table.column("own").to_pylist() == [None, 0.5, None, None]
    lines.write_bytes(b"[{}]\n")
    with pytest.raises(DatasetError, match="is damaged"):
        Ledger(tmp_path)


NOBODY = Candidates(pa.table({}), {}, 0)


def test_yields_are_written_for_the_next_plan(tmp_path: Path) -> None:
    wanted = goals(PLAN, ["sketch", "compress"])
    chosen = {c.cls.name: c for c in choose(["sketch", "compress"], {})}
    fillings = {}
    for goal, good in zip(wanted, (3, 0), strict=True):
        sources = {
            n: Source(Supply(c, goal.labels, NOBODY, CELLS, Frame(), 1), 3, 10, good if n == "sketch" else 0, good)
            for n, c in chosen.items()
        }
        fillings[goal.name] = Filling(goal, sources)
    found = yields(fillings)
    assert [(y.maker, y.tries, y.good) for y in found][:2] == [("sketch", 10, 3), ("compress", 10, 0)]
    assert found[0].rate.low < 0.3 < found[0].rate.high
    write_generators(tmp_path / "generators.json", found, PLAN, chosen, 3)
    (read,) = read_generators(tmp_path / "generators.json", [GENDER, AGE])
    assert (read.name, read.rate, read.changes, read.most_per_source) == ("sketch", 0.15, (), 3)
    assert read.rate_in({GENDER: "Female", AGE: "20-29"}) == pytest.approx(0.3)
    assert read.serves_cell({GENDER: "Female", AGE: "20-29"})
    assert not read.serves_cell({GENDER: "Male", AGE: "70+"}), "it gave nothing there"
