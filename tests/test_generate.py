"""`generate`: who may be a source, what is written, what a second run does, and pictures made again to the bit."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import call, mistake

from annotators.weights import ModelStore
from curate.generate.again import Origins, made_again, pixels_of, recheck, stored
from curate.generate.journal import FAILED, MADE, REFUSED, Entry, Journal
from curate.generate.metadata import read_metadata
from curate.generate.options import Options
from curate.generate.orders import Maker
from curate.generate.pool import Crashed, Pool
from curate.generate.run import FOLDER, generate, prepare
from curate.generate.verify import verify
from curate.generators.registry import generator
from curate.identity import duplicates
from curate.identity.duplicates import find_duplicates
from curate.ingest import SourceReader
from curate.store import Dataset
from schemas import DatasetError, UnknownNameError, UsageError, images, labels
from tests.crashing import work
from tests.generate_samples import child_picture, digests, labelled, write_pictures

NAME = "mirrored_halves"
EASY = "compress"
"""A generator that takes any face."""
COUNT = 9
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole(models: ModelStore, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled dataset of nine adults, a child, and a picture in which an adult stands beside the child."""
    folder = tmp_path_factory.mktemp("generate")
    pictures = write_pictures(folder / "photos", shared_data, COUNT)
    shutil.copy(child_picture(shared_data), pictures / "child.jpg")
    with Image.open(pictures / "child.jpg") as child, Image.open(pictures / "00.png") as adult:
        both = Image.new("RGB", (child.width + adult.width, max(child.height, adult.height)))
        both.paste(adult, (0, 0))
        both.paste(child, (adult.width, 0))
    both.save(pictures / "both.png")
    labelled(folder / "ds", pictures)
    return folder / "ds"


@pytest.fixture
def ds(whole: Path, tmp_path: Path) -> Dataset:
    """A copy to work on."""
    shutil.copytree(whole, tmp_path / "ds")
    return Dataset.open(tmp_path / "ds")


def options(**changes: object) -> Options:
    return dataclasses.replace(Options((NAME,), count=4, side=256, workers=1), **changes)


def easy(**changes: object) -> Options:
    return options(generators=(EASY,), **changes)


def names(ds: Dataset, ids: list[str]) -> set[str]:
    return set(ds.faces([images.NAME], f"face_id in ({', '.join(repr(i) for i in ids)})").column(0).to_pylist())


@pytest.mark.models
@pytest.mark.data
def test_pictures_are_taken_in_with_lineage_labels_licence_and_consent(ds: Dataset) -> None:
    done = generate(ds, options())
    tally = done.tallies[NAME]
    assert (tally.made, tally.fresh, tally.pictures, done.ingested) == (4, 4, 4, 4)
    ds = Dataset.open(ds.path)
    rows = ds.images(where="is_synthetic").to_pylist()
    assert len(rows) == 4
    for row in rows:
        assert row[images.STATUS.name] == "ok"
        assert row[images.GENERATOR.name] == f"{NAME}/{generator(NAME).version}"
        assert row[images.PARENT_FACE.name].startswith(row[images.PARENT.name])
        assert (row[images.LICENCE.name], row[images.CONSENT.name]) == ("CC BY 4.0", "research")
        assert row[images.HAS_GPS.name] is False
        said = read_metadata(Path(row[images.URI.name]).read_bytes())
        assert said[images.GENERATION.name] == row[images.GENERATION.name]
        assert said["digital_source"].endswith("/compositeSynthetic")
        assert json.loads(row[images.GENERATION.name])["parameters"]["side"] in ("left", "right")
    made = ds.faces([labels.GENDER_PROB, labels.EMBEDDING, labels.QUALITY_SCORE], "is_synthetic")
    assert made.num_rows == 4
    assert all(column.null_count == 0 for column in made.columns), "new faces have the labels of the others"
    real = ds.images([images.IS_SYNTHETIC], "is_synthetic is null")
    assert real.num_rows == COUNT + 2
    assert {"generated": {NAME: tally.as_dict()}} in [r.counts for r in ds.runs()]


