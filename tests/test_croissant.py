"""The Croissant file: valid by MLCommons' own library, and read back as the dataset's values."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from annotators.weights import ModelStore
from curate import api
from curate.card import Inputs, croissant, validate, write_card
from curate.card.jsonld import CONTEXT, unstated
from curate.card.record_sets import data_type, json_path
from curate.cli.main import main
from curate.store import Dataset
from notebooks.demo_photos import make
from schemas import REGISTRY, DatasetError, MissingExtraError, taxonomy
from schemas.columns import faces, images, labels
from tests.card_samples import full, sample

mlcroissant: Any = pytest.importorskip("mlcroissant")
pytestmark = [  # of rdflib and pandas, as mlcroissant uses them
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]

RAI = {
    "dataCollection", "dataCollectionType", "dataCollectionMissingData", "dataCollectionRawData",
    "dataCollectionTimeframe", "dataImputationProtocol", "dataPreprocessingProtocol", "dataManipulationProtocol",
    "dataAnnotationProtocol", "dataAnnotationPlatform", "dataAnnotationAnalysis", "annotationsPerItem",
    "annotatorDemographics", "machineAnnotationTools", "dataBiases", "dataUseCases", "dataLimitations",
    "dataSocialImpact", "personalSensitiveInformation", "dataReleaseMaintenancePlan",
}  # fmt: skip
"""Properties of http://mlcommons.org/croissant/RAI/1.0, from the specification's croissant_rai.ttl."""


