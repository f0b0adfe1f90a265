"""An export to the Hugging Face Hub, only when a command says so: checked first, private unless asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.export.pieces import WORK
from curate.export.run import MANIFEST, check_files
from curate.store.parts import read_json
from schemas import DatasetError, FacecurateError, MissingExtraError, UsageError


class UploadError(FacecurateError):
    """The Hub cannot be reached, or refuses."""


@dataclass(frozen=True)
class Load:
    """What would leave this machine.

    Attributes:
        files: Number of files.
        bytes: Their size.
        faces: Faces in them.
        minors: Pictures that may show minors may be among them.
    """

    files: int
    bytes: int
    faces: int
    minors: bool


def load_of(folder: Path) -> Load:
    """What an export holds, after its files have been held against its manifest.

    Raises:
        DatasetError: if it is no finished export, or files are missing or changed.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise DatasetError(f"{folder} holds no finished export", fix="Make one with: facecurate export")
    told = read_json(manifest)
    wrong = check_files(folder)
    if wrong:
        raise DatasetError(f"{folder} is not as it was exported", "; ".join(wrong[:3]), "Export again")
    sizes = [facts["bytes"] for facts in told["files"].values()]
    return Load(len(sizes), sum(sizes), int(told["faces"]), bool(told["options"].get("minors", True)))


def upload(folder: Path, repo: str, public: bool = False, api: Any = None) -> str:
    """Send an export to a dataset repository of the Hub; gives its address.

    Args:
        folder: An export.
        repo: `owner/name`; made if it is absent.
        public: Let everybody see it; refused where pictures of possible minors may be among it.
        api: A `huggingface_hub.HfApi`; by default one with the token of the environment (`HF_TOKEN`).

    Raises:
        MissingExtraError: if huggingface_hub is not installed.
        UsageError: if it may not be public, or the name is none.
        DatasetError: if it is no finished export.
        UploadError: if the Hub cannot be reached or refuses.
    """
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise UsageError(f"'{repo}' is no repository", fix="Give owner/name")
    load = load_of(folder)
    if public and load.minors:
        why = "it may hold pictures of minors"
        raise UsageError(f"{folder} is not made public", why, "Export with --no-minors, or leave --public out")
    api = api or _api()
    try:
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        api.upload_folder(
            folder_path=str(folder), repo_id=repo, repo_type="dataset", ignore_patterns=[f"{WORK}/*"],
            commit_message=f"{load.faces:,} faces by facecurate",
        )  # fmt: skip
    except _errors() as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        fix = "See that HF_TOKEN may write there; the same call goes on"
        raise UploadError(f"{repo} was not sent", reason, fix) from None
    return f"{api.endpoint}/datasets/{repo}"


def _errors() -> tuple[type[Exception], ...]:
    """What the Hub's library raises for the network, for refusals and for names that are none."""
    try:
        import httpx
    except ImportError:
        return OSError, ValueError
    return OSError, ValueError, httpx.HTTPError


def _api() -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtraError("huggingface_hub", "export") from None
    return HfApi()
