"""Download of official files: from a mirror folder or over HTTP, resumed, verified by hash."""

import gzip
import hashlib
import http.client
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Literal

import requests
import urllib3

from pipeline.runtime.errors import Problem

PAUSES = (0.0, 0.5, 1.0, 2.0)  # seconds before each round over the addresses
RETRIED = (408, 425, 429)  # refusals that may pass
NAMED = 3  # files that an error message names
HASHED = 1 << 20  # bytes of content hashed at a time
CHUNK = 1 << 16  # bytes received at a time
QUEUED = 16  # chunks received ahead of the disk
TIMEOUT = (10, 30)  # seconds to connect, and between two bytes
WINDOW = 60.0  # seconds in which a server must send its headers, and then ...
SLOWEST = 1 << 16  # ... at least so many bytes of the body
UNSTATED_LIMIT = 2 << 30  # bytes of a file with neither size nor limit

Faults = dict[str, str]  # last error by address
Advance = Callable[[int, int | None], None]  # receives the bytes so far, and the total if known


@dataclass(frozen=True)
class Repacked:
    """Hash of the content of an archive, by which a copy that was packed again is accepted.

    `measure(path)` returns the SHA-256 of `content` (a name), or raises Problem for a damaged file.
    """

    digest: str
    content: str
    measure: Callable[[Path], str]

    def fault(self, path: Path) -> str | None:
        """Return how the content of `path` differs, None if it does not."""
        try:
            digest = self.measure(path)
        except Problem as problem:
            return str(problem)
        wrong = f"{self.content} have sha256 {digest}, expected {self.digest}"
        return None if digest == self.digest else wrong


