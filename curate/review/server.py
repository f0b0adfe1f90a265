"""Label Studio over its SDK: one host, the one that the user named; tokens that are never shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from schemas import FacecurateError, MissingExtraError, UsageError

TOKEN = "LABEL_STUDIO_API_KEY"
"""Environment variable with the token."""
KEYRING = "facecurate label-studio"
"""Service under which the keyring keeps tokens, by address."""
SECONDS = 120.0
PAGE = 200
OK = 200
ID, DATASET = "facecurate_id", "facecurate_dataset"
"""Keys in a task's data: the picture's id, and the dataset's name."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class ReviewError(FacecurateError):
    """The server cannot be reached, or refuses."""


@dataclass(frozen=True)
class Task:
    """A task on the server.

    Attributes:
        number: Its id there.
        image_id: The picture's; empty for tasks that are not ours.
        dataset: Name of the dataset it was made from.
        data: All its data.
        annotations: As the server gives them: nothing in them is trusted.
        drafts: Unsaved work that was begun.
    """

    number: int
    image_id: str
    dataset: str
    data: dict[str, Any]
    annotations: tuple[Any, ...] = ()
    drafts: int = 0


@contextmanager
def connected(url: str, server: Server | None = None) -> Iterator[Server]:
    """The server that is given, or one that is opened at an address and closed afterwards."""
    if server is not None:
        yield server
        return
    with Server(url) as made:
        yield made


def token_for(url: str) -> str:
    """The token for a server: from the environment, else from the keyring.

    Raises:
        UsageError: if there is none.
    """
    found = os.environ.get(TOKEN, "").strip() or _from_keyring(url)
    if not found:
        why = f"{TOKEN} is not set and the keyring has none for {url}"
        fix = f"Put the token of your account page into {TOKEN}, or: keyring set '{KEYRING}' {url}"
        raise UsageError("no token for Label Studio", why, fix)
    return found


