"""Official files from a mirror folder or from their addresses, verified before they count."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from pipeline.datasets import transfer
from pipeline.datasets.remote import RemoteFile
from pipeline.errors import Problem

PAUSES = (0.0, 0.5, 1.0, 2.0)  # seconds before each round over the addresses
RETRIED = (408, 416, 425, 429)  # refusals that may pass; 416 does once the partial file is dropped

Faults = dict[str, str]  # what went wrong last, by address


def fetch(
    dataset: str, files: Sequence[RemoteFile], folder: Path, *, partial: Path, mirror: Path | None
) -> None:
    """Put the official files of a dataset into `folder`.

    Each is looked for as `<mirror>/<dataset>/<name>`, then at its addresses in turn. Files are
    collected in the folder `partial`, so that a killed download goes on where it stopped, and
    moved only once all of them are there and have the official content. One process at a time may
    use a folder `partial`.

    Raises Problem where a mirror's file is wrong (it is left as it is, and no address is asked:
    whoever names a mirror wants to know) and where no address gives the official content.
    """
    partial.mkdir(parents=True, exist_ok=True)
    remedy = (
        "run it again when the network is there, or put "
        f"{', '.join(file.name for file in files)} into <folder>/{dataset}/ "
        "and set DATA_MIRROR=<folder>"
    )
    for file in files:
        _obtain(file, partial, _in_mirror(file, mirror, dataset), remedy=remedy)
    for file in files:
        shutil.move(partial / file.name, folder / file.name)


def _in_mirror(file: RemoteFile, mirror: Path | None, dataset: str) -> Path | None:
    """Return the mirror's copy, None without a mirror. Raises Problem where the mirror is none."""
    if mirror is None:
        return None
    if not mirror.is_dir():
        raise Problem(f"the mirror {mirror} is not a folder: correct DATA_MIRROR or unset it")
    return mirror / dataset / file.name


def _obtain(file: RemoteFile, partial: Path, mirrored: Path | None, *, remedy: str) -> None:
    """Make `partial / file.name` hold the official content."""
    whole = partial / file.name
    if whole.exists() and not file.fault(whole):
        return  # an earlier run got this far
    part = partial / f"{file.name}.part"
    if mirrored and mirrored.exists():
        _copy(file, mirrored, part)
    else:
        faults = _download(file, part)
        if faults:
            absent = [f"{mirrored} does not exist"] if mirrored else []
            tried = absent + [f"{url} {fault}" for url, fault in faults.items()]
            raise Problem(f"cannot get {file.name} ({'; '.join(tried)}): {remedy}")
    part.replace(whole)


def _copy(file: RemoteFile, mirrored: Path, part: Path) -> None:
    fault = file.fault(mirrored)
    if fault:
        raise Problem(
            f"{mirrored} {fault}: it was not used and is left as it is; "
            "replace it by the official file, or remove it to download that"
        )
    shutil.copyfile(mirrored, part)
    if file.fault(part):
        raise Problem(f"the copy of {mirrored} in {part.parent} is damaged: check the disk")


def _download(file: RemoteFile, part: Path) -> Faults:
    """Bring the official content to `part`, and return {}; or return each address's fault."""
    faults: Faults = {}
    urls = list(file.urls)
    with _bar(file) as advance:
        for pause in PAUSES:
            time.sleep(pause if urls else 0)
            for url in list(urls):
                fault, final = _try(file, url, part, advance)
                if not fault:
                    return {}
                faults[url] = fault
                if final:
                    urls.remove(url)
    return faults


def _try(
    file: RemoteFile, url: str, part: Path, advance: transfer.Advance
) -> tuple[str | None, bool]:
    """Ask one address once. Return its fault, and whether asking it again is useless."""
    continued = part.exists() and part.stat().st_size > 0
    try:
        if not continued or part.stat().st_size < file.size:
            transfer.receive(url, part, file.size, advance=advance)
        fault = file.fault(part)
    except transfer.OversizeError:
        fault = f"sends more than the expected {file.size} bytes"
    except requests.RequestException as error:
        return _refusal(error, part)
    if fault:
        part.unlink()  # the next attempt must not build on it
        fault += " (the download was deleted)"
    # Bytes that an earlier attempt left may be what was wrong.
    return fault, not continued


def _refusal(error: requests.RequestException, part: Path) -> tuple[str, bool]:
    """Return what a failed request means, and whether repeating it is useless."""
    if error.response is not None:
        status = error.response.status_code
        if status == requests.codes.requested_range_not_satisfiable:
            part.unlink()
        return f"answers {status} {error.response.reason}", status < 500 and status not in RETRIED
    if isinstance(error, requests.Timeout):
        return "does not answer in time", isinstance(error, requests.ConnectTimeout)
    return "cannot be reached or drops the connection", False


@contextmanager
def _bar(file: RemoteFile) -> Iterator[transfer.Advance]:
    """Yield what shows the progress of a download: on a terminal only, and on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    silent = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=silent) as progress:
        task = progress.add_task(file.name, total=file.size)
        yield lambda count: progress.update(task, completed=count)
