"""The report page: what it says, what it hides, and that it is one safe file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from services.face_datasets import (
    add_labels,
    face_table,
    image_table,
    large_dataset,
    ledger_row,
    picture_row,
    save_pictures,
    small_dataset,
)

from annotators.adapters.minors import may_be_minor
from curate.report import ReportOptions, write_report
from curate.report.charts import nice_step, short
from curate.report.distributions import binned, card
from curate.report.overlay import overlays, window
from curate.report.sample import extremes, may_be_minors, minors, varied
from curate.report.thumbnails import crop
from curate.store import Dataset, LayerInfo
from schemas import REGISTRY, Column, Kind, Reason
from schemas.columns import faces, labels

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&.jpg'


class Page(HTMLParser):
    """What a page consists of: tags with attributes, its scripts and styles, and the words people see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.words = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open].append(data)
        else:
            self.words += f" {data}"

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.tags if name in attributes]


def page_of(ds: Dataset, folder: Path, **options: object) -> Page:
    path = write_report(ds, folder / "page.html", ReportOptions(**options))  # type: ignore[arg-type]
    return Page(path.read_text("utf-8"))


def words(page: Page) -> str:
    return " ".join(page.words.split())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(small, tmp_path_factory.mktemp("page"))


def test_headline_counts(page: Page) -> None:
    text = words(page)
    assert "pictures 9 6 usable" in text
    assert "faces 10 1.67 per usable picture" in text
    assert "in the ledger 3 3 reasons" in text
    assert "Labels are perception." in text
    assert "not for hiring" in text


def test_ledger_layers_and_models_are_listed(page: Page, small: Dataset) -> None:
    text = words(page)
    assert "truncated 1 broken.jpg the file ends early" in text
    for info in small.layers():
        assert info.name in text
    assert "0" * 64 in text
    assert "These bytes are not in the model catalogue." in text


def test_counts_of_a_layer_add_up(page: Page, small: Dataset) -> None:
    counts = small.counts().layers["emotion.v1"]
    row = f"emotion.v1 model emotion 1 {counts['ok']} {counts['not_applicable']} {counts['failed']} 0"
    assert row in words(page)


def test_nothing_points_outside(page: Page) -> None:
    addresses = [a[n] or "" for n in ("src", "href", "xlink:href", "action") for a in page.having(n)]
    assert addresses
    assert all(a.startswith(("data:image/webp;base64,", "#")) for a in addresses)
    assert not page.having("style")
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert "url(" not in page.inside["style"][0]
    assert "@import" not in page.inside["style"][0]


