"""Cache of compiled kernels on disk: a process loads the machine code that an earlier one compiled.

The files are in the user's cache folder and can be deleted at any time; they are written again.
A file that is damaged or cannot be read counts as absent. If the folder is not writable, kernels
are compiled in each process.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import platformdirs

from pipeline.runtime import storage

HASH_BYTES = 32  # SHA-256 of the code, before it


def read(key: str) -> bytes | None:
    """Return the machine code stored for a key, None where there is none or it is damaged."""
    try:
        content = _path(key).read_bytes()
    except (OSError, RuntimeError):  # the home folder may be unknown
        return None
    code = content[HASH_BYTES:]
    return code if hashlib.sha256(code).digest() == content[:HASH_BYTES] else None


def write(key: str, code: bytes) -> None:
    """Store the machine code of a key, where the folder can be written."""
    with suppress(OSError, RuntimeError):
        storage.write_bytes(_path(key), hashlib.sha256(code).digest() + code)


def _path(key: str) -> Path:
    return platformdirs.user_cache_path("deep-sparse-rectifier") / "kernels" / f"{key}.o"
