"""Small tar archives, for tests of readers."""

import io
import tarfile
from collections.abc import Iterable


def tarred(members: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    """Return an archive of members, by name or header, with their content, in this order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()
