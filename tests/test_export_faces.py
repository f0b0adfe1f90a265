"""Face formats: the exact text of their files for samples made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.points import convert
from curate.engine.settings import configure
from curate.export.base import Exporter, Part, Plan
from curate.export.codes import Codes
from curate.export.encode import decode, encode
from curate.export.formats.celeba import NAMES, CelebA
from curate.export.formats.ferplus import votes_of
from curate.export.formats.pts_300w import read_pts
from curate.export.formats.stylegan import StyleGan, StyleGanConfig
from curate.export.formats.wflw import read_list
from curate.export.persons import folder_name, write_people
from curate.export.registry import exporter
from curate.export.sample import Box, FaceItem, Sample
from curate.export.verification_pairs import Shot, folds, pairs_text
from schemas import REGISTRY, Column, UsageError, labels
from schemas.columns import faces

SIDE = 64
BOX = (10.2, 12.0, 30.0, 40.4)


def sample(values: dict[Column, Any], number: int = 0, split: str = "train", box: Box = BOX) -> Sample:
    grey = np.full((SIDE, SIDE, 3), (100 + number) % 256, np.uint8)
    face = FaceItem(f"face{number}", box, {c.name: v for c, v in values.items()})
    return Sample(f"key{number}", number, split, encode(grey, "png"), ".png", SIDE, SIDE, (face,))


def write(name: str, samples: Sequence[Sample], folder: Path, shard: int = 2, **settings: Any) -> Exporter:
    """The samples in a format, two to a part so that parts must join."""
    cls = exporter(name)
    writer = cls(configure(cls.config_type, settings, name))
    given = [REGISTRY[n] for n in samples[0].faces[0].labels if n not in faces.FACES]
    columns = tuple(c for c in given if c.name not in writer.drops(given))
    splits = tuple(dict.fromkeys(s.split for s in samples))
    plan = Plan(columns, splits, "by hand", SIDE)
    writer.begin(folder, plan)
    parts = []
    for split in splits:
        own = [s for s in samples if s.split == split]
        for number, start in enumerate(range(0, len(own), shard)):
            parts.append(Part(split, number, columns))
            assert list(writer.write(folder, parts[-1], own[start : start + shard]))
    list(writer.finish(folder, plan, parts))
    return writer


def text(path: Path) -> str:
    return path.read_text("utf-8")


def test_fairface(tmp_path: Path) -> None:
    known = {labels.AGE_GROUP: "70+", labels.GENDER: "Female", labels.RACE: "Latino_Hispanic"}
    unknown = dict.fromkeys(known)
    write("fairface_csv", [sample(known), sample(unknown, 1), sample(known, 2, "validation")], tmp_path)
    assert text(tmp_path / "fairface_label_train.csv") == (
        "file,age,gender,race,service_test\n"
        "train/1.png,more than 70,Female,Latino_Hispanic,False\n"
        "train/2.png,,,,False\n"
    )
    assert text(tmp_path / "fairface_label_val.csv").splitlines()[1].startswith("val/3.png,")
    assert (tmp_path / "val/3.png").is_file()


def test_utkface_counts_male_as_0_and_merges_groups(tmp_path: Path) -> None:
    one = {labels.AGE: 25.4, labels.GENDER: "Male", labels.RACE: "Southeast Asian"}
    two = {labels.AGE: 70.0, labels.GENDER: "Female", labels.RACE: "Middle Eastern"}
    three = {**two, labels.GENDER: None}
    writer = write("utkface", [sample(one), sample(two, 1), sample(three, 2)], tmp_path)
    assert {p.name for p in (tmp_path / "train").iterdir()} == {
        "25_0_2_00000000000000000.png", "70_1_4_00000000000000001.png",
    }  # fmt: skip
    assert [p.name for p in (tmp_path / "incomplete/train").iterdir()] == ["70_x_4_00000000000000002.png"]
    told = writer.drops([labels.AGE, labels.RACE])
    assert set(told) == {labels.RACE.name} and "Southeast Asian becomes Asian (merge)" in told[labels.RACE.name]


def test_fer2013(tmp_path: Path) -> None:
    emotions = ("happiness", None, "neutral", "anger", "fear")
    splits = ("train", "train", "validation", "test", "extra")
    both = enumerate(zip(emotions, splits, strict=True))
    given = [sample({labels.PERCEIVED_EMOTION: e}, i, s) for i, (e, s) in both]
    write("fer2013_csv", given, tmp_path)
    rows = [line.split(",") for line in text(tmp_path / "fer2013.csv").splitlines()]
    assert rows[0] == ["emotion", "pixels", "Usage"]
    assert [(code, usage) for code, _, usage in rows[1:]] == [
        ("3", "Training"), ("6", "PublicTest"), ("0", "PrivateTest"), ("2", "extra"),
    ]  # fmt: skip
    assert rows[1][1] == " ".join(["100"] * 48 * 48)
    assert text(tmp_path / "fer2013_unlabelled.csv").splitlines()[1].startswith(",101 101")


def test_fer2013_has_no_contempt(tmp_path: Path) -> None:
    writer = write(
        "fer2013_csv", [sample({labels.EMOTION8: "contempt"}), sample({labels.EMOTION8: "fear"}, 1)], tmp_path
    )
    assert text(tmp_path / "fer2013.csv").splitlines()[1].startswith("2,101 ")
    assert "contempt has no counterpart" in writer.drops([labels.EMOTION8])[labels.EMOTION8.name]


def test_without_splits_all_is_for_training(tmp_path: Path) -> None:
    values = {labels.PERCEIVED_EMOTION: "fear", labels.EMOTION_PROB: {"fear": 1.0}, faces.POINTS_5: FIVE}
    for name in ("fer2013_csv", "ferplus", "celeba", "raf_db"):
        write(name, [sample(values, 0, ""), sample(values, 1, "")], tmp_path / name)
    assert text(tmp_path / "fer2013_csv/fer2013.csv").splitlines()[2].endswith(" 101,Training")
    assert (
        text(tmp_path / "ferplus/fer2013new.csv").splitlines()[2].startswith("Training,fer0000001.png,0,0,0,0,0,0,10")
    )
    assert (tmp_path / "ferplus/FER2013Train/fer0000001.png").is_file()
    assert text(tmp_path / "celeba/list_eval_partition.txt") == "000001.png 0\n000002.png 0\n"
    assert text(tmp_path / "raf_db/EmoLabel/list_patition_label.txt") == "train_00001.png 2\ntrain_00002.png 2\n"


def test_affectnet(tmp_path: Path) -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2) + 0.25
    full = {labels.EMOTION8: "contempt", labels.VALENCE: -0.5, labels.AROUSAL: 0.25, labels.POINTS_68: points}
    write("affectnet_csv", [sample(full), sample(dict.fromkeys(full), 1)], tmp_path)
    head, first, second = text(tmp_path / "training.csv").splitlines()
    assert head == ("subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
                    "expression,valence,arousal")  # fmt: skip
    assert first.startswith("1/key0.png,10,12,30,40,0.25;1.25;2.25;") and first.endswith(";135.25,7,-0.5,0.25")
    assert second == "1/key1.png,10,12,30,40,,9,-2.0,-2.0"
    assert (tmp_path / "Manually_Annotated_Images/1/key0.png").is_file()


def test_affectnet_takes_seven_classes_too() -> None:
    codes = {e: Codes(labels.PERCEIVED_EMOTION, "affectnet", ("emotion-8",)).code(e) for e in ("neutral", "anger")}
    assert codes == {"neutral": 0, "anger": 6}


def test_raf_db(tmp_path: Path) -> None:
    given = [sample({labels.PERCEIVED_EMOTION: e}, i, s) for i, (e, s) in enumerate(
        (("surprise", "train"), (None, "train"), ("neutral", "train"), ("sadness", "test")))]  # fmt: skip
    write("raf_db", given, tmp_path)
    assert text(tmp_path / "EmoLabel/list_patition_label.txt") == (
        "train_00001.png 1\ntrain_00003.png 7\ntest_00004.png 5\n"
    )
    assert (tmp_path / "Image/aligned/train_00002_aligned.png").is_file()


def test_pts_count_from_1(tmp_path: Path) -> None:
    points = np.zeros((68, 2), np.float32)
    points[1] = 2.5, 7
    write("pts_300w", [sample({labels.POINTS_68: points}), sample({labels.POINTS_68: None}, 1)], tmp_path)
    lines = text(tmp_path / "train/key0.pts").splitlines()
    assert lines[:5] == ["version: 1", "n_points: 68", "{", "1.000000 1.000000", "3.500000 8.000000"]
    assert lines[-1] == "}" and len(lines) == 68 + 4
    assert not (tmp_path / "train/key1.pts").exists() and (tmp_path / "train/key1.png").is_file()
    np.testing.assert_array_equal(read_pts(tmp_path / "train/key0.pts"), points)


def mesh() -> Any:
    return np.random.default_rng(3).uniform(5, 60, (478, 3)).astype(np.float32)


def test_points_come_from_the_mesh_where_it_is_all_there_is(tmp_path: Path) -> None:
    writer = write("pts_300w", [sample({labels.MESH: mesh()})], tmp_path)
    expected = convert(mesh(), "points-478", "points-68")[:, :2]
    np.testing.assert_allclose(read_pts(tmp_path / "train/key0.pts"), expected, atol=1e-5)
    assert "68 points" in writer.drops([labels.MESH])[labels.MESH.name]


def test_wflw(tmp_path: Path) -> None:
    write("wflw", [sample({labels.MESH: mesh()}), sample({labels.MESH: None}, 1)], tmp_path)
    path = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt"
    (line,) = text(path).splitlines()
    fields = line.split()
    assert len(fields) == 196 + 4 + 6 + 1
    assert fields[196:] == ["10", "12", "40", "52", "0", "0", "0", "0", "0", "0", "train/key0.png"]
    ((name, points, box),) = read_list(path)
    assert name == "train/key0.png"
    assert box == (10.0, 12.0, 30.0, 40.0)
    np.testing.assert_allclose(points[[0, 96, 97]], mesh()[[127, 468, 473], :2], atol=1e-5)
    assert (tmp_path / "WFLW_images/train/key1.png").is_file()


FIVE = np.array([[20.4, 30], [40, 30.6], [30, 40], [22, 50], [38, 50]], np.float32)


def test_celeba_lists(tmp_path: Path) -> None:
    told = {labels.CELEBA_PRESENT: ["Male", "Young"], labels.CELEBA_ABSTAINED: ["Smiling"], faces.POINTS_5: FIVE}
    given = [
        sample({**told, labels.IDENTITY_ID: "Zoë"}),
        sample({**told, labels.CELEBA_PRESENT: None, labels.IDENTITY_ID: None}, 1, "validation"),
        sample({**told, labels.IDENTITY_ID: "Ann B"}, 2, ""),
    ]
    writer = write("celeba", given, tmp_path)
    count, names, first, second, _ = text(tmp_path / "list_attr_celeba.txt").splitlines()
    assert count == "3" and names.split()[:2] == ["5_o_Clock_Shadow", "Arched_Eyebrows"] and len(names.split()) == 40
    expected = dict.fromkeys(NAMES, -1) | {"Male": 1, "Young": 1, "Smiling": 0, "Attractive": 0, "Chubby": 0}
    assert first == "000001.png " + " ".join(f"{v:2d}" for v in expected.values())
    assert second.split() == ["000002.png", *["0"] * 40]
    points = text(tmp_path / "list_landmarks_align_celeba.txt").splitlines()
    assert points[1].startswith("lefteye_x lefteye_y righteye_x") and points[2] == (
        "000001.png 20 30 40 31 30 40 22 50 38 50"
    )
    assert text(tmp_path / "list_bbox_celeba.txt").splitlines()[2] == "000001.png 10 12 30 40"
    assert text(tmp_path / "list_eval_partition.txt") == "000001.png 0\n000002.png 1\n000003.png 3\n"
    assert text(tmp_path / "identity_CelebA.txt") == "000001.png 2\n000002.png 0\n000003.png 1\n"
    assert text(tmp_path / "identity_names.txt") == "1 Ann B\n2 Zoë\n"
    found = {s.key: s.faces[0].labels for s in writer.read(tmp_path)}
    assert found["key0"][labels.IDENTITY_ID.name] == "Zoë"
    assert found["key0"][labels.CELEBA_PRESENT.name] == ["Male", "Young"]
    assert found["key1"][labels.CELEBA_PRESENT.name] is None


def test_celeba_without_its_list_takes_gender_and_eyewear(tmp_path: Path) -> None:
    values = {labels.GENDER: "Female", labels.EYEWEAR: "sunglasses", faces.POINTS_5: FIVE}
    writer = write("celeba", [sample(values)], tmp_path)
    flags = dict(zip(NAMES, text(tmp_path / "list_attr_celeba.txt").split()[42:], strict=True))
    assert {n: v for n, v in flags.items() if v != "0"} == {"Male": "-1", "Eyeglasses": "1"}
    assert set(writer.drops([labels.GENDER, labels.EYEWEAR])) == {labels.EYEWEAR.name}


def test_celeba_tells_a_changed_list() -> None:
    writer, column = CelebA(), labels.CELEBA_PRESENT
    assert writer.same(column, ["Male", "Young"], ["Young", "Male"])
    assert not writer.same(column, ["Male"], ["Young"]) and not writer.same(column, ["Male"], None)
    assert not writer.same(column, None, [])


def test_votes_add_up_and_what_is_missing_is_unknown() -> None:
    votes = votes_of({"happiness": 0.55, "neutral": 0.3, "fear": None}, 10)
    assert {k: v for k, v in votes.items() if v} == {"happiness": 6, "neutral": 3, "unknown": 1}
    assert votes_of(None, 10)["unknown"] == 10
    thirds = votes_of({"anger": 1 / 3, "fear": 1 / 3, "sadness": 1 / 3}, 10)
    assert sum(thirds.values()) == 10 and thirds["unknown"] == 0


def test_ferplus(tmp_path: Path) -> None:
    scores = {
        "anger": 0.0,
        "disgust": 0.1,
        "fear": 0.0,
        "happiness": 0.7,
        "sadness": 0.2,
        "surprise": 0.0,
        "neutral": 0,
    }
    given = [sample({labels.EMOTION_PROB: scores}), sample({labels.EMOTION_PROB: None}, 1, "test")]
    write("ferplus", given, tmp_path)
    assert text(tmp_path / "fer2013new.csv") == (
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
        "Training,fer0000000.png,0,7,0,2,0,1,0,0,0,0\n"
        "PrivateTest,fer0000001.png,0,0,0,0,0,0,0,0,10,0\n"
    )
    assert decode((tmp_path / "FER2013Train/fer0000000.png").read_bytes()).shape == (48, 48, 3)


def units(**known: float) -> dict[str, float | None]:
    return {f.name: known.get(f.name) for f in labels.AU_INTENSITY.type}


def test_bp4d(tmp_path: Path) -> None:
    given = [
        sample({labels.AU_INTENSITY: units(AU1=0.4, AU12=3.2, AU26=5), labels.IDENTITY_ID: "F001"}),
        sample({labels.AU_INTENSITY: units(AU1=1.0), labels.IDENTITY_ID: "M 2"}, 1),
        sample({labels.AU_INTENSITY: None, labels.IDENTITY_ID: "F001"}, 2),
    ]
    write("bp4d_au", given, tmp_path)
    head, first, second = (line.split(",") for line in text(tmp_path / "train/AU_OCC/F001_T1.csv").splitlines())
    assert head == [str(n) for n in range(100)]
    assert {head[i]: v for i, v in enumerate(first) if v != "9"} == {"0": "1", "1": "0", "12": "1"}
    assert second == ["2", *["9"] * 99]
    assert text(tmp_path / "train/AU_OCC/M_2_T1.csv").splitlines()[1].startswith("1,1,9")
    assert decode((tmp_path / "train/F001/T1/0002.png").read_bytes())[0, 0, 0] == 102


def test_bp4d_goes_by_scores_where_they_are_exported(tmp_path: Path) -> None:
    values = {labels.AU_SCORE: units(AU1=0.4, AU2=0.5), labels.AU_INTENSITY: units(AU1=5), labels.IDENTITY_ID: "F001"}
    write("bp4d_au", [sample(values)], tmp_path)
    assert text(tmp_path / "train/AU_OCC/F001_T1.csv").splitlines()[1].startswith("1,0,1,9,9")


def test_disfa(tmp_path: Path) -> None:
    given = [
        sample({labels.AU_INTENSITY: units(AU1=0.4, AU12=2.6), labels.IDENTITY_ID: "SN001"}),
        sample({labels.AU_INTENSITY: units(AU12=4), labels.IDENTITY_ID: "SN001"}, 1),
        sample({labels.AU_INTENSITY: units(AU1=5), labels.IDENTITY_ID: "SN001"}, 2),
    ]
    write("disfa_au", given, tmp_path)
    place = tmp_path / "train/ActionUnit_Labels/SN001"
    assert text(place / "SN001_au1.txt") == "1,0\n3,5\n"
    assert text(place / "SN001_au12.txt") == "1,3\n2,4\n"
    assert len(list(place.iterdir())) == 12 and text(place / "SN001_au26.txt") == ""


def test_imdb_clean(tmp_path: Path) -> None:
    full = {labels.AGE: 41.5, labels.GENDER: "Female", labels.ROLL: 1.0, labels.YAW: -20.1234, labels.PITCH: None}
    write("imdb_clean", [sample(full), sample(dict.fromkeys(full), 101, "validation")], tmp_path)
    assert text(tmp_path / "imdb_train_new_1024.csv") == (
        "filename,age,gender,x_min,y_min,x_max,y_max,head_roll,head_yaw,head_pitch\n"
        "00/key0.png,42,F,10.2,12.0,40.2,52.4,1.0,-20.123,\n"
    )
    assert text(tmp_path / "imdb_valid_new_1024.csv").splitlines()[1] == "01/key101.png,,,10.2,12.0,40.2,52.4,,,"


def test_stylegan(tmp_path: Path) -> None:
    given = [sample({labels.GENDER: g}, i) for i, g in ((0, "Male"), (1, None), (1000, "Female"))]
    write("stylegan", given, tmp_path, label=labels.GENDER.name)
    assert text(tmp_path / "train/dataset.json") == (
        '{"classes": ["Female", "Male", "unknown"], "labels": [\n'
        '["00000/img00000000.png", 1],\n["00000/img00000001.png", 2],\n["00001/img00001000.png", 0]\n]}\n'
    )
    assert (tmp_path / "train/00001/img00001000.png").is_file()


def test_stylegan_without_labels(tmp_path: Path) -> None:
    writer = write("stylegan", [sample({labels.GENDER: "Male"})], tmp_path)
    assert json.loads(text(tmp_path / "train/dataset.json"))["labels"] is None
    assert set(writer.drops([labels.GENDER])) == {labels.GENDER.name}
    for column in (labels.AGE, labels.STATUS):
        with pytest.raises(UsageError, match="has no classes"):
            StyleGan.preflight(StyleGanConfig(column.name))


def test_lfw(tmp_path: Path) -> None:
    who = ["Ann Lee", "Bo", "Ann Lee", None, "Bo", "Bo"]
    given = [sample({labels.IDENTITY_ID: w}, i) for i, w in enumerate(who)]
    writer = write("lfw", given, tmp_path, folds=1, pairs=1)
    found = {p.relative_to(tmp_path / "train").as_posix() for p in (tmp_path / "train").rglob("*.png")}
    people = {f"lfw/Ann_Lee/Ann_Lee_000{i}.png" for i in (1, 2)} | {f"lfw/Bo/Bo_000{i}.png" for i in (1, 2, 3)}
    assert found == people | {"unidentified/key3.png"}
    assert text(tmp_path / "train/lfw-names.txt") == "Ann_Lee\t2\nBo\t3\n"
    head, match, mismatch = text(tmp_path / "train/pairs.txt").splitlines()
    assert head == "1\t1" and len(match.split("\t")) == 3 and mismatch.split("\t")[::2] == ["Ann_Lee", "Bo"]
    told = {s.key: s.faces[0].labels[labels.IDENTITY_ID.name] for s in writer.read(tmp_path)}
    assert told == {f"key{i}": w for i, w in enumerate(who)}


def test_scikit_learn_reads_the_pairs(tmp_path: Path) -> None:
    from sklearn.datasets._lfw import _fetch_lfw_pairs  # type: ignore[import-untyped]

    who = ["Ann Lee", "Bo", "Ann Lee", "Bo", "Cy", "Di", "Di"]
    write("lfw", [sample({labels.IDENTITY_ID: w}, i) for i, w in enumerate(who)], tmp_path, folds=2, pairs=2)
    place, whole = tmp_path / "train", (slice(0, SIDE), slice(0, SIDE))
    pixels, same, _ = _fetch_lfw_pairs(place / "pairs.txt", place / "lfw", whole)
    shown = np.rint(pixels[:, :, 0, 0] * 255 - 100).astype(int).tolist()
    assert len(shown) == 4 and sorted(same.tolist()) == [0, 0, 1, 1]
    assert all(a != b and (who[a] == who[b]) == bool(s) for (a, b), s in zip(shown, same, strict=True))


def people(seed: int = 0) -> dict[str, list[Shot]]:
    rng = np.random.default_rng(seed)
    return {f"p{i:02d}": [Shot(n + 1, f"g{rng.integers(60)}") for n in range(rng.integers(1, 7))] for i in range(60)}


def test_pairs_keep_the_rules() -> None:
    known = people()
    drawn = folds(known, 5, 20, seed=1)
    assert len(drawn) == 5 and drawn == folds(known, 5, 20, seed=1) != folds(known, 5, 20, seed=2)
    seen: list[set[str]] = []
    for fold in drawn:
        assert len(set(fold.matches)) == len(set(fold.mismatches)) == len(drawn[0].matches) > 5
        for who, a, b in fold.matches:
            assert a < b and known[who][a - 1].group != known[who][b - 1].group
        for first, a, second, b in fold.mismatches:
            assert first < second and known[first][a - 1].group != known[second][b - 1].group
        seen.append({p[0] for p in fold.matches} | {n for p in fold.mismatches for n in (p[0], p[2])})
    assert all(not a & b for i, a in enumerate(seen) for b in seen[:i])


def test_few_people_make_fewer_folds_and_none_no_pair() -> None:
    two = {"a": [Shot(1), Shot(2)], "b": [Shot(1), Shot(2)]}
    assert [len(f.matches) for f in folds(two, 10, 300, 0)] == [2]
    assert folds({"a": [Shot(1), Shot(2)]}, 10, 300, 0) == [] and folds({"a": [Shot(1)], "b": [Shot(1)]}, 2, 2, 0) == []
    assert list(pairs_text([])) == ["0\t0\n"]
    copies = {"a": [Shot(1, "x"), Shot(2, "x")], "b": [Shot(1)]}
    assert folds(copies, 1, 5, 0) == []


def test_folders_of_people_are_plain_and_never_shared(tmp_path: Path) -> None:
    assert folder_name("Ann Lee") == "Ann_Lee" and folder_name(None) == "unidentified"
    odd = ["../up", "..", "Zoë", "Zoe", "顔", "unidentified", "a/b", "a\tb"]
    names = [folder_name(n) for n in odd]
    assert len(set(names)) == len(odd) and "unidentified" not in names
    assert all(n.isascii() and "/" not in n and not n.startswith(".") and "\t" not in n for n in names)
    with pytest.raises(UsageError, match="would share the folder"):
        write_people(tmp_path, ["Ann Lee", "Ann_Lee"])


def test_numbers_go_on_in_an_export_that_was_stopped(tmp_path: Path) -> None:
    given = [sample({labels.IDENTITY_ID: "Bo"}, i) for i in range(4)]
    first, second = exporter("lfw")(), exporter("lfw")()
    parts = [Part("train", n, (labels.IDENTITY_ID,)) for n in (0, 1)]
    list(first.write(tmp_path, parts[0], given[:2]))
    next(iter(first.write(tmp_path, parts[1], given[2:])))
    list(second.write(tmp_path, parts[1], given[2:]))
    pictures = sorted((tmp_path / "train/lfw/Bo").iterdir())
    assert [decode(p.read_bytes())[0, 0, 0] for p in pictures] == [100, 101, 102, 103]