@dataclass(frozen=True)
class RemoteFile:
    """An official file, with the hash that identifies its content.

    `digest` (hexadecimal, by `algorithm`) is the hash of the file itself, or if `expanded` of the
    content of its gzip, so that a recompressed copy is accepted. It is empty where no hash was ever
    published; then any undamaged gzip within the limit is accepted. `size` is the number of bytes
    of the file itself, None where unpublished. `limit` bounds, in bytes, the content of an expanded
    file, and a file without a size. `urls` are tried in order. `repacked` copies are accepted too.
    """

    name: str
    digest: str
    size: int | None
    urls: tuple[str, ...]
    algorithm: Literal["sha256", "sha1", "md5"] = "sha256"
    expanded: bool = False
    limit: int | None = None
    repacked: Repacked | None = None

    @property
    def most(self) -> int:
        """Largest number of bytes that a download may have."""
        return self._content_most if self.size is None else self.size

    @property
    def _content_most(self) -> int:
        return UNSTATED_LIMIT if self.limit is None else self.limit

    def fault(self, path: Path) -> str | None:
        """Return how `path` differs from the official file, None if it does not."""
        fault = self._content_fault(path) if self.expanded else self._file_fault(path)
        if fault is None or self.repacked is None:
            return fault
        other = self.repacked.fault(path)
        return None if other is None else f"{fault}; as a repacked copy: {other}"

    def _file_fault(self, path: Path) -> str | None:
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"has {size} bytes, expected {self.size}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, self._hash).hexdigest()
        if digest != self.digest:
            return f"has {self.algorithm} {digest}, expected {self.digest}"
        return None

    def _content_fault(self, path: Path) -> str | None:
        expected = f"{self.algorithm} {self.digest}" if self.digest else "no published hash"
        try:
            digest, size = self._measure_content(path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            return f"is not a whole gzip file ({error}), expected content of {expected}"
        if size > self._content_most:
            return f"expands to more than the expected {self._content_most} bytes"
        if self.digest and digest != self.digest:
            return f"has content of {self.algorithm} {digest}, expected {self.digest}"
        return None

    def _measure_content(self, path: Path) -> tuple[str, int]:
        """Return digest and length of the content, expanded no further than shows it too long."""
        digest, size = self._hash(), 0
        with gzip.open(path) as file:
            while size <= self._content_most and (chunk := file.read(HASHED)):
                digest.update(chunk)
                size += len(chunk)
        return digest.hexdigest(), size

    def _hash(self) -> "hashlib._Hash":
        # Some systems refuse md5 and sha1 unless they are declared as not used for security.
        return hashlib.new(self.algorithm, usedforsecurity=False)


def fetch(
    dataset: str, files: Sequence[RemoteFile], folder: Path, *, partial: Path, mirror: Path | None
) -> None:
    """Put the official files of a dataset into `folder`.

    Each file is looked for as `<mirror>/<dataset>/<name>`, then at its addresses in turn. Files are
    collected in the folder `partial` and stay there, so that a killed download resumes and nothing
    is fetched twice. `folder` gets the same files (hard links where the disk has them) once all
    are present and verified. One process at a time may use a `partial`.

    Raises Problem where a mirror's file is wrong (it is left as it is, and no address is asked),
    and where no address gives the official content.
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
                f"cannot get {file.name} ({'; '.join(faults)}): run the command again with a "
                f"network connection, or put {_listed(missing)} into <folder>/{dataset}/ and set "
                "DATA_MIRROR=<folder>"
            )
    for file in files:
        _place(partial / file.name, folder / file.name)


def _place(whole: Path, target: Path) -> None:
    """Hard-link the file to `target`, or copy it where the disk has no links."""
    try:
        target.hardlink_to(whole)
    except OSError:
        shutil.copyfile(whole, target)


def _listed(names: list[str]) -> str:
    """Return the first names, and the number of the others."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _in_mirror(file: RemoteFile, mirror: Path | None, dataset: str) -> Path | None:
    """Return the path in the mirror, None without a mirror. Raises Problem if it is no folder."""
    if mirror is None:
        return None
    if not mirror.is_dir():
        raise Problem(f"the mirror {mirror} is not a folder: correct DATA_MIRROR or unset it")
    return mirror / dataset / file.name


def _obtain(file: RemoteFile, partial: Path, mirrored: Path | None) -> list[str]:
    """Make `partial / file.name` hold the official content, or return what failed."""
    whole, part = partial / file.name, partial / f"{file.name}.part"
    if whole.exists():
        if not file.fault(whole):
            return []  # fetched by an earlier run
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
            f"{mirrored} {fault}: it was not used; "
            "replace it with the official file, or remove it to download the official file"
        )
    shutil.copyfile(mirrored, part)
    if file.fault(part):
        raise Problem(f"the copy of {mirrored} in {part.parent} is damaged: check the disk")


def _download(file: RemoteFile, part: Path) -> Faults:
    """Bring the official content to `part` and return {}, or return the fault of each address."""
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


def _try(file: RemoteFile, url: str, part: Path, advance: Advance) -> tuple[str | None, bool]:
    """Ask one address once. Return the fault, and whether another attempt would be useless."""
    start, complete = part.stat().st_size if part.exists() else 0, True
    try:
        if not start or file.size is None or start < file.size:
            complete = receive(url, part, file.most, advance=advance)
        fault = file.fault(part)
    except OversizeError:
        fault = f"sends more than the expected {file.most} bytes"
    except requests.RequestException as error:
        if not _has_no_more(error):
            return _refusal(error)
        fault = file.fault(part)  # without one, the partial file is the whole
    size = part.stat().st_size
    if fault and not complete and start < size < file.most:
        return f"sends {size} bytes without a length, perhaps not all: {fault}", False
    if fault:
        part.unlink()  # the next attempt must not build on it
        fault += " (the download was deleted)"
    # The bytes that an earlier attempt left may be at fault: then ask again.
    return fault, not start


def _has_no_more(error: requests.RequestException) -> bool:
    """Return whether the server has no byte beyond the partial file's length."""
    status = error.response.status_code if error.response is not None else None
    return status == requests.codes.requested_range_not_satisfiable