@pytest.mark.models
@pytest.mark.data
def test_no_picture_with_a_child_is_a_source(ds: Dataset) -> None:
    found = prepare(ds, options()).found
    used = names(ds, found.ids)
    assert len(used) >= 4
    assert not {"child.jpg", "both.png"} & used
    assert sum(n for reason, n in found.left_out.items() if "minor" in reason) >= 3
    only = dataclasses.replace(options().rules, where="name in ('child.jpg', 'both.png')", assume_adults=True)
    with pytest.raises(UsageError, match=r"no face of .* can be a source.*may be a minor"):
        prepare(ds, options(rules=only))


@pytest.mark.models
@pytest.mark.data
def test_a_second_run_makes_only_what_is_missing(ds: Dataset) -> None:
    generate(ds, easy())
    before = digests(ds.path / FOLDER)
    gone = sorted(before)[1]
    (ds.path / FOLDER / gone).unlink()
    times = {p: (ds.path / FOLDER / p).stat().st_mtime_ns for p in before if p != gone}
    done = generate(Dataset.open(ds.path), easy())
    assert (done.tallies[EASY].made, done.tallies[EASY].fresh, done.ingested) == (4, 1, 1)
    after = digests(ds.path / FOLDER)
    assert after.keys() == before.keys()
    assert all((ds.path / FOLDER / p).stat().st_mtime_ns == t for p, t in times.items()), "they were written again"
    with Image.open(ds.path / FOLDER / gone) as picture:
        assert picture.size == (256, 256)
    more = generate(Dataset.open(ds.path), easy(count=5))
    assert (more.tallies[EASY].fresh, more.ingested) == (1, 1)
    other = generate(Dataset.open(ds.path), easy(seed=1, count=1))
    assert other.tallies[EASY].fresh == 1, "another seed is another picture"


