"""An export goes to the Hub only whole, as it was made, and private unless it may be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curate.cli.main import main
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.upload import UploadError, load_of, upload
from schemas import DatasetError, UsageError
from tests.export_samples import hard_cases


class Hub:
    """Stands for `huggingface_hub.HfApi`: notes what it is asked for."""

    endpoint = "https://hub.example.org"

    def __init__(self, broken: bool = False) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._broken = broken

    def create_repo(self, repo: str, **facts: Any) -> None:
        if self._broken:
            raise ConnectionError("no route to the Hub\nand more")
        self.calls.append((repo, facts))

    def upload_folder(self, **facts: Any) -> None:
        self.calls.append((facts["repo_id"], facts))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("upload")
    ds = hard_cases(place, pictures=24)
    export(ds, "parquet", place / "all", ExportOptions(verify=False))
    export(ds, "parquet", place / "adults", ExportOptions(verify=False, minors=False))
    return place


def test_it_is_private_unless_asked(folder: Path) -> None:
    hub = Hub()
    assert upload(folder / "all", "owner/name", api=hub) == "https://hub.example.org/datasets/owner/name"
    assert hub.calls[0][1]["private"] is True and hub.calls[0][1]["repo_type"] == "dataset"
    assert hub.calls[1][1]["folder_path"] == str(folder / "all")
    public = Hub()
    upload(folder / "adults", "owner/name", public=True, api=public)
    assert public.calls[0][1]["private"] is False


def test_possible_minors_are_never_public(folder: Path) -> None:
    hub = Hub()
    with pytest.raises(UsageError, match="pictures of minors"):
        upload(folder / "all", "owner/name", public=True, api=hub)
    assert hub.calls == []


def test_what_was_changed_is_not_sent(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no finished export"):
        load_of(tmp_path)
    changed = tmp_path / "changed"
    ds = hard_cases(tmp_path / "ds", pictures=12)
    export(ds, "imagefolder", changed, ExportOptions(verify=False))
    next(changed.rglob("*.jsonl")).write_text("{}")
    hub = Hub()
    with pytest.raises(DatasetError, match="not as it was exported"):
        upload(changed, "owner/name", api=hub)
    assert hub.calls == []


def test_a_hub_that_refuses_is_told_in_one_line(folder: Path) -> None:
    with pytest.raises(UploadError, match=r"no route to the Hub\. See that HF_TOKEN"):
        upload(folder / "all", "owner/name", api=Hub(broken=True))
    with pytest.raises(UsageError, match="Give owner/name"):
        upload(folder / "all", "name", api=Hub())


def test_a_dry_run_sends_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["upload", str(folder / "all"), "owner/name", "--dry-run"])
    assert left.value.code == 0 and "would leave this machine" in capsys.readouterr().out
