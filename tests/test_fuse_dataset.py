"""Fusing layers of a dataset: sources, the layer, the record of who said what, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from store_samples import KEYS, add, sample

from curate.cli.main import main
from curate.fuse import FuseOptions, fuse
from curate.store import Dataset
from schemas import Column, UnknownNameError, UsageError
from schemas.columns import faces, labels

EMOTION, AGE, TAGS = labels.PERCEIVED_EMOTION, labels.AGE, labels.REVIEW_TAGS


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Two shards of three faces; three models and a person speak of the emotion, two models of the age."""
    ds = sample(tmp_path / "ds")
    said: dict[str, tuple[list[Any], list[Any]]] = {
        "m1": (["happiness", "sadness", "neutral"], ["anger", "happiness", "neutral"]),
        "m2": (["happiness", "sadness", "anger"], ["anger", "happiness", None]),
        "m3": (["happiness", "fear", "neutral"], ["anger", "sadness", None]),
    }
    for i, (layer, (first, second)) in enumerate(said.items()):
        for key, emotions in zip(KEYS, (first, second), strict=True):
            add(ds, layer, "model", f"2026-01-0{i + 1}", {EMOTION: emotions}, key)
    add(ds, "people", "human", "2026-01-05", {EMOTION: ["happiness", None, None], TAGS: [["x"], None, []]})
    add(ds, "a1", "model", "2026-01-01", {AGE: [30.0, 40.0, None], labels.AGE_SD: [5.0, 5.0, None]})
    add(ds, "a2", "model", "2026-01-02", {AGE: [34.0, 44.0, 20.0]})
    return ds


def column(ds: Dataset, layer: str, of: Column) -> list[Any]:
    found: list[Any] = ds.layer_table(layer, [of]).column(0).to_pylist()
    return found


def test_the_fused_layer_says_who_said_what(dataset: Dataset) -> None:
    fusion = fuse(dataset, [EMOTION])
    info = fusion.layer
    assert fusion.added
    assert (info.kind, info.annotator) == ("fused", "fusion")
    assert info.name.startswith("fusion.v1-")
    assert info.extra["inputs"] == [{"column": EMOTION.name, "layers": ["m1", "m2", "m3", "people"]}]
    assert column(dataset, info.name, EMOTION) == ["happiness", "sadness", "neutral", "anger", "happiness", "neutral"]
    record = column(dataset, info.name, labels.sources_of(EMOTION))
    assert [(r["layer"], r["value"]) for r in record[0]] == [(n, "happiness") for n in ("m1", "m2", "m3", "people")]
    assert [(r["layer"], r["value"]) for r in record[2]] == [("m1", "neutral"), ("m2", "anger"), ("m3", "neutral")]
    for row in record:
        assert sum(r["weight"] for r in row) == pytest.approx(1, abs=1e-5)
    agreement = column(dataset, info.name, labels.agreement_of(EMOTION))
    assert agreement[0] == pytest.approx(1)
    assert 0.5 < agreement[2] < 1
    assert agreement[5] is None
    belief = column(dataset, info.name, labels.EMOTION_PROB)[0]
    unsure = column(dataset, info.name, labels.uncertainty_of(EMOTION))[0]
    assert belief["happiness"] == pytest.approx(1 - unsure, abs=1e-5)


def test_people_speak_before_the_fusion_and_the_fusion_before_models(dataset: Dataset) -> None:
    add(dataset, "later", "human", "2026-02-01", {EMOTION: ["fear", None, None]})
    fused = fuse(dataset, [EMOTION], FuseOptions(layers=["m1", "m2", "m3"])).layer.name
    view = dataset.faces([EMOTION], provenance=True).to_pylist()
    layers = [row[f"{EMOTION.name}__layer"] for row in view]
    assert layers[:2] == ["later", fused]
    assert view[0][EMOTION.name] == "fear"


def test_again_adds_nothing_until_an_input_changes(dataset: Dataset) -> None:
    first = fuse(dataset, [EMOTION])
    before = sorted(p for p in dataset.path.rglob("*"))
    again = fuse(dataset, [EMOTION])
    assert (again.added, again.layer.name) == (False, first.layer.name)
    assert sorted(p for p in dataset.path.rglob("*")) == before
    add(dataset, "m4", "model", "2026-03-01", {EMOTION: ["fear", "fear", "fear"]})
    other = fuse(dataset, [EMOTION])
    assert other.added
    assert other.layer.name != first.layer.name
    assert first.layer.name in {i.name for i in dataset.layers()}
    assert fuse(dataset, [EMOTION], FuseOptions(layers=["m1", "m2"])).layer.name != other.layer.name


def test_a_label_beside_the_same_probabilities_is_an_input_too(dataset: Dataset) -> None:
    belief = {f.name: 1 / 7 for f in labels.EMOTION_PROB.type}
    names = []
    for said in (None, "fear"):
        values: dict[Column, list[Any]] = {EMOTION: [said] * 3, labels.EMOTION_PROB: [belief] * 3}
        layer = f"soft-{said}"
        add(dataset, layer, "model", "2026-03-01", values, annotator="soft")
        names.append(fuse(dataset, [EMOTION], FuseOptions(layers=[layer])).layer.name)
    assert len(set(names)) == 2


