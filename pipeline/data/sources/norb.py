"""NORB, jittered and cluttered, and small NORB: stereo pairs of photographs of toys.

Each category has five toys ("instances") in the training files and five others in the testing
files. The ten training files of NORB show the same views of the same toys, each file with other
random backgrounds and positions. A file's name ends in its part (training-01) and its kind: dat has
the stereo pairs, cat their categories, info the instance and the viewpoint. Splits read the dat and
cat files of all parts, and for splits by instance the info files of the training parts.

Legend of shape suffixes: N examples of a part or split, B examples of a block, E eyes, H rows and
W columns of an image, O pixels of a side after subsampling, I inputs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.params import Section
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import norb_matrix
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.encoding import UNBOUNDED, Encoding
from pipeline.data.splits.split import Blocks, Split, Splits
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

Kind = Literal["cat", "dat", "info"]
KINDS: tuple[Kind, ...] = ("cat", "dat", "info")
CATEGORIES = ("animal", "human", "plane", "truck", "car")
EYES = 2
SIDE = 32
INPUTS = EYES * SIDE**2
BLOCK = 256  # images that are read and subsampled at once
PAPER_TRAIN = 233_172  # examples of the training split in the paper
BLANK = 5  # NORB's category of images without a toy
HELD_INSTANCE = 9  # of the training instances 4, 6, 7, 8, 9
HELD_BLANKS = 5  # every fifth blank image validates, as one of five instances does
# SHA-1 by which the library scikit-data verified its downloads.
JITTERED_DIGESTS = """
b9ed38a6af5d9287872ab7064c416fd35dcea79b  training-01-cat
38789c74538b0a3f86a4f854f0f0e3482451fd09  training-01-dat
2e2e2a3eef2e0b70dd889ea84f3ce028869eb8de  training-01-info
192e87e661f29890e0536bc6445b8fa43fbad832  training-02-cat
a559ad82aad672ea281db8c437ea89ca6a76a9fa  training-02-dat
8b6cc488a6707e853d065efd338e0d6541f005eb  training-02-info
ca6f995f9f5b39ae614f8a355a70d53bf1ce4dff  training-03-cat
4318343182078b87af6e93eb7a1a0d63b55a7af4  training-03-dat
09460917f05e90337b110527a3840defa84650b2  training-03-info
2353025bfcf02ec6fd91171fcf1f964c2ff1f00b  training-04-cat
32e193bb7234de588b67592ce04c57cb5b36412a  training-04-dat
16e63a9cec76ce1b96ec7ab28ae01a3d35f6eba9  training-04-info
931f63df18ec27e18a3859e35953a6f2a6478b11  training-05-cat
0669b2942215f05c33d7be07df352d96b5a4bbe3  training-05-dat
75b0ef12a7987e88dfc27ce4abde3b6a6f6ba64a  training-05-info
48b91f77aa94dfbd04ccf57b753e4cd42d0631cf  training-06-cat
779bf6ce2e69cc8cabaf0a1716e6528313c250b0  training-06-dat
89ac793064083fec52182402a66dbe71ffaacebc  training-06-info
f29cd673bd9840abf0fecd68a4d328b698f50cfa  training-07-cat
ef6410b90cae2d11a4609787806ae44cb2bbe719  training-07-dat
265248cad68aabc1dc85eb0b68d390aac080d720  training-07-info
d3bc1d9111404d683b8ac6b7adb7e4fa972b765f  training-08-cat
73302e20486b64824e29a907ec7a353c14c12215  training-08-dat
f3678eca658b6c2484ed9d47ca13210c321a88c3  training-08-info
801d3b16f7813a9e383507a933b1d8a292f3722b  training-09-cat
26ad80a8b99283804ab69207f81ff902343037b3  training-09-dat
a4e404c0fa154a6fdb64b82bd6b3203e824f30e9  training-09-info
1496bce011b0435da3f54e50560b66abfda9824e  training-10-cat
f9d53d3cb99188b085ce304f826c95f1e3dc8e14  training-10-dat
03cb78af70fc588b606b0d4b78d9df4396b096b8  training-10-info
ba6e05ca90b151997d3fca7082e7a6bd3a470fd4  testing-01-cat
4a2a765a8a351e0c005aef54cf320ca53b04d50c  testing-01-dat
68c63325de7ac11e630de670dc2a9743d9826478  testing-01-info
13d11d472f26492e2ee68cf1cfccc23e143a97cb  testing-02-cat
79e037950a5423fb126685705b4dfb874ca471f3  testing-02-dat
4431515f880ff20473bed2f6f1ffd00075a7ff40  testing-02-info
"""
# SHA-256 by which TensorFlow Datasets verifies its downloads.
SMALL_DIGESTS = """
2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa  training-cat
5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873  training-dat
de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32  training-info
ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff  testing-cat
cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474  testing-dat
16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2  testing-info
"""

Rows = dict[str, NDArray[np.bool_]]  # by part: which of its examples [N]


@dataclass(frozen=True)
class Edition:
    """Official files of NORB or of small NORB: names, shapes and hashes."""

    address: str
    stem: str
    class_names: tuple[str, ...]
    side: int  # pixels of a square image
    examples: int  # in each part
    facts: int  # columns of an info file; the first is the instance
    algorithm: Literal["sha1", "sha256"]
    digests: dict[str, str]  # of the .mat.gz files, by part and kind: training-01-cat
    sizes: dict[str, int] = field(default_factory=dict)  # in bytes, where they are published

    @property
    def parts(self) -> list[str]:
        """All parts in order: training, then testing."""
        return list(dict.fromkeys(name.rpartition("-")[0] for name in self.digests))

    @property
    def training(self) -> list[str]:
        """Parts to train and validate on, in order."""
        return [part for part in self.parts if part.startswith("training")]

    @property
    def testing(self) -> list[str]:
        """Parts to test on, with other toys."""
        return [part for part in self.parts if part.startswith("testing")]

    def name(self, part: str, kind: Kind) -> str:
        """Return the name of an official file."""
        instances = "46789" if part in self.training else "01235"
        sizes = f"5x{instances}x9x18x6x2x{self.side}x{self.side}"
        return f"{self.stem}-{sizes}-{part}-{kind}.mat.gz"

    def shape(self, kind: Kind) -> tuple[int, ...]:
        """Return the dimensions of a file's matrix: bytes in dat, else 32-bit integers."""
        images = (EYES, self.side, self.side)
        return (self.examples, *{"dat": images, "cat": (), "info": (self.facts,)}[kind])

    def files(self) -> tuple[RemoteFile, ...]:
        """Return all official files, each with the hash of the published .mat.gz."""
        return tuple(self._file(part, kind) for part in self.parts for kind in KINDS)

    def _file(self, part: str, kind: Kind) -> RemoteFile:
        name, shape = self.name(part, kind), self.shape(kind)
        return RemoteFile(
            name,
            self.digests[f"{part}-{kind}"],
            self.sizes.get(f"{part}-{kind}"),
            (self.address + name,),
            algorithm=self.algorithm,
            # A compressed file is no longer than its content.
            limit=norb_matrix.header_size(shape) + math.prod(shape) * (1 if kind == "dat" else 4),
        )


