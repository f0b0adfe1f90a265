"""Importers: the labels of hand-written files in each layout, one clear line for what is wrong, and a real import."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate.importers import Found, ImportOptions, import_dataset, importer, importer_names
from curate.importers.base import read_source
from curate.importers.formats import hrm
from curate.importers.run import check_values
from curate.recipes.step import Site
from curate.recipes.steps.importing import Import, ImportStepOptions
from schemas import DatasetError, UsageError, taxonomy
from schemas.columns import faces, images, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

FACE_CROP = (150, 20, 330, 250)
CELEBA = taxonomy("celeba-40").labels


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), "seagreen").save(path)


def make_fairface(root: Path) -> None:
    write(
        root / "fairface_label_val.csv",
        "file,age,gender,race,service_test\nval/1.jpg,more than 70,Male,East Asian,True\n",
    )
    picture(root / "val/1.jpg")


def make_utkface(root: Path) -> None:
    picture(root / "26_1_2_20170116174525125.jpg.chip.jpg".replace(".jpg.chip", ""))
    picture(root / "61_3_20170109150557335.jpg")


def make_celeba(root: Path) -> None:
    flags = ["1" if n in ("Smiling", "Young") else "-1" for n in CELEBA]
    write(root / "list_attr_celeba.txt", f"1\n{' '.join(CELEBA)}\n000001.jpg {' '.join(flags)}\n")
    write(
        root / "list_landmarks_align_celeba.txt", "1\nlefteye_x ...\n000001.jpg 69 109 106 113 77 142 73 152 108 154\n"
    )
    write(root / "list_eval_partition.txt", "000001.jpg 2\n")
    write(root / "identity_CelebA.txt", "000001.jpg 2880\n")
    picture(root / "img_align_celeba/000001.jpg")


def make_affectnet(root: Path) -> None:
    points = ";".join(str(i) for i in range(136))
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    write(root / "training.csv", f"{head}1/a.jpg,1,2,30,31,{points},6,-0.5,0.25\n1/b.jpg,1,2,30,31,{points},9,-2,-2\n")
    picture(root / "1/a.jpg")
    picture(root / "1/b.jpg")


def make_raf_db(root: Path) -> None:
    write(root / "EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0001.jpg 7\n")
    picture(root / "Image/aligned/train_00001_aligned.jpg")
    picture(root / "Image/aligned/test_0001_aligned.jpg")


def make_coco(root: Path) -> None:
    told = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4],
             "attributes": {labels.GENDER.name: "Female", labels.AGE.name: 900, "hat": "red"}},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
        ],
    }  # fmt: skip
    write(root / "annotations/val.json", json.dumps(told))
    picture(root / "images/a.jpg")
    picture(root / "images/b.jpg")


def make_lfw(root: Path) -> None:
    picture(root / "lfw/Ada_Example/Ada_Example_0001.jpg")
    picture(root / "lfw/Ada_Example/other.jpg")
    write(root / "peopleDevTest.txt", "1\nAda_Example\t1\n")


def make_w300(root: Path) -> None:
    points = "".join(f"{i + 1} {i + 2}\n" for i in range(68))
    write(root / "a.pts", f"version: 1\nn_points:  68\n{{\n{points}}}\n")
    picture(root / "a.png")


def make_wflw(root: Path) -> None:
    line = " ".join([*(str(i) for i in range(196)), "5 6 25 36 0 1 0 0 1 0 0--Parade/a.jpg"])
    write(root / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt", f"{line}\n")
    picture(root / "WFLW_images/0--Parade/a.jpg")


def make_disfa(root: Path) -> None:
    write(root / "ActionUnit_Labels/SN001/SN001_au12.txt", "1,0\n2,4\n")
    picture(root / "Images/SN001/2.jpg")


def make_hrm(root: Path) -> None:
    codes = dict.fromkeys(hrm.UNITS, 0) | {"AU1": 1, "AU2": 2, "AU4": 3, "AU6": 4, "AU8": 5}
    write(root / "a.csv", f"frame,{','.join(hrm.UNITS)},ASD\nf1,{','.join(map(str, codes.values()))},1\n")
    picture(root / "f1.jpg")


def make_yolo(root: Path) -> None:
    write(root / "data.yaml", "names: [face, car]\n")
    write(root / "labels/val/a.txt", "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.1 0.1\n")
    picture(root / "images/val/a.jpg")


def make_emonet(root: Path) -> None:
    rows = ["00000,h1,True,Anger", "00000,h2,True,Anger", "00000,h1,False,Hopelessness", "00000,h2,True,Hopelessness"]
    write(root / "binary.csv", "path,annotator,value,emotion\n" + "\n".join(rows) + "\n")
    picture(root / "images/00000.jpg")


def make_fiftyone(root: Path) -> None:
    box = {"_cls": "Detection", "label": "face", "bounding_box": [0.25, 0.5, 0.5, 0.25], faces.FACE_ID.name: "a.0",
           labels.GENDER.name: "Female", "confidence": 0.9, "hat": "red", labels.AGE.name: 900}  # fmt: skip
    car = {"_cls": "Detection", "label": "car", "bounding_box": [0, 0, 0.5, 0.5]}
    dots = [[i / 100, {"$numberDouble": "NaN"} if i == 3 else i / 50] for i in range(68)]
    five = [[i / 10, 0.5] for i in range(5)]
    keypoints = [{"_cls": "Keypoint", "points": p, faces.FACE_ID.name: owner}
                 for p, owner in ((five, "a.0"), (five[:3], "a.0"), (dots, "a.0"), (five, "other"))]  # fmt: skip
    sample = {"filepath": "data/a.jpg", "tags": ["seen", "val"], "metadata": {"width": 40, "height": 40},
              "faces": {"_cls": "Detections", "detections": [box, car]},
              "points": {"_cls": "Keypoints", "keypoints": keypoints}}  # fmt: skip
    empty = {"filepath": "/elsewhere/b.jpg", "tags": [], "faces": {"_cls": "Detections", "detections": []}}
    write(root / "samples.json", json.dumps({"samples": [sample, empty]}))
    picture(root / "data/a.jpg")
    picture(root / "data/b.jpg")


def make_hf(root: Path) -> None:
    picture(root / "train/a.jpg")
    row = {"file_name": "a.jpg", labels.GENDER.name: "Male", "note": "x"}
    write(root / "train/metadata.jsonl", json.dumps(row) + "\n")


MAKERS: dict[str, Callable[[Path], None]] = {
    "fairface": make_fairface, "utkface": make_utkface, "celeba": make_celeba, "affectnet": make_affectnet,
    "raf_db": make_raf_db, "coco": make_coco, "lfw": make_lfw, "w300": make_w300, "wflw": make_wflw,
    "disfa": make_disfa, "hrm": make_hrm, "yolo": make_yolo, "emonet_binary": make_emonet, "hf": make_hf,
    "fiftyone": make_fiftyone,
}  # fmt: skip


def read(name: str, root: Path) -> Found:
    MAKERS[name](root)
    found = read_source(importer(name)(), root)
    check_values(found)
    return found


@pytest.mark.parametrize("name", importer_names())
def test_every_importer_reads_its_layout(name: str, tmp_path: Path) -> None:
    found = read(name, tmp_path)
    assert found.records
    assert all(record.path.is_file() for record in found.records)


@pytest.mark.parametrize("name", importer_names())
def test_an_empty_folder_is_one_clear_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_source(importer(name)(), tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_fairface(tmp_path: Path) -> None:
    record = read("fairface", tmp_path).records[0]
    assert record.labels == {
        labels.AGE_GROUP.name: "70+", labels.GENDER.name: "Male", labels.RACE.name: "East Asian",
        labels.RACE4.name: "Asian",
    }  # fmt: skip
    assert record.split == "validation"
    assert record.extra == {"service_test": "True"}


def test_utkface(tmp_path: Path) -> None:
    found = read("utkface", tmp_path)
    assert [r.labels for r in found.records] == [{
        labels.AGE.name: 26.0, labels.AGE_GROUP.name: "20-29", labels.GENDER.name: "Female", labels.RACE4.name: "Asian",
    }]  # fmt: skip
    assert sum(found.left_out.values()) == 2, "a name without a field, and Asian has no place among the seven"


def test_celeba(tmp_path: Path) -> None:
    record = read("celeba", tmp_path).records[0]
    assert record.labels == {
        labels.CELEBA_PRESENT.name: ["Smiling", "Young"], labels.CELEBA_ABSTAINED.name: [],
        labels.GENDER.name: "Female", labels.IDENTITY_ID.name: "celeba-2880",
    }  # fmt: skip
    assert record.split == "test"
    assert record.points is not None
    assert record.points[0].tolist() == [69, 109]


def test_affectnet(tmp_path: Path) -> None:
    found = read("affectnet", tmp_path)
    first, second = found.records
    assert first.labels[labels.EMOTION8.name] == first.labels[labels.PERCEIVED_EMOTION.name] == "anger"
    assert (first.labels[labels.VALENCE.name], first.labels[labels.AROUSAL.name]) == (-0.5, 0.25)
    assert first.box == (1, 2, 30, 31)
    assert set(second.labels) == {labels.POINTS_68.name}, "uncertain is no expression and -2 no valence"
    assert sum(found.left_out.values()) == 1


def test_raf_db(tmp_path: Path) -> None:
    first, second = read("raf_db", tmp_path).records
    assert (first.labels[labels.PERCEIVED_EMOTION.name], first.split) == ("sadness", "train")
    assert (second.labels[labels.PERCEIVED_EMOTION.name], second.split) == ("neutral", "test")


def test_coco(tmp_path: Path) -> None:
    found = read("coco", tmp_path)
    first, second = found.records
    assert (first.labels, first.extra) == ({labels.GENDER.name: "Female"}, {"hat": "red"})
    assert (first.box, first.split) == ((1, 2, 3, 4), "validation")
    assert not second.face
    assert sum(found.left_out.values()) == 2, "a car, and an age of 900"


def test_fiftyone(tmp_path: Path) -> None:
    found = read("fiftyone", tmp_path)
    first, second = found.records
    assert (first.labels, first.extra) == ({labels.GENDER.name: "Female"}, {"hat": "red"})
    assert (first.box, first.relative, first.split) == ((0.25, 0.5, 0.5, 0.25), True, "validation")
    assert (
        first.points is not None
        and first.layout == "points-5"
        and first.points[2].tolist() == pytest.approx([0.2, 0.5])
    )
    assert not second.face and second.path == tmp_path / "data/b.jpg", "a picture that was elsewhere is found beside"
    assert sum(found.left_out.values()) == 4, "a car, an age of 900, three points, and 68 of which one is unknown"


def test_points_and_people(tmp_path: Path) -> None:
    lfw = read("lfw", tmp_path / "lfw")
    assert [(r.labels[labels.IDENTITY_ID.name], r.split) for r in lfw.records] == [("Ada_Example", "test")]
    w300 = read("w300", tmp_path / "w300").records[0].labels[labels.POINTS_68.name]
    assert w300[:4] == [0, 1, 1, 2], "pixels are counted from 0 here"
    wflw = read("wflw", tmp_path / "wflw").records[0]
    assert wflw.labels[labels.POINTS_68.name][2:4] == [4, 5], "every second point of the jaw"
    assert (wflw.box, wflw.extra["expression"], wflw.extra["occlusion"]) == ((5, 6, 20, 30), 1, 1)


def test_action_units(tmp_path: Path) -> None:
    disfa = read("disfa", tmp_path / "disfa")
    assert disfa.records[0].labels[labels.AU_INTENSITY.name]["AU12"] == 4
    assert disfa.records[0].labels[labels.AU_INTENSITY.name]["AU1"] is None, "not coded is not absent"
    assert sum(disfa.left_out.values()) == 1
    told = read("hrm", tmp_path / "hrm").records[0]
    sides = [labels.AU_SCORE, labels.AU_SCORE_LEFT, labels.AU_SCORE_RIGHT]
    assert [[told.labels[c.name][u] for c in sides] for u in ("AU1", "AU2", "AU4", "AU6", "AU7")] == [
        [1, 1, 1], [1, 1, 0], [1, 0, 1], [1, None, None], [0, 0, 0],
    ]  # fmt: skip
    assert told.extra["AU8"] == 5, "codes without a column stay"


def test_hrm_goes_through_arrow_unchanged(tmp_path: Path) -> None:
    rng = random.Random(3)
    with (tmp_path / "in.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["frame", *hrm.UNITS, "ASD"])
        out.writerows([f"{i:05d}", *(rng.randint(0, 5) for _ in hrm.UNITS), i % 2] for i in range(300))
    rows = hrm.read_annotations(tmp_path / "in.csv")
    pq.write_table(rows, tmp_path / "rows.parquet")
    hrm.write_annotations(tmp_path / "out.csv", pq.read_table(tmp_path / "rows.parquet"))
    assert rows.num_rows == 300
    assert rows.schema.field("AU2X").type == pa.int8()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "in.csv").read_bytes()


def test_votes_boxes_and_classes(tmp_path: Path) -> None:
    votes = read("emonet_binary", tmp_path / "emonet").records[0].labels
    assert votes[labels.EMONET_TOP.name] == "Anger"
    assert votes[labels.EMONET_SCORE.name]["Helplessness"] == 0.5
    yolo = read("yolo", tmp_path / "yolo")
    assert np.allclose(yolo.records[0].box or (), (0.4, 0.3, 0.2, 0.4))
    assert sum(yolo.left_out.values()) == 1
    hf = read("hf", tmp_path / "hf").records[0]
    assert (hf.labels, hf.extra, hf.split) == ({labels.GENDER.name: "Male"}, {"note": "x"}, "train")


def test_hf_reads_class_numbers_by_their_names(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    cell = {"bytes": (tmp_path / "a.jpg").read_bytes(), "path": "a.jpg"}
    features = {labels.GENDER.name: {"names": ["Male", "Female"], "_type": "ClassLabel"}}
    table = pa.table({"image": [cell, cell], labels.GENDER.name: [1, -1]})
    facts = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    pq.write_table(table.replace_schema_metadata(facts), tmp_path / "test-00000-of-00001.parquet")
    first, second = read_source(importer("hf")(), tmp_path).records
    assert (first.labels, first.split, first.member) == ({labels.GENDER.name: "Female"}, "test", 0)
    assert second.labels == {}


@pytest.mark.parametrize(
    "text", ["names: [car, 'face']\n", "nc: 2\nnames:\n- car\n- face\n", "names:\n  0: car\n  1: face\n"]
)
def test_yolo_names_in_three_forms(text: str, tmp_path: Path) -> None:
    MAKERS["yolo"](tmp_path)
    write(tmp_path / "data.yaml", text)
    (record,) = read_source(importer("yolo")(), tmp_path).records
    assert record.box == pytest.approx((0.45, 0.45, 0.1, 0.1)), "the second line's class is now the face"


@pytest.mark.parametrize(
    ("name", "file", "text", "said"),
    [
        ("fairface", "fairface_label_val.csv", "file,age\n1.jpg,20-29\n", "no column gender, race"),
        ("fairface", "fairface_label_val.csv", "file,age,gender,race\n1.jpg,20-29,Male,Martian\n", "Martian"),
        ("celeba", "list_attr_celeba.txt", f"1\n{' '.join(CELEBA)}\n000001.jpg 1 -1\n", "line 3 has 3 cells"),
        ("affectnet", "training.csv", "subDirectory_filePath,expression\na.jpg,12\n", "12 is no code of affectnet"),
        ("raf_db", "EmoLabel/list_patition_label.txt", "train_1.jpg 8\n", "8 is no code of raf-db"),
        ("coco", "annotations/val.json", "{", "no COCO file"),
        ("fiftyone", "samples.json", '{"samples": [{"filepath": 3}]}', "no samples of FiftyOne"),
        ("w300", "a.pts", "version: 1\nn_points: 2\n{\n1 2\n3 4\n}\n", "of 68 points"),
        ("disfa", "ActionUnit_Labels/SN001/SN001_au12.txt", "1,7\n", "intensities are 0 to 5"),
        ("hrm", "a.csv", f"frame,{','.join(hrm.UNITS)}\nf1,{','.join(['9'] * len(hrm.UNITS))}\n", "codes are 0 to 5"),
        ("yolo", "data.yaml", "names: face\n", "names of the classes"),
        ("yolo", "labels/val/a.txt", "7 0.5 0.5 0.2 0.4\n", "no name in data.yaml"),
        ("emonet_binary", "binary.csv", "path,annotator,value,emotion\n0,h,maybe,Anger\n", "maybe"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_file(name: str, file: str, text: str, said: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path)
    write(tmp_path / file, text)
    with pytest.raises(UsageError) as caught:
        read_source(importer(name)(), tmp_path)
    line = str(caught.value)
    assert said in line
    assert Path(file).name in line


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO: one face that is found, one that is not (its box lies on plain colour), one picture that is missing."""
    data = pytest.importorskip("skimage.data")
    root = tmp_path_factory.mktemp("coco")
    person = Image.fromarray(data.astronaut())
    sheet = Image.new("RGB", (700, 512), "seagreen")
    sheet.paste(person, (0, 0))
    (root / "images").mkdir()
    sheet.save(root / "images/a.png")
    boxes = [(180, 60, 90, 120), (600, 300, 60, 80)]
    notes = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box, "attributes": {labels.GENDER.name: who}}
        for i, (box, who) in enumerate(zip(boxes, ("Female", "Male"), strict=True))
    ]
    notes.append({"id": 9, "image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4]})
    pictures = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"}]
    kinds = [{"id": 1, "name": "face"}]
    write(root / "annotations/train.json", json.dumps({"images": pictures, "categories": kinds, "annotations": notes}))
    return root


def test_a_real_import(source: Path, tmp_path: Path, models: ModelStore) -> None:
    options = ImportOptions(licence="CC0-1.0", workers=1)
    done = import_dataset("coco", source, tmp_path / "ds", options)
    assert done.written
    assert sorted(done.outcomes.values()) == [1, 1, 1]
    assert "the picture could not be used: missing" in done.outcomes
    wanted = (faces.FACE_ID, faces.ORIGIN, faces.BOX_X, labels.GENDER, images.SPLIT, images.LICENCE)
    rows = {r[labels.GENDER.name]: r for r in done.dataset.faces(wanted).to_pylist()}
    assert set(rows) == {"Female", "Male"}
    assert rows["Male"][faces.ORIGIN.name] == "human"
    assert rows["Male"][faces.BOX_X.name] == 600
    assert rows["Female"][faces.ORIGIN.name] != "human"
    assert {(r[images.SPLIT.name], r[images.LICENCE.name]) for r in rows.values()} == {("train", "CC0-1.0")}
    (layer,) = (i for i in done.dataset.layers() if i.name == "import_coco")
    assert (layer.kind, layer.author) == ("human", "whoever made the annotations")

    again = import_dataset("coco", source, tmp_path / "ds", options)
    assert not again.written
    assert again.dataset.faces([faces.FACE_ID]).num_rows == 2

    listing = source / "annotations/train.json"
    before = listing.read_text()
    try:
        listing.write_text(before.replace("Female", "Male"))
        with pytest.raises(DatasetError, match="other content"):
            import_dataset("coco", source, tmp_path / "ds", options)
    finally:
        listing.write_text(before)


def test_an_import_goes_on_after_it_was_killed(
    source: Path, tmp_path: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("curate.importers.run.publish_layer", killed)
        import_dataset("coco", source, tmp_path / "ds", ImportOptions(workers=1))
    done = import_dataset("coco", source, tmp_path / "ds", ImportOptions(workers=1))
    assert done.written
    assert sorted(done.dataset.faces([labels.GENDER]).column(0).to_pylist()) == ["Female", "Male"]


def test_pictures_in_parquet(tmp_path: Path, models: ModelStore) -> None:
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()).crop(FACE_CROP).save(tmp_path / "a.png")
    cells = [{"bytes": b"no picture", "path": "x.png"}, {"bytes": (tmp_path / "a.png").read_bytes(), "path": "a.png"}]
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"image": cells, labels.GENDER.name: ["Male", "Female"]}), tmp_path / "in/test-0.parquet")
    done = import_dataset("hf", tmp_path / "in", tmp_path / "ds", ImportOptions(workers=1))
    wanted = (labels.GENDER, images.SPLIT, images.MEMBER)
    (row,) = done.dataset.faces(wanted).to_pylist()
    assert row == {labels.GENDER.name: "Female", images.SPLIT.name: "test", images.MEMBER.name: 1}
    assert sum(done.outcomes.values()) == 2