def _from_keyring(url: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return keyring.get_password(KEYRING, url) or ""
    except KeyringError:
        return ""


def checked(url: str) -> str:
    """An address without a trailing slash.

    Raises:
        UsageError: if it is none, or would send the token in the clear over a network.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{url}' is not the address of a server", fix="Example: https://labels.example.org")
    if parts.username or parts.password:
        raise UsageError("the address holds a password", fix=f"Leave it out, and put a token into {TOKEN}")
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS and not os.environ.get("FACECURATE_PLAIN_HTTP"):
        why = "the token would travel unencrypted"
        raise UsageError(
            f"{url} is not encrypted", why, "Use https, or set FACECURATE_PLAIN_HTTP=1 on a closed network"
        )
    return url.rstrip("/")


class Server:
    """A Label Studio server; use as a context manager.

    Args:
        url: Its address; nothing is sent anywhere else, and redirects are not followed.
        token: Of the user; by default from the environment or the keyring.

    Raises:
        MissingExtraError: if the SDK is not installed.
        UsageError: if there is no token, or the address is none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = checked(url)
        try:
            import httpx
            from label_studio_sdk import LabelStudio
        except ImportError:
            raise MissingExtraError("label-studio-sdk", "review") from None
        self._token = token or token_for(self.url)
        self._storages: set[tuple[int, str]] = set()
        self._http = httpx.Client(timeout=SECONDS, follow_redirects=False, verify=True)
        made: Any = LabelStudio
        with self.asking():
            self._client: Any = made(base_url=self.url, api_key=self._token, httpx_client=self._http, max_retries=0)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Turn what the SDK and the network raise into one line without the token."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except ApiError as error:
            why = self._reason(error)
            fix = _OWN_NETWORK if "reserved network" in why else _FIXES.get(error.status_code or 0, "")
            raise ReviewError(f"{self.url} refuses", why, fix) from None
        except (httpx.HTTPError, OSError) as error:
            why = self._hidden(str(error) or type(error).__name__)
            raise ReviewError(
                f"{self.url} does not answer", why, "Start it, then give the same command again"
            ) from None

    def _reason(self, error: Any) -> str:
        body = error.body
        told = body.get("validation_errors") or body.get("detail") if isinstance(body, dict) else body
        text = told if isinstance(told, str) else json.dumps(told or body, default=str)
        return self._hidden(f"{error.status_code}: {text[:300]}")

    def _hidden(self, text: str) -> str:
        return text.replace(self._token, "***")

    def user(self) -> str:
        """Who the token belongs to."""
        with self.asking():
            return str(self._client.users.whoami().email)

    def users(self) -> dict[int, str]:
        """Names of the people on the server by their number there."""
        with self.asking():
            return {int(u.id): str(u.email or u.username or u.id) for u in self._client.users.list()}

    def create_project(self, title: str, config: str, note: str, overlap: int) -> int:
        """Make a project; gives its number.

        Args:
            title: Shown in the list.
            config: Labelling configuration.
            note: Its description.
            overlap: Annotations per task.
        """
        with self.asking():
            made = self._client.projects.create(
                title=title, label_config=config, description=note, maximum_annotations=overlap,
                show_collab_predictions=True, enable_empty_annotation=True,
            )  # fmt: skip
            return int(made.id)

    def project(self, number: int) -> dict[str, Any]:
        """What the server says of a project."""
        with self.asking():
            return dict(self._client.projects.get(number).dict())

    def find_project(self, note: str) -> int | None:
        """Number of the project whose description is this note."""
        with self.asking():
            for found in self._client.projects.list():
                if found.description == note:
                    return int(found.id)
        return None

    def set_config(self, number: int, config: str) -> None:
        """Replace a project's labelling configuration."""
        with self.asking():
            self._client.projects.update(number, label_config=config)

    def add(self, project: int, tasks: Sequence[dict[str, Any]]) -> int:
        """Import tasks with their predictions; gives their number."""
        with self.asking():
            return int(self._client.projects.import_tasks(project, request=list(tasks)).task_count or 0)

    def remove(self, numbers: Sequence[int]) -> None:
        """Delete tasks."""
        for number in numbers:
            with self.asking():
                self._client.tasks.delete(str(number))

    def tasks(self, project: int, since: str = "", whole: bool = False) -> Iterator[Task]:
        """Tasks of a project.

        Args:
            project: Its number.
            since: Only those that changed after this time (ISO 8601).
            whole: With annotations.
        """
        asked: dict[str, Any] = {"fields": "all" if whole else "task_only"}
        if since:
            asked["query"] = json.dumps(_changed_after(since))
        with self.asking():
            for task in self._client.tasks.list(project=project, page_size=PAGE, **asked):
                yield _task(task)

    def local_storages(self, project: int, paths: Sequence[str]) -> None:
        """Let the project read folders on the server's machine, those that it may not yet."""
        for path in paths:
            if (project, path) in self._storages:
                continue
            with self.asking():
                known = self._client.import_storage.local.list(project=project)
                if not any(s.path == path for s in known):
                    self._client.import_storage.local.create(project=project, path=path, use_blob_urls=True)
            self._storages.add((project, path))

    def fetch(self, path: str) -> tuple[int, str]:
        """Open a path on the server with the token's rights: status and kind of content."""
        with self.asking():
            headers = self._client._client_wrapper.get_headers()
            answer = self._http.get(f"{self.url}{path}", headers={"Authorization": headers["Authorization"]})
            return answer.status_code, answer.headers.get("content-type", "")

    def fetch_elsewhere(self, url: str) -> tuple[int, str]:
        """Open an address on a server of pictures that the user named, without the token."""
        import httpx

        try:
            answer = self._http.get(url)
        except httpx.HTTPError as error:
            return 0, str(error)
        return answer.status_code, answer.headers.get("content-type", "")

    def picture(self, path: str, most: int) -> bytes | None:
        """Bytes of a picture on the server; None if it is not served, too large or no picture."""
        headers = self._client._client_wrapper.get_headers()
        asked = {"Authorization": headers["Authorization"]}
        with self.asking(), self._http.stream("GET", f"{self.url}{path}", headers=asked) as answer:
            kind = answer.headers.get("content-type", "")
            if answer.status_code != OK or not kind.startswith("image/"):
                return None
            data = b""
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > most:
                    return None
            return data

    def backend(self, project: int, url: str, user: str, password: str) -> None:
        """Let the project ask `url` for predictions."""
        with self.asking():
            self._client.ml.create(
                project=project, url=url, title="facecurate", is_interactive=False, auth_method="BASIC_AUTH",
                basic_auth_user=user, basic_auth_pass=password,
            )  # fmt: skip

    def forget(self, project: int, url: str) -> None:
        """Take back the webhooks and back-ends of an address."""
        with self.asking():
            for hook in self._client.webhooks.list(project=project):
                if hook.url.startswith(f"{url}/"):
                    self._client.webhooks.delete(hook.id)
            for backend in self._client.ml.list(project=project):
                if backend.url.rstrip("/") == url:
                    self._client.ml.delete(backend.id)

    def webhook(self, project: int, url: str, headers: dict[str, str]) -> None:
        """Let the server tell `url` of every annotation, unless it does already."""
        with self.asking():
            if not any(h.url == url and h.project == project for h in self._client.webhooks.list(project=project)):
                self._client.webhooks.create(
                    url=url, project=project, headers=headers, send_payload=True, send_for_all_actions=False,
                    actions=["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"], is_active=True,
                )  # fmt: skip


def _changed_after(since: str) -> dict[str, Any]:
    moment = datetime.fromisoformat(since).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": moment}
    return {"filters": {"conjunction": "and", "items": [item]}}


def _task(found: Any) -> Task:
    data = found.data if isinstance(found.data, dict) else {}
    own = [data.get(k) if isinstance(data.get(k), str) else "" for k in (ID, DATASET)]
    annotations = found.annotations if isinstance(found.annotations, list) else []
    return Task(int(found.id), str(own[0]), str(own[1]), data, tuple(annotations), len(found.drafts or ()))


_OWN_NETWORK = (
    "Label Studio calls no address of its own network unless it runs with ML_BLOCK_LOCAL_IP=false and "
    "SSRF_PROTECTION_ENABLED=false; or give --public with one that it calls, or --no-predictions"
)
_FIXES = {
    401: f"Check the token in {TOKEN}; personal tokens and legacy tokens must be switched on for the organisation",
    403: "Ask for a role that may do this",
    404: "It was deleted, or belongs to another organisation",
}
