"""NISTP: the characters of NIST's Special Database 19 through the distortions of Bengio et al.

The authors' generator also drew from fonts, CAPTCHAs and printed text; the paper says only "NIST
with randomized distortions". Here the characters are NIST's alone.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.sources import sd19
from pipeline.data.sources.entry import Dataset, NoOptions
from pipeline.data.sources.generated import SHAPE, Generated, fixed_draws, form
from pipeline.data.splits.distortions.pipelines import Characters
from pipeline.data.splits.split import Blocks, Split, Splits

TEST_PART = 4  # hsf_4, as NIST recommends
VALID_SHARE = 80_000 / 731_668  # of the other parts' characters, as in the laboratory's NIST split
RANDOM_STATE = 0

Members = list[tuple[str, int]]  # names in the archive, and labels


def files(_source: NoOptions) -> tuple[RemoteFile, ...]:
    """Return the official files."""
    return sd19.FILES


def split(raw: Path, options: Generated) -> Splits:
    """Return the training characters, and fixed draws of distorted ones for validation and test.

    Test characters are those of hsf_4, validation characters a share of the others, drawn once
    with equal shares of each class. Raises Problem where the archive is absent or wrong.
    """
    from sklearn.model_selection import train_test_split

    archive = raw / sd19.FILES[0].name
    parts = sd19.parts(archive)
    pool = [member for part, found in parts.items() if part != TEST_PART for member in found]
    labels = [label for _, label in pool]
    train, valid = train_test_split(
        np.arange(len(pool)), test_size=VALID_SHARE, stratify=labels, random_state=RANDOM_STATE
    )
    members = {"valid": [pool[n] for n in sorted(valid)], "test": parts[TEST_PART]}
    counts = {"valid": options.valid, "test": options.test}
    fixed = [
        fixed_draws(
            options.recipe, _in_memory(archive, members[part]), ("nistp", part), count=counts[part]
        )
        for part in ("valid", "test")
    ]
    return Splits(_characters(archive, [pool[n] for n in sorted(train)], options.recipe), *fixed)


def _characters(archive: Path, members: Members, recipe: str) -> Split:
    shape = (len(members), SHAPE[0] * SHAPE[1])
    blocks = Blocks(shape, lambda: sd19.images(archive, members))
    return Split(blocks, _labels(members), form(recipe))


def _in_memory(archive: Path, members: Members) -> Characters:
    x_MI = np.concatenate(list(sd19.images(archive, members)))
    return Characters(torch.from_numpy(x_MI).view(-1, *SHAPE), torch.from_numpy(_labels(members)))


def _labels(members: Members) -> NDArray[np.int64]:
    return np.array([label for _, label in members], np.int64)


NISTP = Dataset(
    name="nistp",
    title="NIST Special Database 19 with random distortions",
    address="https://www.nist.gov/srd/nist-special-database-19",
    citation="Grother (1995), NIST Special Database 19; the generator of Bengio et al. (2011)",
    license="https://www.nist.gov/open/license",
    split=split,
    files=files,
    preprocess=Generated,
)
