"""Folders of pairs: what is written comes back, a stopped call goes on, tampering is seen, mistakes are one line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.cli.main import main
from curate.export.options import ExportOptions
from curate.measures.run import read_table
from curate.pair_docs import main as docs
from curate.pairs import run as run_module
from curate.pairs import write as write_module
from curate.pairs.check import check
from curate.pairs.options import PairOptions
from curate.pairs.read import Lineage, read_pool
from curate.pairs.registry import kind_names, pair_kind, view, view_names
from curate.pairs.run import MANIFEST, REFUSED, made, pairs
from curate.pairs.write import Shots
from curate.store import Dataset
from curate.store.parts import read_json
from schemas import DatasetError, UnknownNameError, UsageError
from schemas.columns import labels
from tests.identity_samples import ADULT, CHILD, dataset, people
from tests.pair_samples import drawn_people

PEOPLE, PHOTOS = 6, 5


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six people with five drawn photos each, the fifth a copy of the first; the sixth person is a child."""
    return drawn_people(tmp_path_factory.mktemp("people"), PEOPLE, PHOTOS, splits=("train", "test"), children=(5,))


def options(count: int = 0, settings: dict[str, str] | None = None, **changes: Any) -> PairOptions:
    return PairOptions(ExportOptions(crop="crop224", size=64), count=count, settings=settings or {}, **changes)