@pytest.mark.models
@pytest.mark.data
def test_a_photo_that_is_gone_is_told_and_tried_again_when_it_is_back(
    ds: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    face = prepare(ds, easy()).found.ids[0]
    (row,) = ds.faces([images.URI, images.MEMBER], f"face_id = '{face}'").to_pylist()
    photo = Path(row[images.URI.name])
    away = photo.rename(photo.with_suffix(".away"))
    try:
        arguments = ("generate", ds.path, "-w", EASY, "-n", 3, "--side", 256, "-j", 1, "--no-labels", "-q")
        assert call(*arguments) == 1
        assert "the picture cannot be read: No such file" in capsys.readouterr().err
        assert Dataset.open(ds.path).images(where="is_synthetic").num_rows == 3, "another face took its turn"
    finally:
        away.rename(photo)
    assert call(*arguments) == 0
    parents = Dataset.open(ds.path).images([images.PARENT_FACE], "is_synthetic").column(0).to_pylist()
    assert face in parents


@pytest.mark.models
@pytest.mark.data
def test_workers_and_formats_make_the_same_pictures(ds: Dataset, tmp_path: Path) -> None:
    generate(ds, easy(per_face=1, label=False))
    again = Dataset.open(shutil.copytree(ds.path, tmp_path / "again"))
    shutil.rmtree(again.path / FOLDER)
    generate(again, easy(per_face=1, label=False, workers=2))
    pictures = [{p: np.asarray(Image.open(d.path / FOLDER / p)) for p in digests(d.path / FOLDER)} for d in (ds, again)]
    assert pictures[0].keys() == pictures[1].keys()
    assert all(np.array_equal(pictures[0][p], pictures[1][p]) for p in pictures[0])
    for form, suffix in (("jpeg", "jpg"), ("webp", "webp")):
        generate(again, easy(count=1, label=False, form=form))
        assert [p for p in digests(again.path / FOLDER) if p.endswith(suffix)]


SCRIPT = "import sys\nfrom curate.cli.main import main\nif __name__ == '__main__':\n    main(sys.argv[1:])\n"


def start(ds: Path, *more: str) -> subprocess.Popen[str]:
    arguments = ["generate", str(ds), "-w", EASY, "--per-face", "15", "--side", "256", "-j", "1", "--no-labels", "-q"]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments, *more],
        env={**os.environ, "PYTHONPATH": str(HERE.parent)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(ds: Dataset, tmp_path: Path) -> None:
    unbroken = shutil.copytree(ds.path, tmp_path / "unbroken")
    for signal_, files in ((signal.SIGKILL, 3), (signal.SIGKILL, 8), (signal.SIGINT, 14)):
        process = start(ds.path)
        while process.poll() is None and sum(1 for _ in (ds.path / FOLDER).rglob("*.png")) < files:
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it was stopped: the test tests nothing"
        process.send_signal(signal_)
        _, said = process.communicate()
        assert "Traceback" not in said
        if signal_ is signal.SIGINT:
            assert process.returncode == 130
            assert "same command goes on" in said
    for folder in (ds.path, unbroken):
        process = start(folder)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    pictures = [
        {p: np.asarray(Image.open(d / FOLDER / p)) for p in digests(d / FOLDER)} for d in (ds.path, unbroken)
    ]  # the run's id in the metadata differs
    assert len(pictures[0]) >= 15 * 6
    assert pictures[0].keys() == pictures[1].keys()
    assert all(np.array_equal(pictures[0][p], pictures[1][p]) for p in pictures[0])
    done, all_ = (Dataset.open(d).images([images.NAME], "is_synthetic").column(0) for d in (ds.path, unbroken))
    assert sorted(done.to_pylist()) == sorted(all_.to_pylist())
    left = [p for p in ds.path.rglob(".*") if p.is_file() and p.name != ".lock"]
    assert not left


@pytest.mark.models
@pytest.mark.data
def test_stored_pictures_can_be_made_again_and_changes_are_seen(ds: Dataset) -> None:
    generate(ds, options())
    generate(Dataset.open(ds.path), options(count=1, form="jpeg"))
    ds = Dataset.open(ds.path)
    assert [problem for _, problem in recheck(ds, 10)] == [""] * 5
    one = stored(ds)[0]
    other = {"left": "right", "right": "left"}[one.lineage.parameters["side"]]
    wrong = dataclasses.replace(one.lineage, parameters={"side": other})
    request = Origins(ds, [one]).request(one.lineage)
    with SourceReader() as reader:
        before = pixels_of(one, reader)
    assert np.array_equal(made_again(one.lineage, request, Maker()), before)
    assert not np.array_equal(made_again(wrong, request, Maker()), before)
    path = Path(one.row[images.URI.name])
    Image.new("RGB", (256, 256)).save(path)
    problems = {picture.image_id: problem for picture, problem in recheck(ds, 10)}
    assert problems[one.image_id] == "its file cannot be read any more"
    assert call("generate", ds.path, "--recheck", "10") == 1


@pytest.mark.models
@pytest.mark.data
def test_verifiers_write_a_layer_beside_the_made_faces(ds: Dataset) -> None:
    generate(ds, options())
    ds = Dataset.open(ds.path)
    found = verify(ds, verifiers=("identity", "shape"))
    account = found.accounts[NAME]
    assert len(account.kept) == 4
    assert account.share.n == 4
    assert set(account.promises) == {"symmetry_appearance up"}
    table = Dataset.open(ds.path).faces([images.IS_SYNTHETIC, labels.PROMISE_KEPT, labels.MADE_COSINE]).to_pylist()
    made = [r for r in table if r[images.IS_SYNTHETIC.name]]
    assert [r[labels.PROMISE_KEPT.name] for r in made] == account.kept
    assert all(0 < r[labels.MADE_COSINE.name] < 1 for r in made)
    assert all(r[labels.PROMISE_KEPT.name] is None for r in table if not r[images.IS_SYNTHETIC.name])
    assert verify(Dataset.open(ds.path), verifiers=("identity", "shape")).written is False
    without = verify(Dataset.open(ds.path), verifiers=("identity",))
    assert without.accounts[NAME].share.n == 0, "without a verifier for it the promise cannot be judged"
    assert call("generate", ds.path, "--verify", "--verifiers", "identity,shape") == 0


@pytest.mark.models
@pytest.mark.data
def test_generated_pictures_are_no_copies_of_their_photographs(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(ds, easy(count=6))
    tied = f"is_synthetic and {labels.DUPLICATE_SIZE.name} > 1"
    found = find_duplicates(Dataset.open(ds.path))
    assert Dataset.open(ds.path).faces([labels.DUPLICATE_SIZE], tied, layers=[found.layer]).num_rows == 0
    monkeypatch.setattr(duplicates, "_made_of_one", lambda people, a, b: np.zeros(len(a), bool))
    careless = find_duplicates(Dataset.open(ds.path))
    shown = Dataset.open(ds.path).faces([labels.DUPLICATE_SIZE], tied, layers=[careless.layer])
    assert shown.num_rows > 0, "they look alike: only their lineage tells"


@pytest.mark.models
@pytest.mark.data
def test_wrong_calls_get_one_clear_line_and_write_nothing(ds: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    path = ds.path
    assert "Missing argument 'DATASET'" in mistake(capsys, "generate")
    assert "no generator is named" in mistake(capsys, "generate", path)
    assert f"Did you mean '{NAME}'" in mistake(capsys, "generate", path, "-w", "mirrored_halve")
    assert "unknown side 'up'" in mistake(capsys, "generate", path, "-w", NAME, "--set", f"{NAME}.side=up")
    assert "option of" in mistake(capsys, "generate", path, "-w", NAME, "--set", f"{NAME}.sid=left")
    assert "not one of the generators" in mistake(capsys, "generate", path, "-w", NAME, "--set", "sketch.detail=1")
    assert "qualit" in mistake(capsys, "generate", path, "-w", NAME, "--where", "qualit > 1")
    assert "can be a source" in mistake(capsys, "generate", path, "-w", NAME, "--where", "quality > 2")
    assert "unknown picture format 'bmp'" in mistake(capsys, "generate", path, "-w", NAME, "--format", "bmp")
    assert "a side of 9 pixels" in mistake(capsys, "generate", path, "-w", NAME, "--side", "9")
    assert "unknown order of faces" in mistake(capsys, "generate", path, "-w", NAME, "--order", "worst")
    assert "only one of them" in mistake(capsys, "generate", path, "-w", NAME, "-n", "1", "--per-face", "1")
    assert "nowhere" in mistake(capsys, "generate", path.parent / "nowhere", "-w", NAME)
    assert "demographic" in mistake(capsys, "generate", path, "-w", NAME, "-a", "demographic")
    assert "holds no generated pictures" in mistake(capsys, "generate", path, "--recheck", "3")
    assert not (path / FOLDER).exists()
    assert call("generate", path, "-w", NAME, "--dry-run", "-n", "3") == 0
    assert "up to 3" in capsys.readouterr().out
    assert not (path / FOLDER).exists()
    assert call("generate", "--list") == 0
    assert NAME in capsys.readouterr().out


def test_a_journal_drops_a_line_that_was_not_finished(tmp_path: Path) -> None:
    (tmp_path / "a-000.png").write_bytes(b"x")
    with Journal(tmp_path) as journal:
        journal.add(Entry("a", MADE, "f.0", files=("a-000.png",), rows=({"x": 1},)))
        journal.add(Entry("b", REFUSED, "g.0", reason="no mesh"))
        journal.add(Entry("c", FAILED, "h.0", reason="ValueError"))
        journal.add(Entry("d", MADE, "i.0", files=("d-000.png",)))
    path = tmp_path / "requests.jsonl"
    path.write_bytes(path.read_bytes() + b'{"stem": "e", "outc')
    again = Journal(tmp_path)
    assert [e.stem for e in again] == ["a", "b", "c", "d"]
    assert again.done("a") is not None and again.done("b") is not None
    assert again.done("c") is None, "what failed is tried again"
    assert again.done("d") is None, "its picture is gone"
    with again:
        again.add(Entry("f", REFUSED))
    assert [e.stem for e in Journal(tmp_path)] == ["a", "b", "c", "d", "f"]
    path.write_bytes(b"nonsense\n")
    with pytest.raises(DatasetError, match="is damaged"):
        Journal(tmp_path)


def test_a_worker_that_dies_costs_one_order() -> None:
    with Pool(work, 2) as pool:
        found = list(pool.map(range(9), 9))
    assert [order for order, _ in found] == list(range(9))
    assert [order for order, result in found if isinstance(result, Crashed)] == [3]
    assert [result for order, result in found if order != 3] == [n * n for n in range(9) if n != 3]


def test_orders_and_sizes_are_checked_when_they_are_given() -> None:
    with pytest.raises(UnknownNameError, match="bmp"):
        Options((NAME,), form="bmp")
    with pytest.raises(UsageError, match="2048"):
        Options((NAME,), side=4096)