def by_name(digests: str) -> dict[str, str]:
    """Return digests by name, from lines as `sha1sum` prints them."""
    words = digests.split()
    return dict(zip(words[1::2], words[::2], strict=True))


JITTERED = Edition(
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0/",
    stem="norb",
    class_names=(*CATEGORIES, "blank"),
    side=108,
    examples=29_160,
    facts=10,
    algorithm="sha1",
    digests=by_name(JITTERED_DIGESTS),
)
SMALL = Edition(
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    stem="smallnorb",
    class_names=CATEGORIES,
    side=96,
    examples=24_300,
    facts=4,
    algorithm="sha256",
    digests=by_name(SMALL_DIGESTS),
    sizes={
        **{"training-cat": 348, "training-dat": 131_896_188, "training-info": 71_052},
        **{"testing-cat": 347, "testing-dat": 130_799_817, "testing-info": 10_428},
    },
)


class SmallPreprocess(Section):
    """Scaling of bytes to inputs: to [-1, 1], or standardized as in Nair and Hinton (2010)."""

    scaling: Literal["range", "standardized"] = "range"


class Preprocess(SmallPreprocess):
    """Scaling, and the division of the training files into training and validation splits."""

    split: Literal["paper", "instance"] = "paper"


def split(raw: Path, options: Preprocess) -> Splits:
    """Return three splits of pairs of 32 x 32 images; the test split is both testing files.

    `paper` has the paper's sizes, 233,172 / 58,428 / 58,320. Which training examples the paper
    validated on is unknown; here the first 233,172, in the order of the files (eight files less 108
    examples), are to train on and the others to validate. Both show the same toys.

    `instance` validates on one of the five training instances of each category, and on every fifth
    blank example of a file: 233,280 / 58,320 / 58,320, and no toy is in two splits.

    Raises Problem where a file in the folder `raw` is absent or damaged.
    """
    if options.split == "instance":
        held = _held_instance(JITTERED, raw)
    else:
        held, first = {}, 0
        for part in JITTERED.training:
            held[part] = np.arange(first, first + JITTERED.examples) >= PAPER_TRAIN
            first += JITTERED.examples
    return _splits(JITTERED, raw, held, options.scaling)