def test_one_layer_alone_is_not_fused_unless_it_is_named(dataset: Dataset) -> None:
    add(dataset, "lone", "model", "2026-03-01", {labels.MOUTH_STATE: ["open", None, "closed"]})
    with pytest.raises(UsageError, match="only lone says anything about it"):
        fuse(dataset, [labels.MOUTH_STATE])
    assert fuse(dataset, [labels.MOUTH_STATE], FuseOptions(layers=["lone"])).added


def test_several_columns_go_into_one_layer(dataset: Dataset) -> None:
    layer = fuse(dataset, [AGE, TAGS.name]).layer.name
    ages = column(dataset, layer, AGE)
    assert ages[0] == pytest.approx(32, abs=0.6)
    assert ages[2] is not None
    assert ages[3:] == [None, None, None]
    assert column(dataset, layer, TAGS)[:3] == [["x"], None, []]
    status = dataset.layer_table(layer, [labels.STATUS]).column(0).to_pylist()
    assert status == ["ok"] * 3 + ["not_applicable"] * 3


def test_the_box_of_the_detector_is_a_source(dataset: Dataset) -> None:
    boxes = {c: [10.0, 12.0, 14.0] for c in faces.BOX}
    add(dataset, "drawn", "human", "2026-04-01", boxes)
    fusion = fuse(dataset, ["box"])
    assert fusion.layer.extra["inputs"] == [{"column": "box", "layers": ["faces", "drawn"]}]
    record = dataset.layer_table(fusion.layer.name, ["box_sources"]).column(0).to_pylist()
    assert [r["layer"] for r in record[0]] == ["faces", "drawn"]
    assert [r["layer"] for r in record[3]] == ["faces"]
    assert dataset.faces([faces.BOX_W]).column(0).to_pylist()[0] == 10.0  # a person speaks first


def test_probabilities_are_pooled_where_a_source_gives_them(dataset: Dataset) -> None:
    names = [f.name for f in labels.EMOTION_PROB.type]
    sure = {n: 0.94 if n == "fear" else 0.01 for n in names}
    values: dict[Column, list[Any]] = {
        EMOTION: ["fear", "fear", None],
        labels.EMOTION_PROB: [sure, sure, dict.fromkeys(names, 1 / 7)],
    }
    add(dataset, "soft", "model", "2026-03-01", values)
    fusion = fuse(dataset, [EMOTION], FuseOptions(layers=["soft"]))
    assert fusion.facts[EMOTION.name]["method"] == "log pooling"
    assert column(dataset, fusion.layer.name, EMOTION)[:3] == ["fear", "fear", None]
    belief = column(dataset, fusion.layer.name, labels.EMOTION_PROB)
    assert belief[0]["fear"] == pytest.approx(0.94, abs=1e-4)
    both = fuse(dataset, [EMOTION, labels.EMOTION_PROB])
    assert list(both.facts) == [labels.EMOTION_PROB.name]
    assert EMOTION.name in both.layer.columns


def test_a_label_that_is_not_sure_enough_stays_null_and_is_marked(dataset: Dataset) -> None:
    add(dataset, "alone", "model", "2026-03-01", {EMOTION: ["fear", None, "anger"]}, KEYS[1])
    sure = fuse(dataset, [EMOTION], FuseOptions(layers=["m1", "m2", "m3"], least=0.85))
    told, flags = column(dataset, sure.layer.name, EMOTION), column(dataset, sure.layer.name, labels.EMOTION_ABSTAINED)
    unsure = column(dataset, sure.layer.name, labels.uncertainty_of(EMOTION))
    assert [t is None for t in told] == [u > 0.15 for u in unsure] == flags
    assert {None, "happiness"} <= set(told)
    assert column(dataset, sure.layer.name, labels.EMOTION_PROB)[2] is not None


def test_truth_from_a_table_and_from_a_layer(dataset: Dataset, tmp_path: Path) -> None:
    ids = dataset.faces([faces.FACE_ID]).column(0).to_pylist()
    true = ["fear", "fear", "fear", "fear", "fear", "fear"]
    path = tmp_path / "truth.csv"
    pa.csv.write_csv(pa.table({faces.FACE_ID.name: ids, EMOTION.name: true}), path)
    for source in (str(path), "people"):
        facts = fuse(dataset, [EMOTION], FuseOptions(layers=["m1", "m2", "m3"], truth=source)).facts[EMOTION.name]
        assert facts["faces_with_truth"] == (6 if source.endswith("csv") else 1)
    by_name = tmp_path / "names.csv"
    names = dataset.faces([faces.IMAGE_ID]).column(0).to_pylist()
    pa.csv.write_csv(pa.table({faces.IMAGE_ID.name: names[:4], EMOTION.name: ["fear", "Fear", "", "anger"]}), by_name)
    with pytest.raises(UsageError, match="holds 'Fear'"):
        fuse(dataset, [EMOTION], FuseOptions(truth=str(by_name)))
    pa.csv.write_csv(pa.table({faces.IMAGE_ID.name: names[:4], EMOTION.name: ["fear", "fear", "", "anger"]}), by_name)
    assert fuse(dataset, [EMOTION], FuseOptions(truth=str(by_name))).facts[EMOTION.name]["faces_with_truth"] == 3
    with pytest.raises(UsageError, match="says nothing about"):
        fuse(dataset, [AGE], FuseOptions(truth=str(path)))
    keyless = tmp_path / "keyless.csv"
    pa.csv.write_csv(pa.table({EMOTION.name: ["fear"]}), keyless)
    with pytest.raises(UsageError, match="has no column of keys"):
        fuse(dataset, [EMOTION], FuseOptions(truth=str(keyless)))
    bad = tmp_path / "bad.csv"
    pa.csv.write_csv(pa.table({faces.FACE_ID.name: ids[:1], EMOTION.name: ["bored"]}), bad)
    with pytest.raises(UsageError, match="holds 'bored'"):
        fuse(dataset, [EMOTION], FuseOptions(truth=str(bad)))