def lines(folder: Path, name: str = "pairs.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


def names(ds: Dataset) -> dict[str, str]:
    """Face id -> name of its picture, without suffix: person-photo."""
    table = ds.faces(["face_id", "name"])
    return dict(zip(table.column(0).to_pylist(), (n[:7] for n in table.column(1).to_pylist()), strict=True))


def test_reference_sets_are_of_one_person_without_copies(ds: Dataset, tmp_path: Path) -> None:
    done = pairs(ds, "id_sets", tmp_path / "out", options(settings={"refs": "2"}, columns=("perceived_age",)))
    assert done.check is not None and done.check.equal, done.check.examples
    of, rows = names(ds), lines(tmp_path / "out")
    assert len(rows) == PEOPLE * PHOTOS == done.manifest["rows"]
    for row in rows:
        faces = [row["target_face"], *row["refs_faces"]]
        people, photos = {of[f][:3] for f in faces}, [of[f][4:] for f in faces]
        assert len(people) == 1 and len(set(photos)) == 3
        assert not {"000", "004"} <= set(photos), "the fifth photo is a copy of the first"
        assert row["hash_distance"] > 6
        assert row["target_caption"] == f"Photo {of[row['target_face']]}.png."
        assert len(row["refs_perceived_age"]) == len(row["refs_files"]) == 2
    assert done.manifest["splits"] == {"train": 15, "test": 15}
    table = read_table(tmp_path / "out")
    assert table.num_rows == len(rows)


def test_every_file_is_in_the_manifest_and_nothing_else(ds: Dataset, tmp_path: Path) -> None:
    pairs(ds, "age_pairs", tmp_path / "out", options(count=5, settings={"least_years": "1"}))
    told = read_json(tmp_path / "out" / MANIFEST)
    found = {p.relative_to(tmp_path / "out").as_posix(): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
    del found[MANIFEST]
    assert set(found) == set(told["files"])
    for name, path in found.items():
        assert told["files"][name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    faces = {row[f"{role}_face"] for row in lines(tmp_path / "out") for role in ("source", "target")}
    assert len(list((tmp_path / "out" / "images").iterdir())) == len(faces), "each picture once"


def test_age_pairs_rise_and_tell_by_how_much(ds: Dataset, tmp_path: Path) -> None:
    pairs(ds, "age_pairs", tmp_path / "out", options(settings={"least_years": "4"}))
    for row in lines(tmp_path / "out"):
        rise = row["target_perceived_age"] - row["source_perceived_age"]
        assert rise >= 4 and row["age_rise"] == pytest.approx(rise, abs=1e-4)


def test_action_unit_changes_are_target_minus_source(ds: Dataset) -> None:
    kind = made("au_pairs", PairOptions())
    pool, _ = read_pool(ds, options(), kind.required(), kind.read())
    from curate.pairs.choose import choose

    rows = choose(pool, kind, 0, 0).rows
    table = {r["face_id"]: r["au_intensity"] for r in ds.faces(["face_id", labels.AU_INTENSITY]).to_pylist()}
    units = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26")
    assert rows
    for row in rows:
        source, target = (table[pool.face_ids[row.faces[r][0]]] for r in ("source", "target"))
        delta = [target[u] - source[u] for u in units]
        assert kind.facts(pool, row)["au_delta"] == pytest.approx(delta, abs=1e-6)
        assert np.linalg.norm(delta) >= 1


def test_verification_folds_share_nobody_and_are_balanced(ds: Dataset, tmp_path: Path) -> None:
    pairs(ds, "verification", tmp_path / "out", options(settings={"folds": "1", "pairs": "6"}))
    rows, of = lines(tmp_path / "out"), names(ds)
    for row in rows:
        people = {of[row[f"{role}_face"]][:3] for role in ("first", "second")}
        assert row["same"] == (len(people) == 1)
    assert sum(r["same"] for r in rows) * 2 == pytest.approx(len(rows), abs=2)


def test_two_seeds_draw_other_rows_and_one_seed_the_same(ds: Dataset, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pairs(ds, "other_motion", tmp_path / name, options(count=8, seed=seed))
    first, again, other = ((tmp_path / n / "pairs.jsonl").read_bytes() for n in "abc")
    assert first == again != other


def test_a_stopped_call_goes_on_to_the_same_files(ds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = options(settings={"refs": "1"})
    monkeypatch.setattr(write_module, "PART", 8)
    pairs(ds, "id_sets", tmp_path / "whole", chosen)
    calls: list[str] = []
    put = write_module.put

    def stopping(folder: Path, name: str, data: bytes) -> dict[str, Any]:
        calls.append(name)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return put(folder, name, data)

    monkeypatch.setattr(write_module, "put", stopping)
    with pytest.raises(KeyboardInterrupt):
        pairs(ds, "id_sets", tmp_path / "stopped", chosen)
    with pytest.raises(DatasetError, match="unfinished pairs of another call"):
        pairs(ds, "id_sets", tmp_path / "stopped", options(settings={"refs": "2"}))
    calls.clear()
    monkeypatch.setattr(write_module, "put", put)
    pairs(ds, "id_sets", tmp_path / "stopped", chosen)
    both = [{p.relative_to(f).as_posix(): p.read_bytes() for p in f.rglob("*") if p.is_file()}
            for f in (tmp_path / "whole", tmp_path / "stopped")]  # fmt: skip
    assert both[0] == both[1]
    with pytest.raises(DatasetError, match="holds finished pairs"):
        pairs(ds, "id_sets", tmp_path / "stopped", chosen)


def test_what_was_changed_afterwards_is_seen(ds: Dataset, tmp_path: Path) -> None:
    chosen = options(count=3)
    pairs(ds, "other_motion", tmp_path / "out", chosen)
    kind = made("other_motion", chosen)
    pool, _ = read_pool(ds, chosen, kind.required(), kind.read())
    given = lines(tmp_path / "out")
    from curate.pairs.base import Row

    rows = [Row({r: (pool.row_of[line[f"{r}_face"]],) for r in ("first", "second")}) for line in given]
    files = read_json(tmp_path / "out" / MANIFEST)["files"]
    shots = Shots(files=files)
    assert check(tmp_path / "out", pool, kind, rows, given, shots).equal
    wrong = [dict(given[0], motion=given[0]["motion"] + 1e-3), *given[1:]]
    assert check(tmp_path / "out", pool, kind, rows, wrong, shots).wrong == {"motion": 2}
    picture = next((tmp_path / "out" / "images").iterdir())
    picture.write_bytes(picture.read_bytes()[:-5])
    assert check(tmp_path / "out", pool, kind, rows, given, shots).wrong == {"files": 1}


def test_refused_rows_are_logged_with_the_number_that_decided(ds: Dataset, tmp_path: Path) -> None:
    """The last photo of everybody is a copy of the first: pairs of the two are proposed and refused."""
    done = pairs(ds, "other_motion", tmp_path / "out", options(settings={"least_motion": "0"}))
    log = lines(tmp_path / "out", REFUSED)
    reason = "near-duplicates by perceptual hash"
    assert done.manifest["refused"] == {reason: PEOPLE}
    assert {line["reason"] for line in log} == {reason} and all(line["value"] <= 6 for line in log)
    of = names(ds)
    assert {of[f][4:] for line in log for f in (*line["first"], *line["second"])} == {"000", "004"}


def test_kinds_that_make_pictures_of_people_leave_children_out(ds: Dataset, tmp_path: Path) -> None:
    done = pairs(ds, "age_rows", tmp_path / "out", options())
    of = names(ds)
    assert {of[r["source_face"]][:3] for r in lines(tmp_path / "out")} == {f"{p:03d}" for p in range(PEOPLE - 1)}
    assert done.manifest["refused"] == {"a face may be a minor's": PHOTOS}
    assert all(abs(r["delta"] - (r["target_age"] - r["source_age"])) < 1e-9 for r in lines(tmp_path / "out"))


def test_whole_pictures_and_views_are_written_once(ds: Dataset, tmp_path: Path) -> None:
    chosen = PairOptions(ExportOptions(), count=4, views=("five_points",))
    pairs(ds, "other_motion", tmp_path / "out", chosen)
    for row in lines(tmp_path / "out"):
        assert (tmp_path / "out" / row["first_five_points"]).is_file()
        assert row["first_file"].endswith(".png") and "_0" not in row["first_file"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["id_set"], "id_sets"),
        (["id_sets", "--set", "ref=3"], "refs"),
        (["id_sets", "--set", "refs=0"], "1 or more are possible"),
        (["id_sets", "--set", "refs=9"], "too few photos of the person"),
        (["age_rows", "--set", "low=12"], "20 <= low"),
        (["mirrored_halves"], "has no landmarks_478"),
        (["id_sets", "--views", "moth_mask"], "mouth_mask"),
        (["id_sets", "--columns", "perceived_agee"], "perceived_age"),
        (["edit_pairs"], "none of its 30 faces fit together"),
        (["verification", "--where", "no_such > 1"], "no_such"),
    ],
)
def test_mistakes_are_one_line(
    ds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["pairs", str(ds.path), arguments[0], str(tmp_path / "out"), "-q", *arguments[1:]])
    error = capsys.readouterr().err
    assert left.value.code == 2 and words in error and error.count("\n") == 1
    assert not (tmp_path / "out" / "images").exists()


def test_the_lists_and_the_page_name_every_kind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["pair-kinds"])
    shown = capsys.readouterr().out
    assert docs(["--write", str(tmp_path)]) == 0 == docs(["--check", str(tmp_path)])
    page = (tmp_path / "pairs.md").read_text("utf-8")
    for name in kind_names():
        assert name in shown and f"### {name}" in page
        assert pair_kind(name).required() is not None
    assert all(f"`{name}`" in page for name in view_names())
    with pytest.raises(UnknownNameError):
        view("nothing")


def test_nothing_is_left_where_no_row_stands(ds: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pair of the kind"):
        pairs(ds, "distinct_sets", tmp_path / "out", options(settings={"least_cosine": "0.999"}))
    assert not list((tmp_path / "out").rglob("*.json")) and run_module.MANIFEST == MANIFEST


def test_generated_pictures_count_as_the_photographs_they_go_back_to(tmp_path: Path) -> None:
    """Photo 0 shows an adult, 1 a child; 2 is made of 0, 3 of 2, 4 of 0 and 1, 5 from words and of unknown age."""
    vectors, _ = people(6, 1)
    ages = [ADULT, CHILD, None, None, ADULT, None]
    made_of = {"parent": [None, None, "i0000", "i0002", "i0000", None],
               "partner_face": [None, None, None, None, "i0001.0", None],
               "is_synthetic": [False, False, True, True, True, True]}  # fmt: skip
    lineage = Lineage(dataset(tmp_path / "ds", vectors, ages=ages, **made_of))
    pictures = [f"i{n:04d}" for n in range(6)]
    roots = [sorted(lineage.roots(p)) for p in pictures]
    assert roots == [["i0000"], ["i0001"], ["i0000"], ["i0000"], ["i0000", "i0001"], ["i0005"]]
    assert lineage.minors(pictures, assume_adults=False).tolist() == [False, True, False, False, True, True]
    assert lineage.minors(pictures, assume_adults=True).tolist() == [False, True, False, False, True, False]
