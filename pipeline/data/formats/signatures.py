"""File signatures: formats that are recognized by the first bytes of a file."""

GZIP = b"\x1f\x8b"
SIGNATURES = {
    b"\x93NUMPY": "a single .npy array", b"\x00\x00\x08": "an IDX file", GZIP: "a gzip file",
    b"\x89HDF": "an HDF5 file", b"MATLAB": "a MATLAB file", b"PAR1": "a Parquet file",
    b"\x80": "a pickle", b"PK": "a zip file or an Excel workbook", b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}  # fmt: skip


def format_name(content: bytes) -> str | None:
    """Return the name of the format of a file by its first bytes, None where it is none of these.

    >>> format_name(b"PAR1..."), format_name(b"a,b,label")
    ('a Parquet file', None)
    """
    return next((name for start, name in SIGNATURES.items() if content.startswith(start)), None)