def small_split(raw: Path, options: SmallPreprocess) -> Splits:
    """Return 19,440 / 4,860 / 24,300 pairs of 32 x 32 images.

    Validation shows one of the five training instances of each category: no toy is in two splits.

    Raises Problem where a file in the folder `raw` is absent or damaged.
    """
    return _splits(SMALL, raw, _held_instance(SMALL, raw), options.scaling)


def _held_instance(edition: Edition, raw: Path) -> Rows:
    """Return which training examples validate: one instance, and every fifth blank image."""
    held = {}
    for part in edition.training:
        blank_N = _categories(edition, raw, part) == BLANK
        fifth_N = np.cumsum(blank_N) % HELD_BLANKS == 0
        path = raw / edition.name(part, "info")
        instance_N = norb_matrix.read_integers(path, edition.shape("info"))[:, 0]
        if HELD_INSTANCE not in instance_N[~blank_N]:
            raise storage.unreadable(path, ValueError(f"no toy is of instance {HELD_INSTANCE}"))
        held[part] = np.where(blank_N, fifth_N, instance_N == HELD_INSTANCE)
    return held


def _splits(edition: Edition, raw: Path, held: Rows, scaling: str) -> Splits:
    """Return the splits of the training examples, the held-out ones, and the test examples."""
    train = {part: ~held_N for part, held_N in held.items()}
    test = {part: np.ones(edition.examples, np.bool_) for part in edition.testing}
    labels = {part: _categories(edition, raw, part) for part in (*train, *test)}
    images = [_images(edition, raw, rows) for rows in (train, held, test)]
    encoding = _encoding(edition, images[0], scaling)
    labels_N = [
        np.concatenate([labels[part][chosen_N] for part, chosen_N in rows.items()])
        for rows in (train, held, test)
    ]
    return Splits(*(Split(x, y_N, encoding) for x, y_N in zip(images, labels_N, strict=True)))


def _categories(edition: Edition, raw: Path, part: str) -> NDArray[np.int64]:
    path, last = raw / edition.name(part, "cat"), len(edition.class_names) - 1
    y_N = norb_matrix.read_integers(path, edition.shape("cat"))
    if y_N.min() < 0 or y_N.max() > last:
        what = f"labels from {y_N.min()} to {y_N.max()}, expected 0 to {last}"
        raise storage.unreadable(path, ValueError(what))
    return y_N