def test_the_policy_allows_this_script_and_style_only(page: Page) -> None:
    policy = next(a["content"] or "" for a in page.having("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; ")
    for kind in ("style", "script"):
        (text,) = page.inside[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_every_drawable_column_has_a_card(page: Page, small: Dataset) -> None:
    undrawn = (Kind.POINTS, Kind.VECTOR, Kind.ID)
    names = {n for info in small.layers() for n in info.columns if REGISTRY[n].kind not in undrawn}
    assert len(names) > 30
    assert not [n for n in names if n not in page.words]
    overlays_shown = {a["id"] for a in page.having("id") if (a["id"] or "").startswith("show-")}
    assert overlays_shown >= {"show-box", "show-pose", "show-points_5", "show-landmarks_68", "show-landmarks_478"}


def test_a_new_column_appears_without_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Column("hat_size", pa.float32(), Kind.NUMBER, "Size of the hat.", unit="cm", low=0, group="clothes")
    monkeypatch.setitem(REGISTRY, made.name, made)
    ds = small_dataset(tmp_path, labelled=False)
    ds.add_layer(LayerInfo("hats.v1", "model", "hats", "1", columns=("hat_size",)))
    ids = ds.faces(["face_id"]).column(0)
    sizes = pa.array([50.0, 52.0, None, 60.0, 61.0, 58.0, 57.0, 55.0, 54.0, 53.0], pa.float32())
    table = {"face_id": ids, "label_status": ["ok"] * 10, "label_error": pa.nulls(10, pa.string()), "hat_size": sizes}
    ds.write("labels/hats.v1", "00000", pa.table(table))
    text = words(page_of(ds, tmp_path))
    assert "hat_size Size of the hat." in text
    assert "Median 55 cm" in text
    assert "9 of 10 have a value; 1 missing." in text


def test_children_are_counted_and_never_shown(small: Dataset, page: Page, tmp_path: Path) -> None:
    table = small.faces(["face_id", labels.AGE, labels.AGE_GROUP, labels.AGE_PROB])
    flags = may_be_minors(table)
    assert 0 < flags.sum() < 10
    hidden = set(np.array(table.column("face_id").to_pylist())[flags])
    shown = {a["data-face"] for a in page.having("data-face")}
    assert shown
    assert not shown & hidden
    assert f"{flags.sum()} faces that may be of children" in words(page)
    everyone = page_of(small, tmp_path, hide_minors=False)
    assert {a["data-face"] for a in everyone.having("data-face")} >= hidden
    assert "pictures of them may be on this page" in words(everyone)


def test_flags_follow_group_and_age() -> None:
    groups = ["0-2", "3-9", "10-19", "20-29", None, "70+", "20-29"]
    ages = [None, 5, 15, 25, 17.9, None, 17.0]
    table = pa.table({labels.AGE_GROUP.name: groups, labels.AGE.name: pa.array(ages, pa.float32())})
    assert minors(table).tolist() == [True, True, True, False, True, False, True]
    assert minors(pa.table({"face_id": ["a"]})).tolist() == [False]
    chances = [{"10-19": 0.1, "3-9": 0.06}, {"10-19": 0.1, "20-29": 0.9}, None]
    doubtful = pa.table({labels.AGE_PROB.name: pa.array(chances, labels.AGE_PROB.type)})
    assert minors(doubtful).tolist() == [True, False, False]


def test_what_is_shown_holds_an_unknown_age_for_a_minors_as_the_annotators_do() -> None:
    nothing = dict.fromkeys(c.name for c in labels.AGE_PROB.type)
    chances = [nothing | {"10-19": 0.1, "3-9": 0.06}, nothing | {"10-19": 0.1, "20-29": 0.9}, None, nothing]
    table = pa.table({labels.AGE_PROB.name: pa.array(chances, labels.AGE_PROB.type)})
    assert may_be_minors(table).tolist() == [may_be_minor({labels.AGE_PROB: c}) for c in chances]
    assert may_be_minors(table).tolist() == [True, False, True, True]
    assert may_be_minors(table, assume_adults=True).tolist() == [True, False, False, False]
    assert may_be_minors(pa.table({"face_id": ["a"]})).tolist() == [True]


def test_without_ages_no_face_is_shown_unless_asked(tmp_path: Path) -> None:
    ds = small_dataset(tmp_path, 3, labelled=False)
    page = page_of(ds, tmp_path)
    assert not page.having("data-face")
    assert "no age labels, so this page cannot tell children's faces from others and shows none" in words(page)
    assert page_of(ds, tmp_path, hide_minors=False).having("data-face")


def test_a_hidden_neighbour_is_painted_over() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    view = window((20, 20, 40, 50), 200, 100, 100)
    seen = crop(pixels, view, [(70, 30, 20, 20)])
    at = view.points(np.array([[80, 40], [40, 45]])).astype(int)
    assert seen[at[0, 1], at[0, 0]].tolist() == [128, 128, 128]
    assert seen[at[1, 1], at[1, 0]].tolist() == [0, 0, 0]


def test_hostile_names_and_labels_stay_text(tmp_path: Path) -> None:
    (path,) = save_pictures(tmp_path / "photos", 1)
    row = picture_row(path) | {"name": HOSTILE, "licence": HOSTILE}
    ds = Dataset.create(tmp_path / "ds", name=HOSTILE, licence=HOSTILE)
    ds.write("images", "00000", image_table([row, ledger_row(HOSTILE, Reason.CORRUPT, HOSTILE)]))
    ds.write("faces", "00000", face_table([row["image_id"]], np.array([[40, 50, 80, 100]])))
    ds.add_layer(LayerInfo("talk", "model", HOSTILE, HOSTILE, columns=("caption",), weights={HOSTILE: HOSTILE}))
    talk = {"face_id": [f"{row['image_id']}.0"], "label_status": ["failed"], "label_error": [HOSTILE]}
    ds.write("labels/talk", "00000", pa.table(talk | {"caption": pa.array([HOSTILE])}))
    page = page_of(ds, tmp_path, hide_minors=False)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [1 for tag, _ in page.tags if tag == "img"]
    assert not page.having("onerror")
    assert page.words.count(HOSTILE) >= 5
    details = json.loads(page.having("data-details")[0]["data-details"] or "")
    assert HOSTILE in json.dumps(details, ensure_ascii=False).encode().decode("unicode_escape")


def test_no_folder_of_this_machine_is_in_the_page(small: Dataset, tmp_path: Path) -> None:
    text = html.unescape(write_report(small, tmp_path).read_text("utf-8"))
    labels_only = re.sub(r"data-details='.*?'|data-details=\".*?\"", "", text)
    assert str(small.path.parent) not in labels_only
    assert str(small.path.parent) not in text


def test_the_same_dataset_gives_the_same_bytes(small: Dataset, tmp_path: Path) -> None:
    first, second = (write_report(small, tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_an_empty_dataset_says_so(tmp_path: Path) -> None:
    text = words(page_of(Dataset.create(tmp_path / "empty"), tmp_path))
    assert "This dataset is empty" in text
    assert "There is no face to show." in text
    assert "No annotator has been run" in text


def test_a_dataset_of_failures_says_so(tmp_path: Path) -> None:
    ds = Dataset.create(tmp_path / "failed")
    ds.write("images", "00000", image_table([ledger_row(f"{i}.jpg", Reason.EMPTY) for i in range(7)]))
    text = words(page_of(ds, tmp_path))
    assert "None of the 7 pictures could be used." in text
    assert "empty 7 0.jpg 1.jpg 2.jpg 3.jpg 4.jpg and 2 more" in text


def test_faces_without_labels_and_pictures_without_faces_are_told(tmp_path: Path) -> None:
    text = words(page_of(small_dataset(tmp_path, labelled=False), tmp_path))
    assert "The faces carry no labels yet" in text
    assert "There are no age labels" in text
    ds = Dataset.create(tmp_path / "none")
    ds.write("images", "00000", image_table([picture_row(save_pictures(tmp_path / "p", 1)[0])]))
    ds.write("faces", "00000", face_table([], np.zeros((0, 4))))
    assert "No face was found in the 1 usable pictures." in words(page_of(ds, tmp_path))


def test_pictures_that_are_gone_are_told(tmp_path: Path) -> None:
    ds = small_dataset(tmp_path, 3, labelled=False)
    for path in (tmp_path / "photos").iterdir():
        path.unlink()
    page = page_of(ds, tmp_path, hide_minors=False)
    assert not page.having("data-face")
    assert "4 chosen faces are missing because their picture could not be read again." in words(page)


def test_the_budget_bounds_the_page(small: Dataset, tmp_path: Path) -> None:
    page = page_of(small, tmp_path, max_bytes=3000, hide_minors=False)
    shown = [a["href"] or "" for a in page.having("href") if (a["href"] or "").startswith("data:")]
    assert sum(len(base64.b64decode(s.partition(",")[2])) for s in set(shown)) <= 3000
    assert "left out to keep this page small" in words(page)
    assert not page_of(small, tmp_path, thumbnails=False).having("data-face")


def test_details_tell_value_source_and_absence(page: Page, small: Dataset) -> None:
    rows = {r["face_id"]: r for r in small.faces(["face_id", "pose_yaw", "status.head_pose"]).to_pylist()}
    for tile in page.having("data-face"):
        groups = {g["group"]: g["rows"] for g in json.loads(tile["data-details"] or "")}
        yaw = next(r for r in groups["head pose"] if r["name"] == "pose_yaw")
        stored = rows[tile["data-face"] or ""]
        assert yaw["source"] == "head_pose.v1"
        if stored["pose_yaw"] is not None:
            assert yaw["value"] == f"{short(round(stored['pose_yaw'], 3))} deg"
        elif stored["status.head_pose"] == "ok":
            assert yaw["value"] == "no value"
        else:
            assert yaw["value"].startswith(stored["status.head_pose"].replace("_", " "))


def test_gallery_is_varied_and_does_not_depend_on_row_order() -> None:
    rng = np.random.default_rng(3)
    emotions = np.array(["neutral"] * 190 + ["fear"] * 5 + ["anger"] * 5)
    ids = [f"f{i}" for i in range(200)]
    table = pa.table({"face_id": ids, "image_id": ids, "perceived_emotion": emotions})
    chosen = varied(table, np.ones(200, bool), 9)
    found = [emotions[i] for i in chosen]
    assert {found.count(e) for e in ("neutral", "fear", "anger")} == {3}
    order = rng.permutation(200)
    again = varied(table.take(order), np.ones(200, bool), 9)
    assert [int(order[i]) for i in again] == chosen
    assert varied(table, np.zeros(200, bool), 9) == []


def test_extremes_are_ordered_and_disjoint() -> None:
    scores = pa.array([0.5, None, 0.1, 0.9, 0.3], pa.float32())
    table = pa.table({"face_id": list("abcde"), "quality": scores})
    assert extremes(table, np.ones(5, bool), 2) == ([2, 4], [3, 0])
    assert extremes(table, np.array([1, 1, 0, 1, 1], bool), 9) == ([4, 0], [3])


def test_bins_cover_every_value() -> None:
    numbers = np.concatenate([np.random.default_rng(0).normal(0, 10, 5000), [900.0]])
    bins = binned(numbers, labels.YAW)
    assert sum(bins.counts) == len(numbers)
    assert bins.above >= 1
    steps = np.diff(bins.edges)
    assert np.allclose(steps, steps[0])
    assert binned(np.array([0.0, 1.0]), labels.QUALITY_SCORE).edges[::20] == (0.0, 1.0)
    assert [nice_step(x) for x in (0.011, 0.2, 3, 90)] == pytest.approx([0.02, 0.2, 5, 100])


def test_missing_and_abstaining_are_counted_apart() -> None:
    values = pa.chunked_array([pa.array(["Female", None, None], pa.string())])
    pairs = [{"Female": 0.9, "Male": 0.1}, {"Female": 0.5, "Male": 0.5}, None]
    scores = pa.chunked_array([pa.array(pairs, labels.GENDER_PROB.type)])
    made = card(labels.GENDER, values, scores)
    assert "1 of 3 have a value; 2 missing." in made.note
    assert "Abstained (probabilities, but no label): 1." in made.note
    assert "no value: 2 of 3" in made.chart


def test_pose_axes_point_where_the_head_does() -> None:
    row = dict(zip((c.name for c in faces.BOX), (0.0, 0.0, 100.0, 100.0), strict=True))
    row |= {"pose_yaw": 90.0, "pose_pitch": 0.0, "pose_roll": 0.0}
    view = window((0, 0, 100, 100), 100, 100, 100)
    number = r'"([\d.-]+)"'
    line = rf'class="(a[xyz])" x1={number} y1={number} x2={number} y2={number}'
    drawn = re.findall(line, overlays(row, view))
    arms = {name: (float(x2) - float(x1), float(y2) - float(y1)) for name, x1, y1, x2, y2 in drawn}
    assert arms["az"] == pytest.approx((45, 0), abs=0.1)
    assert arms["ay"] == pytest.approx((0, -45), abs=0.1)
    assert arms["ax"] == pytest.approx((0, 0), abs=0.1)


def test_many_shards_without_pictures(tmp_path: Path) -> None:
    page = page_of(large_dataset(tmp_path / "large", 300, shard=100), tmp_path)
    assert "faces 300 1.00 per usable picture" in words(page)
    assert not page.having("data-face")


def test_human_and_model_layers_are_told_apart(tmp_path: Path) -> None:
    ds = small_dataset(tmp_path, 2, labelled=False)
    add_labels(ds, ["demographics"])
    ds.add_layer(LayerInfo("human-1", "human", "review", author="R. V.", columns=("perceived_gender",)))
    ids = ds.faces(["face_id"]).column(0).to_pylist()
    table = {"face_id": ids, "label_status": ["ok"] * 2, "label_error": pa.nulls(2, pa.string())}
    ds.write("labels/human-1", "00000", pa.table(table | {"perceived_gender": ["Male"] * 2}))
    page = page_of(ds, tmp_path, hide_minors=False)
    assert "human-1 human review, R. V." in words(page)
    for tile in page.having("data-face"):
        rows = [r for g in json.loads(tile["data-details"] or "") for r in g["rows"] if r["name"] == "perceived_gender"]
        assert [(r["value"], r["source"]) for r in rows] == [("Male", "human-1")]