@pytest.fixture(scope="module")
def real(models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """Fifteen faces of the demo's photos, in shards of six pictures, with all default labels and a card."""
    folder = tmp_path_factory.mktemp("croissant")
    make(folder / "photos")
    ds = api.run(folder / "photos", folder / "faces", api.Options(workers=1, shard_size=6))
    write_card(ds, Inputs(full(folder / "about.toml")))
    yield Dataset.open(ds.path)


@pytest.fixture(scope="module")
def opened(real: Dataset) -> Any:
    """The card as mlcroissant reads it."""
    return mlcroissant.Dataset(str(real.path / "croissant.json"))


def same(found: Any, expected: Any) -> bool:
    """Whether a value read through mlcroissant is the dataset's: texts come as bytes, numbers as numpy's."""
    if expected is None or found is None:
        return found is expected
    if isinstance(expected, str):
        return bool(found.decode() == expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(same(a, b) for a, b in zip(found, expected, strict=True))
    if isinstance(expected, float):
        return math.isclose(float(found), expected, rel_tol=1e-6)
    return bool(found == expected)


def test_a_full_card_has_no_errors_and_no_warnings(real: Dataset, opened: Any) -> None:
    assert validate(real.path / "croissant.json").warnings == ()
    document = json.loads((real.path / "croissant.json").read_text("utf-8"))
    assert document["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    assert document["version"] == "2.1.0"
    assert document["creator"][1] == {"@type": "sc:Organization", "name": "A Lab"}
    found = opened.metadata
    assert str(found.ctx.conforms_to.value) == "http://mlcommons.org/croissant/1.1"
    assert found.cite_as == "@misc{ten, title={Ten faces}}"
    assert found.data_limitations, "mlcroissant knows the RAI properties"


def test_faces_read_through_mlcroissant_are_the_datasets(real: Dataset, opened: Any) -> None:
    found = list(opened.records("faces"))
    expected = [row for key in real.keys("faces") for row in real.read("faces", key).to_pylist()]
    assert len(real.keys("faces")) == 3, "several shards are one record set"
    assert len(found) == len(expected) == 15
    for record, row in zip(found, expected, strict=True):
        assert set(record) == {f"faces/{name}" for name in row}
        for name, value in row.items():
            assert same(record[f"faces/{name}"], value), name


def test_every_record_set_can_be_read(real: Dataset, opened: Any) -> None:
    document = json.loads((real.path / "croissant.json").read_text("utf-8"))
    names = [r["@id"] for r in document["recordSet"]]
    assert {"images", "faces", *(f"labels/{i.name}" for i in real.layers())} <= set(names)
    rows = {n: len(list(opened.records(n))) for n in names}
    assert rows["images"] == sum(real.rows("images", k) for k in real.keys("images"))
    assert {rows[f"labels/{i.name}"] for i in real.layers()} == {15}


def test_labels_read_through_mlcroissant_are_the_datasets(real: Dataset, opened: Any) -> None:
    for layer, column in (("demographics.v1", labels.RACE_PROB), ("action_units.v1", labels.AU_SCORE)):
        values = real.layer_table(layer, [column]).column(0).to_pylist()
        name = f"labels/{layer}"
        for record, expected in zip(opened.records(name), values, strict=True):
            found = record[f"{name}/{column.name}"]
            for field, value in (expected or {}).items():
                key = f"{name}/{column.name}/{field}".replace(" ", "%20")
                assert same(found[key], value), field
    emotions = real.layer_table("emotion.v3", [labels.PERCEIVED_EMOTION]).column(0).to_pylist()
    name = f"labels/emotion.v3/{labels.PERCEIVED_EMOTION.name}"
    read = list(opened.records("labels/emotion.v3"))
    assert all(same(r[name], e) for r, e in zip(read, emotions, strict=True))


def test_vectors_come_as_arrays(real: Dataset, opened: Any) -> None:
    expected = real.layer_table("identity.v1", [labels.EMBEDDING]).column(0).to_pylist()
    found = [r[f"labels/identity.v1/{labels.EMBEDDING.name}"] for r in opened.records("labels/identity.v1")]
    for one, vector in zip(found, expected, strict=True):
        assert (one is None) == (vector is None)
        if vector is not None:
            np.testing.assert_allclose(np.asarray(one, np.float32), vector, rtol=1e-6)


def test_globs_name_exactly_the_shards_and_sums_vouch_for_them(real: Dataset) -> None:
    document = json.loads((real.path / "croissant.json").read_text("utf-8"))
    sets = [n for n in document["distribution"] if n["@type"] == "cr:FileSet"]
    parts = {p.relative_to(real.path).as_posix() for p in real.path.rglob("*.parquet")}
    named = {p for p in parts for s in sets if fnmatch(p, s["includes"])}
    assert named == {p for p in parts if p.split("/")[0] in ("images", "faces", "labels")}
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=real.path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len((real.path / "SHA256SUMS").read_text("utf-8").splitlines()) == len(named)


def test_single_files_carry_their_digest(real: Dataset) -> None:
    document = json.loads((real.path / "croissant.json").read_text("utf-8"))
    objects = {n["contentUrl"]: n for n in document["distribution"] if n["@type"] == "cr:FileObject"}
    assert set(objects) == {"DATASHEET.md", "DATASHEET.html", "SHA256SUMS", "dataset.json"}
    for name, node in objects.items():
        data = (real.path / name).read_bytes()
        assert node["sha256"] == hashlib.sha256(data).hexdigest()
        assert node["contentSize"] == f"{len(data)} B"


def test_a_file_that_was_changed_is_told_apart(real: Dataset, tmp_path: Path) -> None:
    document = json.loads((real.path / "croissant.json").read_text("utf-8"))
    document["recordSet"] = []
    text = {"@type": "cr:Field", "@id": "card/text", "dataType": "sc:Text",
            "source": {"fileObject": {"@id": "SHA256SUMS"}, "extract": {"fileProperty": "content"}}}  # fmt: skip
    document["recordSet"].append({"@type": "cr:RecordSet", "@id": "card", "field": [text]})
    copy = tmp_path / "croissant.json"
    copy.write_text(json.dumps(document), "utf-8")
    for name in ("DATASHEET.md", "DATASHEET.html", "SHA256SUMS", "dataset.json"):
        (tmp_path / name).write_bytes((real.path / name).read_bytes())
    assert len(list(mlcroissant.Dataset(str(copy)).records("card"))) == 1
    (tmp_path / "SHA256SUMS").write_text("tampered", "utf-8")
    with pytest.raises(Exception, match="SHA256SUMS") as caught:
        list(mlcroissant.Dataset(str(copy)).records("card"))
    assert "is not identical with the reference" in str(caught.value.__cause__)


def test_fields_say_type_unit_frame_and_shape(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"))
    fields = {f["@id"]: f for r in document["recordSet"] for f in r["field"]}
    box = fields[f"faces/{faces.BOX_X.name}"]
    assert box["dataType"] == "cr:Float32"
    assert "unit: px" in box["description"]
    assert "frame: upright image pixels" in box["description"]
    points = fields[f"faces/{faces.POINTS_5.name}"]
    assert (points["isArray"], points["arrayShape"], points["dataType"]) == (True, "10", "cr:Float32")
    assert "flat list of a 5 x 2 array" in points["description"]
    gender = fields[f"labels/demographics.v1/{labels.GENDER.name}"]
    assert gender["dataType"] == ["sc:Text", "cr:Label"]
    assert "sensitive" in gender["description"]
    chances = fields[f"labels/demographics.v1/{labels.GENDER_PROB.name}"]
    assert [s["name"] for s in chances["subField"]] == ["Female", "Male"]
    assert chances["subField"][0]["source"]["transform"] == {"jsonPath": "$.Female"}


def test_layers_say_who_made_them(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"))
    layer = next(r for r in document["recordSet"] if r["@id"] == "labels/quality.v1")
    assert layer["prov:wasAttributedTo"] == {"@type": "prov:SoftwareAgent", "prov:label": "quality"}
    assert (
        layer["prov:wasGeneratedBy"]["prov:endedAtTime"] == Dataset.open(tmp_path / "faces").layer("quality.v1").created
    )


def test_taxonomies_are_enumerations(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"))
    found = next(r for r in document["recordSet"] if r["@id"] == "taxonomy/gender-2")
    assert found["dataType"] == "sc:Enumeration"
    assert [row["taxonomy/gender-2/name"] for row in found["data"]] == list(taxonomy("gender-2").labels)


def test_rai_properties_are_the_vocabularys_and_measured(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"), Inputs(full(tmp_path / "about.toml")))
    used = {k.removeprefix("rai:") for k in document if k.startswith("rai:")}
    assert used <= RAI
    assert {"dataCollection", "dataBiases", "dataLimitations", "personalSensitiveInformation"} <= used
    assert document["rai:dataUseCases"] == ["Testing.", "Teaching."]
    assert document["rai:dataCollectionTimeframe"] == ["2020-01-01", "2021-12-31"]
    biases = " ".join(document["rai:dataBiases"])
    assert "perceived_gender among 8 labelled faces (95 % intervals): Female 75.0 % (40.9-92.9)" in biases
    assert "quality.v1: 0 not applicable, 1 failed, 0 not computed" in document["rai:dataCollectionMissingData"]
    assert any("2 faces may be of people under 20" in t for t in document["rai:personalSensitiveInformation"])
    assert "rai:annotatorDemographics" not in document, "nobody labelled by hand"


def test_human_labels_are_counted_per_layer(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces", kinds={"quality.v1": "human"})
    document = croissant(ds)
    assert document["rai:annotationsPerItem"] == ("Layers of human labels: 1. Faces labelled, of 10: quality.v1: 9.")
    assert document["rai:dataAnnotationPlatform"] == ["quality"]


def test_what_nobody_stated_is_left_out_and_named(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    document = croissant(ds)
    assert not {"citeAs", "datePublished", "license", "creator", "url"} & set(document)
    assert unstated(ds, Inputs().about) == [
        "dataset.description", "dataset.licence", "dataset.url", "dataset.creators", "dataset.published",
    ]  # fmt: skip
    warned = validate(document).warnings
    assert len(warned) == 3
    assert all("is recommended, but does not exist" in w for w in warned)


def test_a_later_revision_names_its_own_folders(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces").new_revision()
    key = ds.keys("images")[0]
    ds.write("faces", key, ds.at_revision(0).read("faces", key))
    document = croissant(ds)
    sets = {n["@id"]: n["includes"] for n in document["distribution"] if n["@type"] == "cr:FileSet"}
    assert sets == {"files/images": "images/*.parquet", "files/faces": "revisions/1/faces/*.parquet"}
    assert document["version"] == "2.0.0"


def test_exporters_bring_their_own_layout(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    node = {"@type": "cr:FileObject", "@id": "all.tar", "contentUrl": "all.tar", "encodingFormat": "application/x-tar",
            "sha256": "0" * 64}  # fmt: skip
    document = croissant(ds, distribution=[node], records=[])
    assert document["distribution"] == [node]
    assert document["recordSet"] == []
    assert document["rai:dataBiases"]
    validate(document)


def test_errors_are_told(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"))
    document["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "files/nowhere"
    with pytest.raises(DatasetError, match="is not valid Croissant"):
        validate(document)


def test_the_context_is_mlcroissants_own() -> None:
    from mlcroissant._src.core.context import Context
    from mlcroissant._src.core.rdf import make_context

    standard = make_context(Context(conforms_to="http://mlcommons.org/croissant/1.1"))
    assert {k: v for k, v in CONTEXT.items() if k != "prov"} == standard


def test_every_declared_column_has_a_type() -> None:
    def leaves(kind: pa.DataType) -> Iterator[pa.DataType]:
        if pa.types.is_struct(kind):
            for field in kind:
                yield from leaves(field.type)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from leaves(kind.value_type)
        else:
            yield kind

    for column in REGISTRY.values():
        for kind in leaves(column.type):
            text = pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind)
            assert text == (data_type(kind) == "sc:Text"), f"{column.name}: {kind}"


@pytest.mark.parametrize("name", ["AU12", "East Asian", "70+", "it's", "a.b", "Pleasure/Ecstasy"])
def test_a_json_path_finds_any_label(name: str) -> None:
    jsonpath_rw: Any = pytest.importorskip("jsonpath_rw")
    found = jsonpath_rw.parse(json_path(name)).find({name: 7, "other": 1})
    assert [m.value for m in found] == [7]


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    monkeypatch.setattr("annotators.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[croissant\]"):
        validate(tmp_path / "x.json")
    with pytest.raises(SystemExit) as left:
        main(["card", str(ds.path), "--validate"])
    assert left.value.code == 2
    assert not (ds.path / "croissant.json").exists(), "told before anything is written"
    assert (write_card(ds)[-1]).name == "croissant.json", "writing needs no library"


def test_the_command_validates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = sample(tmp_path / "faces")
    full(tmp_path / "about.toml")
    with pytest.raises(SystemExit) as left:
        main(["card", str(ds.path), "--about", str(tmp_path / "about.toml"), "--validate", "-q"])
    assert not left.value.code
    said = capsys.readouterr()
    assert "croissant.json is valid Croissant" in said.out
    assert said.err == ""


def test_pictures_are_described(tmp_path: Path) -> None:
    document = croissant(sample(tmp_path / "faces"))
    record = next(r for r in document["recordSet"] if r["@id"] == "images")
    assert record["key"] == {"@id": f"images/{images.IMAGE_ID.name}"}
    assert "column uri names where they lie" in document["rai:dataCollectionRawData"]