def _images(edition: Edition, raw: Path, rows: Rows) -> Blocks:
    """Return the chosen examples as x [N, I] uint8, left eye first, read part by part."""

    def make() -> Iterator[NDArray[np.uint8]]:
        for part, chosen_N in rows.items():
            if not chosen_N.any():
                continue
            path = raw / edition.name(part, "dat")
            blocks = norb_matrix.read_images(path, edition.shape("dat"), rows=BLOCK)
            # `zip` reads its first argument to the end, where the checksum of the file is verified.
            for x_BEHW, first in zip(blocks, range(0, edition.examples, BLOCK), strict=True):
                chosen_B = chosen_N[first : first + BLOCK]
                if chosen_B.any():
                    yield subsampled(x_BEHW[chosen_B]).reshape(-1, INPUTS)

    count = sum(int(chosen_N.sum()) for chosen_N in rows.values())
    return Blocks((count, INPUTS), make)


def _encoding(edition: Edition, train: Blocks, scaling: str) -> Encoding:
    shape, names = (EYES, SIDE, SIDE), edition.class_names
    if scaling == "standardized":
        return Encoding(shape, names, 1 / deviation(train), centered=True, bounds=UNBOUNDED)
    return Encoding(shape, names, 2 / 255, offset=-1.0, bounds=(-1.0, 1.0))


def deviation(x_NI: Blocks) -> float:
    """Return the standard deviation of a pixel over the examples, averaged over the pixels.

    The mean of each example is subtracted first, as in Nair and Hinton (2010). Raises Problem where
    the deviation is 0.
    """
    sum_I, squares_I = np.zeros(x_NI.shape[1]), np.zeros(x_NI.shape[1])
    for x_BI in x_NI:
        centered_BI = x_BI - x_BI.mean(1, keepdims=True)
        sum_I += centered_BI.sum(0)
        squares_I += (centered_BI**2).sum(0)
    mean_I = sum_I / x_NI.shape[0]
    variance_I = squares_I / x_NI.shape[0] - mean_I**2
    result = float(np.sqrt(variance_I.clip(0)).mean())
    if not result:
        raise Problem("NORB's training images have no contrast: set scaling: range in params.yaml")
    return result


def subsampled(x_BEHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [B, E, 32, 32]: a pixel is the rounded mean over its area.

    The paper says only "subsampled" (section 4.1). All sums are of whole numbers that float32
    represents exactly, and no mean lies halfway between two bytes: every machine gives the same
    bytes.
    """
    overlap_OH = _overlap(x_BEHW.shape[-2])
    overlap_WO = _overlap(x_BEHW.shape[-1]).T
    sums_BEOO = overlap_OH @ (x_BEHW.astype(np.float32) @ overlap_WO)
    area = overlap_OH[0].sum() * overlap_WO[:, 0].sum()
    small_BEOO: NDArray[np.uint8] = np.rint(sums_BEOO / area).astype(np.uint8)
    return small_BEOO


@cache
def _overlap(side: int) -> NDArray[np.float32]:
    """Return the overlap [32, side] of pixels on a side of 32 and on one of `side` pixels.

    Lengths are whole multiples of a unit that divides both pixels.
    """
    unit = math.gcd(side, SIDE)
    new, old = side // unit, SIDE // unit
    new_O1, old_H = new * np.arange(SIDE)[:, None], old * np.arange(side)
    common_OH = np.minimum(new_O1 + new, old_H + old) - np.maximum(new_O1, old_H)
    return common_OH.clip(0).astype(np.float32)


NORB = Dataset(
    name="norb",
    title="NORB, jittered and cluttered, 2 x 32 x 32",
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0/",
    citation="LeCun, Huang and Bottou (2004), Learning methods for generic object recognition with "
    "invariance to pose and lighting, CVPR",
    license="for research only; not to be sold; cite LeCun, Huang and Bottou (2004)",
    split=split,
    preprocess=Preprocess,
    files=lambda _: JITTERED.files(),
)
NORB_SMALL = Dataset(
    name="norb-small",
    title="Small NORB, plain backgrounds, 2 x 32 x 32 (not the paper's set)",
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    citation=NORB.citation,
    license=NORB.license,
    split=small_split,
    preprocess=SmallPreprocess,
    files=lambda _: SMALL.files(),
)
