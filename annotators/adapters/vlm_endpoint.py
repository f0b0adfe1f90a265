"""An OpenAI-compatible chat endpoint: pictures as data URLs, back-off, and one clear line when it is dead."""

from __future__ import annotations

import base64
import ipaddress
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import cv2

from annotators.adapters.vlm_dialogue import Turn, VlmError
from annotators.crops import Pixels
from schemas import MissingExtraError, UsageError

EXTRA = "vlm-endpoint"
STRUCTURES = ("json_schema", "json_object", "none")
BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""

HOPELESS = (401, 403, 404)
"""Answers that every further request would get too."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
REST = 30.0
"""Seconds for which an endpoint that could not be reached is not asked again."""

JPEG_QUALITY = 90


@dataclass(frozen=True)
class EndpointSettings:
    """Where and how to ask.

    Attributes:
        base_url: Address up to and with `/v1`.
        model: The model's name there.
        key_variable: Environment variable that holds the key; no key is sent where it is unset.
        structured: `json_schema`, `json_object` or `none`: what the endpoint is told about the form of the answer.
        max_tokens: Length of the answer, at most.
        timeout: Seconds for one request.
        attempts: Tries of one request while the endpoint is busy or out of reach.
    """

    base_url: str
    model: str
    key_variable: str
    structured: str
    max_tokens: int
    timeout: float
    attempts: int


def host_of(base_url: str) -> str:
    """Host of an endpoint's address.

    Raises:
        UsageError: if it is no http address, or holds a key or password.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"base_url={base_url}", fix="Give an address such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("base_url holds more than an address", fix="The key goes into an environment variable")
    return parts.hostname


def proxy_of(base_url: str) -> str:
    """Host of the proxy that the environment puts before an endpoint, or nothing."""
    parts = urlsplit(base_url)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all", "")
    if not proxy or proxy_bypass(parts.netloc):
        return ""
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or ""


def key_in(variable: str) -> str:
    """The key that an environment variable holds, or nothing.

    Raises:
        UsageError: if no header can carry it. The key is not shown: errors are stored with the faces.
    """
    key = os.environ.get(variable, "").strip()
    if not all("!" <= letter <= "~" for letter in key):
        raise UsageError(f"the key in {variable} is none", "it holds a blank, a line break or a letter beyond ASCII")
    return key


def is_loopback(base_url: str) -> bool:
    """Whether an endpoint is on this machine."""
    host = host_of(base_url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Endpoint:
    """One endpoint for one process; safe to use from several threads.

    Args:
        settings: Where and how.
        schema: JSON schema of the answer.

    Raises:
        MissingExtraError: if httpx is not installed.
        UsageError: if the environment holds something else than a key.
    """

    def __init__(self, settings: EndpointSettings, schema: dict[str, Any]) -> None:
        try:
            import httpx
        except ImportError:
            raise MissingExtraError("httpx", EXTRA) from None
        self.name = settings.model
        self._settings = settings
        self._schema = schema
        self._key = key_in(settings.key_variable)
        self._url = settings.base_url.rstrip("/") + "/chat/completions"
        self._errors = (httpx.RequestError, httpx.InvalidURL)
        # No redirects, and no proxy before this machine: a picture goes where the user was told, or nowhere.
        self._client = httpx.Client(
            timeout=settings.timeout, follow_redirects=False, trust_env=not is_loopback(settings.base_url)
        )
        self._lock = threading.Lock()
        self._dead: tuple[str, float] | None = None

    def answer(self, turns: Sequence[Turn], picture: Pixels) -> str:
        """See `Backend.answer`."""
        body = self._body(turns, picture)
        pause = FIRST_PAUSE
        for attempt in range(1, self._settings.attempts + 1):
            self._stop_if_dead()
            last = attempt == self._settings.attempts
            try:
                answer = self._client.post(self._url, json=body, headers=self._headers())
            except self._errors as error:
                if last:
                    self._give_up(f"cannot be reached ({_line(error)})", REST)
            else:
                if answer.status_code == 200:
                    return _text(answer)
                if answer.status_code in HOPELESS:
                    self._give_up(self._complaint(answer), float("inf"))
                if last or answer.status_code not in BUSY:
                    raise VlmError(f"{self._url} {self._complaint(answer)}")
                pause = max(pause, _asked_pause(answer))
            time.sleep(min(pause, LONGEST_PAUSE))
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _body(self, turns: Sequence[Turn], picture: Pixels) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [{"role": turn.role, "content": turn.text} for turn in turns]
        messages[0]["content"] = [
            {"type": "text", "text": turns[0].text},
            {"type": "image_url", "image_url": {"url": data_url(picture)}},
        ]
        body = {
            "model": self._settings.model,
            "messages": messages,
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._settings.max_tokens,
        }
        if self._settings.structured == "json_schema":
            schema = {"name": "face", "strict": True, "schema": self._schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self._settings.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _complaint(self, answer: Any) -> str:
        text = " ".join(answer.text.split())[:200]
        if self._key:
            text = text.replace(self._key, "***")
        hint = ""
        if answer.status_code == 400 and self._settings.structured != "none":
            hint = " (if it does not know response_format, set caption_vlm.structured=none)"
        return f"answered {answer.status_code}: {text or 'nothing'}{hint}"

    def _give_up(self, why: str, seconds: float) -> None:
        """Fail this face, and for a while the next ones without asking."""
        line = f"{self._url} {why}"
        with self._lock:
            self._dead = (line, time.monotonic() + seconds)
        raise VlmError(line)

    def _stop_if_dead(self) -> None:
        with self._lock:
            dead = self._dead
        if dead is not None and time.monotonic() < dead[1]:
            raise VlmError(dead[0])


def data_url(picture: Pixels) -> str:
    """An RGB picture as a data URL: a fresh JPEG of these pixels, without any metadata."""
    done, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise VlmError("the crop cannot be encoded")
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _text(answer: Any) -> str:
    try:
        message = answer.json()["choices"][0]["message"]
        refusal, content = message.get("refusal"), message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise VlmError("the endpoint's answer is no chat completion") from error
    if refusal:
        raise VlmError(f"the model refused: {' '.join(str(refusal).split())[:200]}")
    if not isinstance(content, str) or not content.strip():
        raise VlmError("the model answered nothing")
    return content


def _asked_pause(answer: Any) -> float:
    """Seconds that the endpoint asks to wait, 0 if it does not say."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
