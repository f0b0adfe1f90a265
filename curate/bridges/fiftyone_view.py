"""Opens a dataset in the FiftyOne App."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.bridges import fiftyone_fields as fields
from curate.bridges.fiftyone_export import Progress, name_of, to_fiftyone
from curate.bridges.fiftyone_import import from_fiftyone
from curate.bridges.fiftyone_judged import judge
from curate.bridges.fiftyone_marks import queued, save_views
from curate.bridges.fiftyone_plot import plot
from curate.store import Dataset, LayerInfo
from schemas import UsageError


def view(
    ds: Dataset,
    port: int = 5151,
    address: str = "127.0.0.1",
    remote: bool = True,
    name: str | None = None,
    author: str | None = None,
    wait: bool = True,
    progress: Progress | None = None,
    queues: Sequence[Path] = (),
) -> Any:
    """Show a dataset in the FiftyOne App and serve it until Ctrl-C.

    FiftyOne's usage reports are off unless the environment asks for them (`FIFTYONE_DO_NOT_TRACK=0`), and the
    App listens on this machine only unless another address is given. The one request that leaves the
    machine is the App's own page asking the browser for its fonts at fonts.googleapis.com; it carries
    nothing of the dataset, and the App works where it is blocked.

    Args:
        ds: The dataset.
        port: Port of the App.
        address: Address it listens on.
        remote: Only serve; else a browser is opened too.
        name: Name of the FiftyOne dataset; the dataset's own if None.
        author: If given, changes made in the App come home under this name when it is closed.
        wait: Serve until Ctrl-C; else return at once.
        progress: See `to_fiftyone`.
        queues: Lists that `review queue` wrote; each becomes the saved view `queue: NAME` in its order.

    Returns:
        The session.

    Raises:
        MissingExtraError: if fiftyone is not installed.
        UsageError: if the port is taken.
    """
    fo = fields.library()
    _check_free(address, port)
    dataset = prepare(ds, name, queues, progress)
    session = fo.launch_app(dataset, port=port, address=address, remote=remote, auto=False)
    if not wait:
        return session
    try:
        session.wait(-1)
    except KeyboardInterrupt:
        pass
    finally:
        session.close()
    if author:
        dataset.reload()
        from_fiftyone(dataset, ds, author=author)
    return session


def prepare(ds: Dataset, name: str | None = None, queues: Sequence[Path] = (), progress: Progress | None = None) -> Any:
    """Export what is new, and add saved views, plots of embeddings and people's labels against models'.

    Args:
        ds: The dataset.
        name: Name of the FiftyOne dataset; the dataset's own if None.
        queues: Lists that `review queue` wrote.
        progress: See `to_fiftyone`.

    Returns:
        The `fiftyone.Dataset`.

    Raises:
        MissingExtraError: if fiftyone is not installed.
        UsageError: if a list is none, or the FiftyOne dataset holds something else.
    """
    told = {path.stem: queued(path) for path in queues}
    dataset = to_fiftyone(ds, name, progress=progress)
    if len(dataset):
        save_views(ds, dataset, told, judge(ds, dataset))
        plot(ds, dataset)
    return dataset


def bring_home(ds: Dataset, name: str | None = None, author: str = "") -> LayerInfo | None:
    """Bring home what was changed in the App, without opening it; see `from_fiftyone`.

    Raises:
        MissingExtraError: if fiftyone is not installed.
        UsageError: if there is no FiftyOne dataset of that name.
    """
    fo = fields.library()
    name = name or name_of(ds)
    if not fo.dataset_exists(name):
        raise UsageError(f"there is no FiftyOne dataset '{name}'", fix="Open it first: facecurate view DATASET")
    return from_fiftyone(fo.load_dataset(name), ds, author=author)


def _check_free(address: str, port: int) -> None:
    try:
        with socket.create_server((address, port)):
            return
    except OSError as error:
        raise UsageError(
            f"the App cannot listen on {address}:{port}", error.strerror or str(error), "Give another port"
        ) from error
