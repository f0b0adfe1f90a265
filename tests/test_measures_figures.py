"""Known answers of measures: against reference libraries, brute force and cases that can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from annotators.weights import ModelStore
from curate.measures.edit_distance import edit_distance
from curate.measures.fsim import fsim, phase_congruency
from curate.measures.image_quality import psnr, sharpness, ssim
from curate.measures.run import run
from curate.measures.texture import histograms, lbp
from curate.measures.verifying import best_threshold, fold_hits, read_pairs
from schemas import UnknownNameError, UsageError
from tests.generator_samples import adult_pictures, astronaut

PIXELS = astronaut()
NOISY = np.clip(PIXELS + np.random.default_rng(0).normal(0, 20, PIXELS.shape), 0, 255).astype(np.uint8)
SOFT = np.asarray(cv2.GaussianBlur(PIXELS, (0, 0), 2), np.uint8)


def table(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def written(folder: Path, **pictures: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.ascontiguousarray(pixels[..., ::-1]))
    return folder


@pytest.mark.parametrize("other", [NOISY, SOFT])
def test_psnr_and_ssim_are_scikit_images(other: Any) -> None:
    assert psnr(PIXELS, other) == pytest.approx(peak_signal_noise_ratio(PIXELS, other), abs=1e-6)  # type: ignore[no-untyped-call]
    theirs = structural_similarity(PIXELS, other, channel_axis=2)  # type: ignore[no-untyped-call]
    assert ssim(PIXELS, other) == pytest.approx(theirs, abs=1e-6)
    papers = structural_similarity(  # type: ignore[no-untyped-call]
        PIXELS, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(PIXELS, other, "gaussian") == pytest.approx(papers, abs=1e-6)


def test_fsim_is_one_for_itself_symmetric_and_falls_with_blur() -> None:
    assert fsim(PIXELS, PIXELS) == 1
    assert fsim(PIXELS, SOFT) == pytest.approx(fsim(SOFT, PIXELS))
    blurs = [fsim(PIXELS, np.asarray(cv2.GaussianBlur(PIXELS, (0, 0), s), np.uint8)) for s in (1, 2, 4, 8)]
    assert blurs == sorted(blurs, reverse=True) and blurs[0] < 1
    step = np.zeros((64, 64))
    step[:, 32:] = 200
    found = phase_congruency(step)
    assert found[16:48, 31:33].min() > 2 * found[16:48, 20].max(), "waves are in phase at the edge"
    assert sharpness(PIXELS) > sharpness(SOFT)


def test_restoration_orders_and_sizes(tmp_path: Path, models: ModelStore) -> None:
    face = PIXELS[0:256, 90:346]
    good = written(tmp_path / "good", a=face)
    values = []
    for sigma in (0.5, 2.0, 6.0):
        poor = written(tmp_path / "poor", a=cv2.GaussianBlur(face, (0, 0), sigma))
        values.append(run("restoration", [good, poor]).tables["pictures"][0])
    for figure in ("psnr", "ssim", "fsim", "sharpness", "identity"):
        told = [v[figure] for v in values]
        assert told == sorted(told, reverse=True), figure
    small = written(tmp_path / "small", a=cv2.resize(face, (128, 128)))
    with pytest.raises(UsageError, match="resize"):
        run("restoration", [good, small])
    again = run("restoration", [good, small], {"resize": "true", "faces": "false"})
    assert again.facts["pairs"] == 1 and again.tables["pictures"][0]["identity"] is None
    with pytest.raises(UnknownNameError):
        run("restoration", [good, good], {"window": "round"})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_tar_at_far_is_that_of_brute_force(seed: int) -> None:
    import tempfile

    rng = np.random.default_rng(seed)
    same = np.r_[np.ones(30, bool), np.zeros(200, bool)]
    scores = np.round(rng.normal(np.where(same, 1.0, 0.0), 0.7), 2)
    with tempfile.TemporaryDirectory() as folder:
        rows = [{"same": int(a), "score": float(b)} for a, b in zip(same, scores, strict=True)]
        found = run("verification", [table(Path(folder), "pairs", rows)])
    for row in found.tables["TAR at FAR"]:
        allowed = [t for t in [*np.unique(scores), np.inf] if (scores[~same] >= t).mean() <= row["FAR"]]
        brute = float((scores[same] >= min(allowed)).mean())
        assert row["TAR"] == (pytest.approx(brute) if row["FAR"] * 200 >= 1 else None)


def test_folds_do_not_choose_their_own_threshold() -> None:
    same = np.array([True, False] * 10)
    scores = np.where(same, 0.8, 0.2)
    scores[:2] = (0.1, 0.05)
    fold = np.repeat(np.arange(10), 2)
    hits = fold_hits(same, scores, fold)
    assert not hits[0] and hits[1:].all(), "a fold whose scores lie lower is judged by the others' threshold"
    assert best_threshold(np.array([True, False]), np.array([0.9, 0.3])) == pytest.approx(0.6)
    rng = np.random.default_rng(0)
    kinds, values = rng.random(600) < 0.5, rng.random(600)
    best = best_threshold(kinds, values)
    cuts = np.linspace(-0.1, 1.1, 3000)
    assert ((values >= best) == kinds).mean() >= max(((values >= c) == kinds).mean() for c in cuts) - 1e-12


def test_pairs_of_lfw_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("1\t1\nAda\t1\t2\nAda\t1\tBo\t3\n", "utf-8")
    first, second = read_pairs(path)
    assert first.same and not second.same and second.second == ("Bo", 3)
    for text in ("", "x\n", "2\t1\nAda\t1\t2\n", "1\t1\nAda\t1\nAda\t1\tBo\t3\n"):
        path.write_text(text, "utf-8")
        with pytest.raises(UsageError):
            read_pairs(path)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance_is_a_distance(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a) and (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_edit_distance_known() -> None:
    assert [edit_distance(*p) for p in (("hello", "hallo"), ("kitten", "sitting"), ("", "ab"))] == [1, 3, 2]


def test_words_by_the_size_of_their_letters(tmp_path: Path) -> None:
    words = [("abc", "abc", 0.021), ("abcd", "abcx", 0.035), ("ab", "xy", 0.5), ("tiny", "tiny", 0.01)]
    found = run(
        "tokenizer_text", [table(tmp_path, "w", [dict(zip(("truth", "read", "ratio"), w, strict=True)) for w in words])]
    )
    assert found.facts["words"] == 3 and found.facts["too small"] == 1
    assert found.facts["T-ACC"]["value"] == pytest.approx(1 / 3)
    assert found.facts["T-NED"]["value"] == pytest.approx((1 + 0.75 + 0) / 3)
    assert [row["mean"] for row in found.tables["bins"] if row["figure"] == "T-NED"] == [1, 0.75, 0]


def test_ages_by_hand(tmp_path: Path) -> None:
    rows = [
        {"age": 30, "predicted_age": 33, "source_age": 25, "identity": 0.9, "gender": "f", "predicted_gender": "f"},
        {"age": 60, "predicted_age": 53, "source_age": 25, "identity": 0.5, "gender": "m", "predicted_gender": "f"},
        {"age": 35, "predicted_age": 35, "source_age": 20, "identity": 0.7, "gender": "m", "predicted_gender": "m"},
    ]  # fmt: skip
    found = run("age_metrics", [table(tmp_path, "ages", rows)])
    assert found.facts["MAE"]["value"] == pytest.approx(10 / 3) and found.facts["bias"]["value"] == pytest.approx(
        -4 / 3
    )
    curve = [row["CS"] for row in found.tables["cumulative score"]]
    assert curve[:4] == [pytest.approx(v) for v in (1 / 3, 1 / 3, 1 / 3, 2 / 3)] and curve[7] == 1
    moved = {(r["|delta|"], r["figure"]): r["mean"] for r in found.tables["by years moved"]}
    assert moved == {
        ("0 to 10", "MAE"): 3, ("0 to 10", "identity"): 0.9, ("10 to 20", "MAE"): 0, ("10 to 20", "identity"): 0.7,
        ("30 and more", "MAE"): 7, ("30 and more", "identity"): 0.5,
    }  # fmt: skip
    genders = {r["group"]: r["share"] for r in found.tables["gender by age"]}
    assert genders["all"] == pytest.approx(2 / 3) and genders["60-69"] == 0 and genders["30-39"] == 1


def test_frames_that_are_the_same_and_frames_that_moved(tmp_path: Path, models: ModelStore) -> None:
    face = PIXELS[0:256, 90:346]
    true = written(tmp_path / "true", a=face, b=face)
    same = run("reenactment", [true, true]).facts
    assert all(same[f]["value"] == pytest.approx(0, abs=1e-4) for f in ("L1", "AKD", "LMD", "AED", "MKR"))
    moved = np.roll(face, 5, axis=1)
    found = run("reenactment", [true, written(tmp_path / "moved", a=moved, b=moved)]).facts
    assert found["AKD"]["value"] == pytest.approx(5, abs=1) and found["AED"]["value"] > 0 and found["L1"]["value"] > 0


def test_who_stands_where_and_who_is_like_whom(tmp_path: Path, models: ModelStore) -> None:
    face = PIXELS[0:256, 90:346]
    written(tmp_path, one=face, two=face[:, ::-1])
    rows = [{"picture": "one.png", "reference": "one.png", "prompt": "an astronaut"}]
    found = run("personalization", [table(tmp_path, "rows", rows)])
    assert found.facts["ID"]["value"] == pytest.approx(1) and found.facts["same person"]["value"] == 1
    row = found.tables["rows"][0]
    assert (row["CLIP-T"] is None) == bool(row["why"]), "what is not known has its reason"
    with pytest.raises(UsageError, match="no file"):
        run("personalization", [table(tmp_path, "gone", [{"picture": "x.png", "reference": "one.png"}])])
    written(tmp_path, empty=np.full_like(face, 128))
    found = run("personalization", [table(tmp_path, "blank", [{"picture": "empty.png", "reference": "one.png"}])])
    assert found.facts["without a face"] == 1 and found.facts["ID"]["value"] == 0


@pytest.mark.parametrize(
    ("detections", "aligned"),
    [
        ([{"label": "cup", "x": 90, "y": 50, "score": 0.9}], 1.0),
        ([{"label": "cup", "x": 90, "y": 50, "score": 0.1}], 0.0),
        ([{"label": "cup", "x": 190, "y": 50, "score": 0.9}], 0.0),
        ([{"label": "book", "x": 90, "y": 50, "score": 0.9}], 0.0),
        ([{"label": "cup", "x": 90, "y": 50, "score": 0.9, "verb": "kick"}], 0.0),
    ],
)
def test_an_object_counts_where_it_touches(detections: list[dict[str, Any]], aligned: float, tmp_path: Path) -> None:
    person = {"picture": "p", "verb": "hold", "object": "cup", "x": 0, "y": 0, "width": 100, "height": 100}
    found = [{"picture": "p", "width": 40, "height": 40, **d} for d in detections]
    told = run("hoi_alignment", [table(tmp_path, "rows", [person]), table(tmp_path, "found", found)])
    assert told.facts["alignment"]["value"] == aligned


def test_histograms_are_shares_of_each_cell() -> None:
    grey = np.random.default_rng(1).integers(0, 255, (60, 60), np.uint8)
    found = histograms(lbp(grey), 10, 3)
    assert found.shape == (90,) and np.allclose(found.reshape(9, 10).sum(1), 1)


def test_an_lfw_folder_is_verified(tmp_path: Path, models: ModelStore, shared_data: Path) -> None:
    names = ("Ada", "Bo", "Cy", "Di")
    for name, pixels in zip(names, adult_pictures(shared_data, 4), strict=True):
        written(tmp_path / name, **{f"{name}_0001": pixels, f"{name}_0002": pixels[:, ::-1]})
    pairs = [f"{a}\t1\t2\n" for a in names[:2]] + ["Ada\t1\tBo\t1\n", "Bo\t2\tAda\t1\n"]
    pairs += [f"{a}\t1\t2\n" for a in names[2:]] + ["Cy\t1\tDi\t1\n", "Di\t2\tCy\t1\n"]
    (tmp_path / "pairs.txt").write_text("2\t2\n" + "".join(pairs), "utf-8")
    found = run("lfw_verification", [tmp_path])
    assert found.facts["pairs"] == 8 and found.facts["without a face"] == 0
    assert found.facts["accuracy"]["value"] == 1 and found.facts["AUC"]["value"] == 1
    (tmp_path / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t1\tBo\t9\n", "utf-8")
    with pytest.raises(UsageError, match="Bo_0009"):
        run("lfw_verification", [tmp_path])


def test_only_photos_of_about_that_age_count(tmp_path: Path, models: ModelStore, shared_data: Path) -> None:
    own, other = adult_pictures(shared_data, 2)
    written(tmp_path, own=own, other=other)
    outputs = table(tmp_path, "out", [{"picture": "own.png", "age": 30}, {"picture": "own.png", "age": 60}])
    references = table(tmp_path, "ref", [{"picture": "own.png", "age": 32}, {"picture": "other.png", "age": 34}])
    found = run("age_identity", [outputs, references]).tables["outputs"]
    assert found[0]["photos"] == 1 and found[0]["identity"] == pytest.approx(1, abs=1e-5)
    assert found[1]["photos"] == 0 and found[1]["identity"] is None
    wider = run("age_identity", [outputs, references], {"years": "5"}).tables["outputs"]
    assert wider[0]["photos"] == 2 and wider[0]["identity"] < 0.8 and wider[0]["best"] == pytest.approx(1, abs=1e-5)
