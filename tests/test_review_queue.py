"""The queue: the largest group error falls as fast as it can, reasons are told, gold pictures are mixed in."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.cli.main import main
from curate.review.queue import QueueOptions, queue, ranked
from curate.store import Dataset, LayerInfo
from curate.store.human import write_word
from schemas import UsageError
from schemas.columns import faces, images, labels
from tests.export_samples import hard_cases

ASKED = (labels.PERCEIVED_EMOTION.name,)
BY = (labels.GENDER.name,)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("queue"), pictures=120)


def worst(wrong: np.ndarray, groups: list[str], seen: set[int]) -> float:
    left = [[0.0 if i in seen else w for i, (w, h) in enumerate(zip(wrong, groups, strict=True)) if h == g]
            for g in set(groups)]  # fmt: skip
    return max(float(np.mean(values)) for values in left)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 1), st.sampled_from("abc")), min_size=2, max_size=7), st.integers(1, 4))
def test_no_other_choice_leaves_the_worst_group_better(faces_: list[tuple[float, str]], budget: int) -> None:
    wrong = np.array([w for w, _ in faces_])
    groups = [g for _, g in faces_]
    pictures = [str(i) for i in range(len(faces_))]
    order, _ = ranked(wrong, wrong, pictures, groups, budget, 0)
    assert len(order) == min(budget, len(pictures))
    mine = worst(wrong, groups, {int(p) for p in order})
    best = min(worst(wrong, groups, set(c)) for c in itertools.combinations(range(len(wrong)), len(order)))
    assert mine == pytest.approx(best, abs=1e-9)


def test_a_queue_lowers_the_worst_groups_error_more_than_chance(ds: Dataset) -> None:
    found = queue(ds, QueueOptions(ASKED, BY, budget=30, minors=True))
    assert found.table.num_rows == 30 and found.table.column("rank").to_pylist() == list(range(1, 31))
    everything = queue(ds, QueueOptions(ASKED, BY, minors=True))
    ids = everything.table.column(images.IMAGE_ID.name).to_pylist()
    assert len(ids) == len(set(ids)) > 30
    assert max(everything.after.values()) == pytest.approx(0, abs=1e-9)
    assert max(found.after.values()) < max(found.before.values())
    assert set(found.table.column("reason").to_pylist()) - {"little speaks against it"}
    again = queue(ds, QueueOptions(ASKED, BY, budget=30, minors=True))
    assert again.table.equals(found.table)


def test_gold_pictures_stand_evenly_between_and_what_was_reviewed_is_left_out(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=120)
    told = ds.faces([faces.FACE_ID, faces.IMAGE_ID]).slice(0, 20).to_pylist()
    rows = {r[faces.FACE_ID.name]: {labels.PERCEIVED_EMOTION.name: "neutral"} for r in told}
    info = LayerInfo("human-gold-1", "human", "label-studio", columns=ASKED)
    keys: dict[str, dict[str, dict[str, str]]] = {}
    for key in ds.keys("faces"):
        own = set(ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist())
        keys[key] = {f: v for f, v in rows.items() if f in own}
    write_word(ds, info, keys)
    options = QueueOptions(ASKED, BY, 20, gold_layer="human-gold-1", gold=4, minors=True)
    found = queue(ds, options).table.to_pylist()
    gold = [r for r in found if r["gold"]]
    assert len(gold) == 4 and {r["gold"] for r in gold} == {"human-gold-1"}
    gaps = np.diff([r["rank"] for r in gold])
    assert gaps.min() >= 3
    seen = {r[faces.IMAGE_ID.name] for r in told}
    assert not seen & {r[images.IMAGE_ID.name] for r in found if not r["gold"]}
    assert max(Counter(r[images.IMAGE_ID.name] for r in found).values()) == 1


def test_what_speaks_against_a_face_is_told(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=40)
    rows = ds.faces([faces.FACE_ID, labels.PERCEIVED_EMOTION], "perceived_emotion = 'anger'").to_pylist()
    victim = rows[0][faces.FACE_ID.name]
    info = LayerInfo("other.v1", "model", "other", "1", columns=ASKED)
    for name in ("other.v1", "another.v1"):
        said = {k: {f: {labels.PERCEIVED_EMOTION.name: "surprise"}
                    for f in ds.read("faces", k, [faces.FACE_ID]).column(0).to_pylist() if f == victim}
                for k in ds.keys("faces")}  # fmt: skip
        write_word(ds, LayerInfo(name, "model", info.annotator, "1", columns=ASKED, created="2000-01-01"), said)
    found = {r[images.IMAGE_ID.name]: r for r in queue(ds, QueueOptions(ASKED, minors=True)).table.to_pylist()}
    assert "layers disagree" in found[victim.rpartition(".")[0]]["reason"]


def test_wrong_calls_get_one_line(ds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*call: str) -> str:
        with pytest.raises(SystemExit):
            main(["review", "queue", str(ds.path), "-o", str(tmp_path / "q.parquet"), *call])
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "is no label" in complaint("-c", "perceived_age")
    assert "unknown part of the risk" in complaint("--weight", "rareness=1")
    assert "no number" in complaint("--weight", "rarity=much")
    assert "without right answers" in complaint("--gold", "3")
    assert "no layer of people's word" in complaint("--gold", "3", "--gold-layer", "drawn.v1", "--minors")
    with pytest.raises(UsageError, match="nothing tells how sure"):
        queue(ds, QueueOptions((labels.EYEWEAR.name,), minors=True))
    main_ok = ["review", "queue", str(ds.path), "-o", str(tmp_path / "q.parquet"), "--budget", "5", "--minors",
               "-c", labels.PERCEIVED_EMOTION.name]  # fmt: skip
    with pytest.raises(SystemExit) as left:
        main(main_ok)
    assert left.value.code == 0 and pq.read_table(tmp_path / "q.parquet").num_rows == 5