def _refusal(error: requests.RequestException) -> tuple[str, bool]:
    """Return a failed request in words, and whether another attempt would be useless."""
    if error.response is not None:
        status = error.response.status_code
        return f"answers {status} {error.response.reason}", status < 500 and status not in RETRIED
    if isinstance(error, SlowError):
        return f"sends fewer than {SLOWEST} bytes in {WINDOW:g} seconds", False
    if isinstance(error, requests.Timeout):
        return "does not answer in time", isinstance(error, requests.ConnectTimeout)
    return "cannot be reached or drops the connection", False


class OversizeError(Exception):
    """The server sends more bytes than the official file has."""


class SlowError(requests.Timeout):
    """The server sends too few bytes within `WINDOW` seconds."""


def receive(url: str, part: Path, most: int, *, advance: Advance) -> bool:
    """Complete the partial file `part` from `url`, asking only for the bytes it lacks.

    Starts over where the server ignores the range. The bytes that arrived stay in `part` when the
    connection breaks. Returns whether the server stated a length: without one, a dropped connection
    looks like the end of the file. Raises requests.RequestException, SlowError among them, and
    OversizeError after `most` bytes.
    """
    with part.open("ab") as file:
        # Without this, servers may compress; offsets count the bytes of the stored file.
        headers = {"Accept-Encoding": "identity"}
        if file.tell():
            headers["Range"] = f"bytes={file.tell()}-"
        arrivals = _Arrivals(url, headers)
        try:
            response = arrivals.response()
            if response.status_code == requests.codes.ok:
                file.seek(0)
                file.truncate()
            length = response.headers.get("Content-Length", "")
            total = file.tell() + int(length) if length.isdecimal() else None
            for chunk in arrivals.chunks():
                file.write(chunk)
                advance(file.tell(), total)
                if file.tell() > most:
                    raise OversizeError
        finally:
            arrivals.stop()
    return total is not None or response.headers.get("Transfer-Encoding") == "chunked"


class _Arrivals:
    """The response of a server and its bytes, received by a thread of their own.

    No timeout of a socket ends a response that comes byte by byte; the reader of a queue can.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.queue: Queue[Any] = Queue(QUEUED)
        self.stopped = Event()
        Thread(target=self._receive, args=(url, headers), daemon=True).start()

    def _receive(self, url: str, headers: dict[str, str]) -> None:
        try:
            with requests.get(url, headers=headers, timeout=TIMEOUT, stream=True) as response:
                response.raise_for_status()
                self._put(response)
                # Raw bytes: a stored .gz file declared as encoded must not be expanded.
                while not self.stopped.is_set():
                    chunk = response.raw.read1(CHUNK, decode_content=False) or b""
                    self._put(chunk)
                    if not chunk:
                        break
        except Exception as error:  # raised again by the thread that waits
            self._put(error)

    def _put(self, item: Any) -> None:
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=0.1)
            except Full:
                continue
            return

    def _next(self, seconds: float) -> Any:
        try:
            item = self.queue.get(timeout=max(0.0, seconds))
        except Empty as error:
            raise SlowError from error
        match item:
            case urllib3.exceptions.ReadTimeoutError():
                raise requests.Timeout from item
            case requests.RequestException():
                raise item
            case urllib3.exceptions.HTTPError() | http.client.HTTPException() | OSError():
                raise requests.ConnectionError(str(item)) from item
            case Exception():
                raise item
        return item

    def response(self) -> requests.Response:
        """Return the response, whose body has not been read. Raises SlowError after a window."""
        response = self._next(WINDOW)
        assert isinstance(response, requests.Response)
        return response

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the body. Raises SlowError where a window brings too few."""
        start, arrived = time.monotonic(), 0
        while chunk := self._next(start + WINDOW - time.monotonic()):
            yield chunk
            arrived += len(chunk)
            if arrived >= SLOWEST:
                start, arrived = time.monotonic(), 0

    def stop(self) -> None:
        """End the thread, at the latest when its socket times out."""
        self.stopped.set()


@contextmanager
def _bar(file: RemoteFile) -> Iterator[Advance]:
    """Yield a callback that shows a download's progress on stderr, if that is a terminal."""
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
