"""The files of NORB and small NORB: all that were published are known, each by its hash."""

import hashlib

from pipeline.data.sources import norb, norb_files


def test_every_official_file_is_known() -> None:
    """All 36 files of NORB and all 6 of small NORB have an address and a hash of their own."""
    for dataset, count, digits in ((norb.NORB, 36, 40), (norb.NORB_SMALL, 6, 64)):
        files = dataset.files(dataset.source())
        assert len({file.digest for file in files}) == len({file.name for file in files}) == count
        assert {len(file.digest) for file in files} == {digits}
        assert all(file.urls == (dataset.address + file.name,) for file in files)
    names = {file.name: file for file in norb.NORB.files(None)}
    first = names["norb-5x46789x9x18x6x2x108x108-training-01-dat.mat.gz"]
    assert (first.digest[:8], first.limit) == ("38789c74", 680_244_504)
    last = names["norb-5x01235x9x18x6x2x108x108-testing-02-info.mat.gz"]
    assert (last.digest[:8], last.limit, last.algorithm) == ("4431515f", 1_166_420, "sha1")
    small = {file.name: file for file in norb.NORB_SMALL.files(None)}
    test_cat = small["smallnorb-5x01235x9x18x6x2x96x96-testing-cat.mat.gz"]
    assert (test_cat.digest[:8], test_cat.size, test_cat.limit) == ("ecaf6d5b", 347, 97_220)


def test_hashes_are_those_that_were_published() -> None:
    """The list of all 42 hashes and names, sorted, is the one that was taken from the sources."""
    files = (*norb_files.JITTERED.files(), *norb_files.SMALL.files())
    listed = "".join(sorted(f"{file.digest}  {file.name}\n" for file in files))
    assert hashlib.sha256(listed.encode()).hexdigest() == (
        "de845b46a2fb3ed12a1f5296c8f2149e85208ae8a58d0e40112ed49e4878c604"
    )
