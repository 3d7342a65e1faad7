"""Official files from a mirror folder or from their addresses, verified before they count."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from pipeline.data.download import transfer
from pipeline.data.download.remote_file import RemoteFile
from pipeline.runtime.errors import Problem

PAUSES = (0.0, 0.5, 1.0, 2.0)  # seconds before each round over the addresses
RETRIED = (408, 416, 425, 429)  # refusals that may pass; 416 does once the partial file is dropped
NAMED = 3  # files that an error names, where it is about many

Faults = dict[str, str]  # what went wrong last, by address


def fetch(
    dataset: str, files: Sequence[RemoteFile], folder: Path, *, partial: Path, mirror: Path | None
) -> None:
    """Put the official files of a dataset into `folder`.

    Each is looked for as `<mirror>/<dataset>/<name>`, then at its addresses in turn. Files are
    collected in the folder `partial`, so that a killed download goes on where it stopped, and stay
    there: nothing is fetched twice. `folder` gets the same files (links, where the disk has them)
    once all are there and have the official content. One process at a time may use a `partial`.

    Raises Problem where a mirror's file is wrong (it is left as it is, and no address is asked:
    whoever names a mirror wants to know) and where no address gives the official content.
    """
    partial.mkdir(parents=True, exist_ok=True)
    mirrored = {file: _in_mirror(file, mirror, dataset) for file in files}
    for file in files:
        faults = _obtain(file, partial, mirrored[file])
        if faults:
            missing = [
                other.name
                for other, copy in mirrored.items()
                if not (partial / other.name).exists() and not (copy and copy.exists())
            ]
            raise Problem(
                f"cannot get {file.name} ({'; '.join(faults)}): run it again when the network is "
                f"there, or put {_listed(missing)} into <folder>/{dataset}/ and set "
                "DATA_MIRROR=<folder>"
            )
    for file in files:
        _place(partial / file.name, folder / file.name)


def _place(whole: Path, target: Path) -> None:
    """Make the file appear at `target` as well, without a second copy where that is possible."""
    try:
        target.hardlink_to(whole)
    except OSError:
        shutil.copyfile(whole, target)


def _listed(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _in_mirror(file: RemoteFile, mirror: Path | None, dataset: str) -> Path | None:
    """Return the mirror's copy, None without a mirror. Raises Problem where the mirror is none."""
    if mirror is None:
        return None
    if not mirror.is_dir():
        raise Problem(f"the mirror {mirror} is not a folder: correct DATA_MIRROR or unset it")
    return mirror / dataset / file.name


def _obtain(file: RemoteFile, partial: Path, mirrored: Path | None) -> list[str]:
    """Make `partial / file.name` hold the official content; or say where it was not to be had."""
    whole, part = partial / file.name, partial / f"{file.name}.part"
    if whole.exists():
        if not file.fault(whole):
            return []  # an earlier run got this far
        whole.unlink()
    absent = []
    if mirrored and mirrored.exists():
        _copy(file, mirrored, part)
    else:
        absent = [f"{mirrored} does not exist"] if mirrored else []
        faults = _download(file, part)
        if faults:
            return absent + [f"{url} {fault}" for url, fault in faults.items()]
    part.replace(whole)
    return []


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
    there = part.stat().st_size if part.exists() else 0
    try:
        if not there or file.size is None or there < file.size:
            transfer.receive(url, part, file.most, advance=advance)
        fault = file.fault(part)
    except transfer.OversizeError:
        fault = f"sends more than the expected {file.most} bytes"
    except requests.RequestException as error:
        if _lacks_nothing(error) and not file.fault(part):
            return None, True
        return _refusal(error, part)
    if fault:
        part.unlink()  # the next attempt must not build on it
        fault += " (the download was deleted)"
    # Bytes that an earlier attempt left may be what was wrong.
    return fault, not there


def _lacks_nothing(error: requests.RequestException) -> bool:
    """Say whether the server has no byte beyond those that are here."""
    status = error.response.status_code if error.response is not None else None
    return status == requests.codes.requested_range_not_satisfiable


def _refusal(error: requests.RequestException, part: Path) -> tuple[str, bool]:
    """Return what a failed request means, and whether repeating it is useless."""
    if error.response is not None:
        status = error.response.status_code
        if _lacks_nothing(error):
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
        yield lambda count, total: progress.update(task, completed=count, total=total or file.size)