def test_confusions_of_an_evaluation_are_taken_over(dataset: Dataset, tmp_path: Path) -> None:
    emotions = [f.name for f in labels.EMOTION_PROB.type]
    paths = []
    for layer, right in (("m1", 5), ("m2", 5), ("m3", 95)):
        counts = [[right if a == b else (100 - right) / 6 for a in emotions] for b in emotions]
        section = {"column": EMOTION.name, "speakers": {layer: 700}}
        section["details"] = {"confusion": {"labels": emotions, "counts": counts}}
        paths.append(tmp_path / f"{layer}.json")
        paths[-1].write_text(json.dumps({"sections": [section]}), "utf-8")
    options = FuseOptions(layers=["m1", "m2", "m3"], truth=",".join(map(str, paths)))
    fusion = fuse(dataset, [EMOTION], options)
    assert column(dataset, fusion.layer.name, EMOTION)[1] == "fear"  # the one against two, and the one that is right
    accuracy = {n: s["accuracy"] for n, s in fusion.facts[EMOTION.name]["sources"].items()}
    assert accuracy["m3"] == pytest.approx(0.95, abs=0.02)
    assert accuracy["m1"] < 0.1
    (tmp_path / "none.json").write_text('{"sections": []}', "utf-8")
    with pytest.raises(UsageError, match="tells no reliabilities"):
        fuse(dataset, [EMOTION], FuseOptions(truth=str(tmp_path / "none.json")))
    with pytest.raises(UsageError, match="says nothing about"):
        fuse(dataset, [AGE], FuseOptions(truth=options.truth))
    (tmp_path / "odd.json").write_text("[]", "utf-8")
    with pytest.raises(UsageError, match="is no evaluation"):
        fuse(dataset, [EMOTION], FuseOptions(truth=str(tmp_path / "odd.json")))


def test_what_cannot_be_fused_is_said_so(dataset: Dataset) -> None:
    fused = fuse(dataset, [EMOTION]).layer.name
    with pytest.raises(UsageError, match="itself fused"):
        fuse(dataset, [EMOTION], FuseOptions(layers=[fused, "m1"]))
    with pytest.raises(UnknownNameError, match="m1"):
        fuse(dataset, [EMOTION], FuseOptions(layers=["m11"]))
    with pytest.raises(UsageError, match="no layer provides"):
        fuse(dataset, [labels.VALENCE])
    with pytest.raises(UsageError, match="share no space"):
        add(dataset, "vectors", "model", "2026-01-01", {labels.EMBEDDING: [[0.0] * 128] * 3})
        fuse(dataset, [labels.EMBEDDING])
    with pytest.raises(UsageError, match="it is a text"):
        add(dataset, "words", "model", "2026-01-01", {labels.CAPTION: ["a", "b", "c"]})
        fuse(dataset, [labels.CAPTION])
    with pytest.raises(UsageError, match="cannot group by"):
        fuse(dataset, [EMOTION], FuseOptions(by=AGE))
    with pytest.raises(UsageError, match="itself fused here"):
        fuse(dataset, [EMOTION], FuseOptions(by=EMOTION))


def test_the_command(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    add(dataset, "mouths", "model", "2026-01-01", {labels.MOUTH_STATE: ["open", "closed", None]})
    arguments = ["fuse", str(dataset.path), EMOTION.name, "--layers", "m1,m2,m3", "--by", labels.MOUTH_STATE.name]
    for expected in ("Layer: fusion.v1-", "was there already"):
        with pytest.raises(SystemExit) as done:
            main(arguments)
        assert done.value.code == 0
        said = capsys.readouterr().out
        assert expected in said
        assert "Krippendorff's alpha of all: " in said
        assert "Cohen's kappa of m1 / m2: " in said
    with pytest.raises(SystemExit) as failed:
        main(["fuse", str(dataset.path), "perceived_emoton"])
    assert failed.value.code == 2
    assert "Did you mean 'perceived_emotion'" in capsys.readouterr().err
