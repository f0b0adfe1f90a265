"""Layouts from tables: what is written comes back, and what is wrong with a table is one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.layouts.face_space import direction, fitted
from curate.layouts.fas import domains, leave_one_out, read_presentations, write_protocol
from curate.layouts.folder import claim, finish, put, read
from curate.layouts.from_to import write_from_to
from curate.layouts.interactions import doing, read_interactions
from curate.layouts.latents import attribute
from curate.layouts.multiview import read_views
from curate.layouts.subjects import ADJECTIVES, prompt
from curate.measures.kinds.liveness import fine_detail, moire_score, spectrum
from curate.measures.kinds.spoofing import eer_threshold
from curate.measures.run import run
from curate.pairs.views.presentations import moire, printed, replayed
from curate.sidecars.visits import coefficients
from schemas import DatasetError, FacecurateError, UnknownNameError, UsageError
from schemas.taxonomy import taxonomy
from tests.drawn_faces import drawn_face

HEAD = "file,label,attack_type,domain,subject"
GOOD = ("a.png,live,,x,1", "b.png,spoof,print,x,2", "c.png,live,,y,3", "d.png,spoof,replay,y,4")


def listed(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_come_back_and_a_changed_file_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    claim(folder)
    put(folder, "a/b.bin", b"123")
    rows = [{"n": 1, "what": "ä", "list": [1.5, 2.5], "none": None}, {"n": 2, "what": "", "list": [], "none": None}]
    told = finish(folder, "test", rows, {"more": 7})
    assert told["rows"] == 2 and told["more"] == 7 and set(told["files"]) == {"a/b.bin", "rows.jsonl", "rows.parquet"}
    assert read(folder) == rows
    with pytest.raises(DatasetError, match="is not an empty folder"):
        claim(folder)
    (folder / "a" / "b.bin").write_bytes(b"124")
    with pytest.raises(DatasetError, match=r"a/b\.bin is missing, new or another"):
        read(folder)
    with pytest.raises(DatasetError, match="no folder that `layout` wrote"):
        read(tmp_path)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.booleans(), st.integers(0, 9)), min_size=1, max_size=60))
def test_no_list_shares_a_picture_domain_or_subject(drawn: list[tuple[str, bool, int]]) -> None:
    rows = [
        {"file": f"{i}.png", "label": "live" if live else "spoof", "domain": d, "subject": str(s) if s else None}
        for i, (d, live, s) in enumerate(drawn)
    ]
    for held in domains(rows):
        parts = leave_one_out(rows, held)
        assert {r["file"] for r in parts["test"]} == {r["file"] for r in rows if r["domain"] == held}
        assert not any(r["domain"] == held for n in ("train", "development") for r in parts[n])
        people = [{r["subject"] for r in part} - {None} for part in parts.values()]
        assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]
        assert len({r["file"] for part in parts.values() for r in part}) == sum(map(len, parts.values()))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("a.png,maybe,,x,1", *GOOD[1:]), "row 1: the label 'maybe'"),
        (("a.png,live,print,x,1", *GOOD[1:]), "a live picture with the attack 'print'"),
        ((*GOOD, GOOD[0]), "has a.png twice"),
        (GOOD[:3], "the domain y has only live pictures"),
        (GOOD[:2], "has one domain"),
        (("a.png,live,,,1", *GOOD[1:]), "row 1: domain is empty"),
    ],
)
def test_what_is_no_protocol_is_told(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    path = listed(tmp_path / "list.csv", HEAD, *lines)
    with pytest.raises(UsageError, match=why):
        write_protocol(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_good_protocol_is_read(tmp_path: Path) -> None:
    rows = read_presentations(listed(tmp_path / "list.csv", HEAD, *GOOD))
    assert [r["attack_type"] for r in rows] == [None, "print", None, "replay"] and domains(rows) == ["x", "y"]
    with pytest.raises(UsageError, match="no column domain"):
        read_presentations(listed(tmp_path / "bad.csv", "file,label", "a.png,live"))


def test_views_are_sorted_and_wrong_ones_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    head = "file,subject,azimuth"
    rows = read_views(listed(tmp_path / "v.csv", head, "a.png,s,-90", "b.png,s,0", "a.png,t,720"))
    assert [(r["subject"], r["azimuth"]) for r in rows] == [("s", 0), ("s", 270), ("t", 0)]
    for line, why in (("gone.png,s,5", "there is no file"), ("a.png,s,front", "'front' is no number"),
                      ("a.png,s,360", "has the azimuth 0 twice"), (",s,1", "row 2: file is empty")):  # fmt: skip
        with pytest.raises(FacecurateError, match=why):
            read_views(listed(tmp_path / "bad.csv", head, "b.png,s,0", line))


def test_words_of_prompts(tmp_path: Path) -> None:
    assert set(ADJECTIVES) == set(taxonomy("emotion-7").labels)
    assert prompt("anger") == "a portrait of the person with an angry expression"
    assert [doing(v) for v in ("hold", "ride", "use", "carry", "see", "write")] == [
        "holding", "riding", "using", "carrying", "seeing", "writing",
    ]  # fmt: skip
    assert read_interactions(listed(tmp_path / "i.csv", "verb,object", "hold,cup")) == [("hold", "cup")]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "unknown column"),
        ("perceived_emotion", "neither a number nor scores"),
        ("perceived_emotion_prob", "scores need a field"),
        ("perceived_emotion_prob.joy", "unknown field"),
        ("mouth_opening", "has no threshold"),
    ],
)
def test_attributes_that_cannot_be_shifted(name: str, why: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=why):
        attribute(name, None)


def test_coefficients_keep_single_precision_and_their_length(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    third = float(np.float32(1 / 3))
    assert coefficients(f"{1 / 3!r} 2", path, 0, "shape") == [third, 2.0]
    assert coefficients(json.dumps([1 / 3]), path, 0, "shape") == [third]
    assert coefficients([1, 2, 3], path, 0, "shape") == [1.0, 2.0, 3.0] and coefficients(None, path, 0, "x") is None
    with pytest.raises(UsageError, match="row 3: pose is no list of numbers"):
        coefficients("a b", path, 2, "pose")


def test_a_space_of_faces_gives_its_crops_back_and_finds_a_direction() -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(60, 190, 40)
    crops = np.clip(level[:, None, None, None] + rng.normal(0, 20, (40, 8, 8, 3)), 0, 255).astype(np.uint8)
    space = fitted(crops, 39)
    latents = space.encode(crops)
    assert np.abs(np.stack(space.decode(latents)).astype(int) - crops).max() <= 1
    assert np.abs(latents.std(0, ddof=1) - 1).max() < 1e-3 and np.abs(latents.mean(0)).max() < 1e-3
    way = direction(latents, level)
    assert np.corrcoef(latents @ way, level)[0, 1] > 0.95 and abs(np.linalg.norm(way) - 1) < 1e-9
    with pytest.raises(UsageError, match="needs 10 or more"):
        fitted(crops[:5], 4)
    with pytest.raises(UsageError, match="the same for all"):
        direction(latents, np.ones(40))


def test_a_moire_is_found_at_its_period_and_a_print_is_softer() -> None:
    pixels = drawn_face(noise=6.0)[0].pixels
    live = spectrum(pixels)
    rng = np.random.default_rng(0)
    assert moire_score(spectrum(replayed(pixels, rng))) > moire_score(live) + 1
    assert fine_detail(spectrum(printed(pixels, rng))) < fine_detail(live) / 2
    beat = moire((256, 256), 8.0, 0.0)
    power = np.abs(np.fft.rfft(beat[10] - beat[10].mean()))
    assert power.argmax() == 256 / 8 and np.abs(beat).max() <= 1
    flat = spectrum(np.full((64, 64, 3), 90, np.uint8))
    assert fine_detail(flat) == 0 and moire_score(flat) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40))
def test_the_threshold_of_the_equal_error_rate_is_the_best_of_all(cases: list[tuple[bool, int]]) -> None:
    live, score = (np.array(v) for v in zip(*cases, strict=True))
    if live.all() or not live.any():
        return
    threshold, rate = eer_threshold(live, score.astype(float))
    gap = abs((score[~live] >= threshold).mean() - (score[live] < threshold).mean())
    others = [abs((score[~live] >= t).mean() - (score[live] < t).mean()) for t in (*np.unique(score), 7)]
    assert gap <= min(others) + 1e-12
    assert rate == pytest.approx(((score[~live] >= threshold).mean() + (score[live] < threshold).mean()) / 2)


def test_spoofing_takes_its_threshold_from_development_scores(tmp_path: Path) -> None:
    head = "label,score,attack_type,domain"
    test = listed(tmp_path / "t.csv", head, "live,0.9,,a", "live,0.3,,b", "spoof,0.2,print,a", "spoof,0.6,print,b")
    development = listed(tmp_path / "d.csv", head, "live,0.5,,a", "spoof,0.4,print,a")
    found = run("spoofing", [test, development])
    assert found.facts["threshold"] == 0.5 and found.facts["HTER"] == 0.5 and not found.notes
    assert {row["domain"]: row["HTER"] for row in found.tables["domains"]} == {"a": 0.0, "b": 1.0}
    assert "set on these very presentations" in run("spoofing", [test]).notes[0]
    with pytest.raises(UsageError, match="the label 'maybe'"):
        run("spoofing", [listed(tmp_path / "x.csv", head, "maybe,1,,a")])
    with pytest.raises(UsageError, match="live and spoof"):
        run("spoofing", [listed(tmp_path / "y.csv", head, "live,1,,a")])


def test_from_to_needs_rows_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column from_file"):
        write_from_to(listed(tmp_path / "x.csv", "a", "1"), tmp_path / "out.csv")