@pytest.fixture(scope="module")
def celeba(tmp_path_factory: pytest.TempPathFactory, models: ModelStore) -> Path:
    """A dataset of CelebA's layout with the astronaut's face: its points, an empty picture, a crop of two faces."""
    data = pytest.importorskip("skimage.data")
    root = tmp_path_factory.mktemp("celeba")
    face = Image.fromarray(data.astronaut()).crop(FACE_CROP)
    two = Image.new("RGB", (300, 230), "seagreen")
    two.paste(face, (0, 0))
    two.paste(face.resize((90, 115)), (200, 60))
    (root / "img_align_celeba").mkdir()
    for name, drawn in (("1.png", face), ("2.png", Image.new("RGB", (178, 218), "seagreen")), ("3.png", two)):
        drawn.save(root / "img_align_celeba" / name)
    rows = [" ".join("1" if n == "Smiling" else "-1" for n in CELEBA)] * 3
    listed = "".join(f"{i + 1}.png {row}\n" for i, row in enumerate(rows))
    write(root / "list_attr_celeba.txt", f"3\n{' '.join(CELEBA)}\n{listed}")
    return root


def test_crops_and_points_find_their_face(celeba: Path, tmp_path: Path) -> None:
    done = import_dataset("celeba", celeba, tmp_path / "ds", ImportOptions(workers=1))
    assert done.outcomes == {
        "the only face of its picture": 1,
        "no face was found, and the source does not say where it is": 1,
        "the largest face of a crop with several": 1,
    }
    wanted = (images.NAME, faces.BOX_W, faces.POINTS_5, labels.CELEBA_PRESENT, images.LICENCE)
    rows = [r for r in done.dataset.faces(wanted).to_pylist() if r[images.NAME.name].endswith("3.png")]
    small, large = sorted(rows, key=lambda r: float(r[faces.BOX_W.name]))
    assert small[labels.CELEBA_PRESENT.name] is None
    assert large[labels.CELEBA_PRESENT.name] == ["Smiling"]
    assert "research" in large[images.LICENCE.name]

    points = " ".join(str(round(v)) for v in small[faces.POINTS_5.name])
    write(celeba / "list_landmarks_align_celeba.txt", f"1\nlefteye_x ...\n3.png {points}\n")
    options = ImportOptions(workers=1, layer="by_points", labels_only=True)
    again = import_dataset("celeba", celeba, tmp_path / "ds", options)
    assert again.outcomes["matched by points or box"] == 1
    told = again.dataset.layer_table("by_points", [faces.FACE_ID, labels.CELEBA_PRESENT]).to_pylist()
    assert sum(r[labels.CELEBA_PRESENT.name] is not None for r in told) == 2
    now = again.dataset.faces(wanted, layers=["by_points"]).to_pylist()
    third = [r for r in now if r[images.NAME.name].endswith("3.png")]
    assert min(third, key=lambda r: float(r[faces.BOX_W.name]))[labels.CELEBA_PRESENT.name] == ["Smiling"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from curate.cli.main import main

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        told = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, told.out, told.err

    MAKERS["utkface"](tmp_path / "in")
    code, out, _ = call("import", "utkface", tmp_path / "in", "--dry-run")
    assert code == 0
    assert "1 records of 1 pictures; nothing was written" in out
    assert "not taken over: 1: 'Asian' of race-utkface-5 has no place" in out
    code, out, _ = call("import", "--list")
    assert code == 0
    assert all(name in out for name in importer_names())
    code, _, err = call("import", "celebrity", tmp_path / "in", tmp_path / "ds")
    assert (code, err.count("\n")) == (2, 1)
    assert "celeba" in err
    assert not (tmp_path / "ds").exists()


def test_a_recipe_s_step_tells_what_it_left_out_as_plain_data(source: Path, tmp_path: Path, models: ModelStore) -> None:
    shutil.copytree(source, tmp_path / "in")
    listed = tmp_path / "in/annotations/train.json"
    told = json.loads(listed.read_text("utf-8"))
    told["categories"].append({"id": 2, "name": "car"})
    told["annotations"].append({"id": 10, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]})
    write(listed, json.dumps(told))
    site = Site("mine", "take", (str(tmp_path / "in"),), tmp_path / "out", workers=1)
    dropped = asdict(Import(ImportStepOptions("coco")).run(site))["dropped"]
    assert json.loads(json.dumps(dropped))["annotations of the category 'car', which is no face"] == 1


def test_pictures_without_any_face_are_imported_with_what_people_say(tmp_path: Path, models: ModelStore) -> None:
    make_utkface(tmp_path / "utk")
    done = import_dataset("utkface", tmp_path / "utk", tmp_path / "ds", ImportOptions(workers=1))
    assert done.dataset.counts().layers["import_utkface"]
