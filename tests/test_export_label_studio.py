"""Label Studio's own library and a real server take the exported tasks."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from curate.export.options import ExportOptions
from curate.export.run import export
from tests.export_samples import LABELLED, hard_cases

pytest_plugins = ("services.label_studio",)
COLUMNS = tuple(c.name for c in LABELLED)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label_studio")
    options = ExportOptions(columns=COLUMNS, empty=True, shard=10)
    done = export(hard_cases(folder / "hard", 40), "label_studio", folder / "out", options)
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    return folder / "out"


def interface(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own dependencies warn while they are imported
        from label_studio_sdk.label_interface import LabelInterface

        return LabelInterface(text)


def test_label_studio_accepts_every_task_and_prediction(out: Path) -> None:
    judge = interface((out / "label_config.xml").read_text("utf-8"))
    count = 0
    for path in sorted((out / "tasks").glob("*.json")):
        for task in json.loads(path.read_text("utf-8")):
            (prediction,) = task["predictions"]
            assert judge.validate_prediction(prediction, return_errors=True) == []
            assert judge.validate_task({"data": task["data"]})
            place = task["data"]["image"].removeprefix("/data/local-files/?d=")
            assert (out / place).is_file() and task["data"]["image"] != place
            count += len(prediction["result"])
    assert count > 1000
    broken = {"model_version": "x", "result": [{**prediction["result"][0], "from_name": "nothing"}]}
    assert judge.validate_prediction(broken, return_errors=True)


def test_a_server_takes_the_tasks_and_shows_the_pictures(label_studio: Any, tmp_path: Path) -> None:
    import httpx

    place = label_studio.media / "exported"
    options = ExportOptions(
        columns=COLUMNS, empty=True, format_settings={"prefix": "/data/local-files/?d=exported/"}, splits=("train",)
    )
    export(hard_cases(tmp_path / "hard", 20), "label_studio", place, options)
    with httpx.Client(
        base_url=label_studio.url, headers={"Authorization": f"Token {label_studio.token}"}, timeout=60
    ) as client:

        def post(path: str, data: Any) -> Any:
            answer = client.post(path, json=data)
            assert answer.status_code == 201, answer.text
            return answer.json()

        config = (place / "label_config.xml").read_text("utf-8")
        project = post("/api/projects", {"title": "exported", "label_config": config})["id"]
        post("/api/storages/localfiles", {"project": project, "path": str(place / "images"), "use_blob_urls": True})
        (tasks,) = (json.loads(p.read_text("utf-8")) for p in (place / "tasks").glob("*.json"))
        post(f"/api/projects/{project}/import", tasks)
        told = client.get(f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true").json()
        assert len(told) == len(tasks) > 8
        predictions = {
            p["task"]: p["result"] for p in client.get("/api/predictions", params={"project": project}).json()
        }
        given = {t["data"]["file"]: t["predictions"][0]["result"] for t in tasks}
        for task in told:
            assert predictions[task["id"]] == given[task["data"]["file"]], "nothing is lost or rounded"
        picture = client.get(told[0]["data"]["image"])
        assert picture.status_code == 200 and picture.content == (place / told[0]["data"]["file"]).read_bytes()
