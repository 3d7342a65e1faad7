"""The official files of NORB, jittered and cluttered, and of small NORB.

A file is named for its part (training-01) and its kind: dat holds the images, a pair of photographs
each, cat their categories, info the toy ("instance") and how it was seen.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import norb_matrix

Kind = Literal["cat", "dat", "info"]
KINDS: tuple[Kind, ...] = ("cat", "dat", "info")
EYES = 2
CATEGORIES = ("animal", "human", "plane", "truck", "car")


class Digests(NamedTuple):
    """The hashes of a part's .mat.gz files, by kind."""

    cat: str
    dat: str
    info: str


@dataclass(frozen=True)
class Edition:
    """One of the two sets: how its files are named, and what they hold."""

    address: str
    stem: str
    class_names: tuple[str, ...]
    side: int  # pixels of a square image
    examples: int  # in each part
    facts: int  # columns of an info file; the first is the instance
    algorithm: Literal["sha1", "sha256"]
    digests: dict[str, Digests]  # by part
    sizes: dict[str, dict[Kind, int]] = field(default_factory=dict)  # bytes, where published

    @property
    def training(self) -> list[str]:
        """The parts to train and validate on, in order."""
        return [part for part in self.digests if part.startswith("training")]

    @property
    def testing(self) -> list[str]:
        """The parts to test on: they show other toys."""
        return [part for part in self.digests if part.startswith("testing")]

    def name(self, part: str, kind: Kind) -> str:
        """Return the name of an official file."""
        instances = "46789" if part in self.training else "01235"
        sizes = f"5x{instances}x9x18x6x2x{self.side}x{self.side}"
        return f"{self.stem}-{sizes}-{part}-{kind}.mat.gz"

    def shape(self, kind: Kind) -> tuple[int, ...]:
        """Return the dimensions of the matrix in a file: of bytes in dat, else 32-bit integers."""
        images = (EYES, self.side, self.side)
        return (self.examples, *{"dat": images, "cat": (), "info": (self.facts,)}[kind])

    def files(self) -> tuple[RemoteFile, ...]:
        """Return all files, each with the hash of the .mat.gz as it is published."""
        return tuple(self._file(part, kind) for part in self.digests for kind in KINDS)

    def _file(self, part: str, kind: Kind) -> RemoteFile:
        name, shape = self.name(part, kind), self.shape(kind)
        header = norb_matrix.header_size(shape)
        return RemoteFile(
            name,
            getattr(self.digests[part], kind),
            self.sizes.get(part, {}).get(kind),
            (self.address + name,),
            algorithm=self.algorithm,
            # Compressed files are no longer than what they hold.
            limit=header + math.prod(shape) * (1 if kind == "dat" else 4),
        )


# The sums that the library scikit-data verified its downloads by.
JITTERED_DIGESTS = {
    "training-01": Digests(
        cat="b9ed38a6af5d9287872ab7064c416fd35dcea79b",
        dat="38789c74538b0a3f86a4f854f0f0e3482451fd09",
        info="2e2e2a3eef2e0b70dd889ea84f3ce028869eb8de",
    ),
    "training-02": Digests(
        cat="192e87e661f29890e0536bc6445b8fa43fbad832",
        dat="a559ad82aad672ea281db8c437ea89ca6a76a9fa",
        info="8b6cc488a6707e853d065efd338e0d6541f005eb",
    ),
    "training-03": Digests(
        cat="ca6f995f9f5b39ae614f8a355a70d53bf1ce4dff",
        dat="4318343182078b87af6e93eb7a1a0d63b55a7af4",
        info="09460917f05e90337b110527a3840defa84650b2",
    ),
    "training-04": Digests(
        cat="2353025bfcf02ec6fd91171fcf1f964c2ff1f00b",
        dat="32e193bb7234de588b67592ce04c57cb5b36412a",
        info="16e63a9cec76ce1b96ec7ab28ae01a3d35f6eba9",
    ),
    "training-05": Digests(
        cat="931f63df18ec27e18a3859e35953a6f2a6478b11",
        dat="0669b2942215f05c33d7be07df352d96b5a4bbe3",
        info="75b0ef12a7987e88dfc27ce4abde3b6a6f6ba64a",
    ),
    "training-06": Digests(
        cat="48b91f77aa94dfbd04ccf57b753e4cd42d0631cf",
        dat="779bf6ce2e69cc8cabaf0a1716e6528313c250b0",
        info="89ac793064083fec52182402a66dbe71ffaacebc",
    ),
    "training-07": Digests(
        cat="f29cd673bd9840abf0fecd68a4d328b698f50cfa",
        dat="ef6410b90cae2d11a4609787806ae44cb2bbe719",
        info="265248cad68aabc1dc85eb0b68d390aac080d720",
    ),
    "training-08": Digests(
        cat="d3bc1d9111404d683b8ac6b7adb7e4fa972b765f",
        dat="73302e20486b64824e29a907ec7a353c14c12215",
        info="f3678eca658b6c2484ed9d47ca13210c321a88c3",
    ),
    "training-09": Digests(
        cat="801d3b16f7813a9e383507a933b1d8a292f3722b",
        dat="26ad80a8b99283804ab69207f81ff902343037b3",
        info="a4e404c0fa154a6fdb64b82bd6b3203e824f30e9",
    ),
    "training-10": Digests(
        cat="1496bce011b0435da3f54e50560b66abfda9824e",
        dat="f9d53d3cb99188b085ce304f826c95f1e3dc8e14",
        info="03cb78af70fc588b606b0d4b78d9df4396b096b8",
    ),
    "testing-01": Digests(
        cat="ba6e05ca90b151997d3fca7082e7a6bd3a470fd4",
        dat="4a2a765a8a351e0c005aef54cf320ca53b04d50c",
        info="68c63325de7ac11e630de670dc2a9743d9826478",
    ),
    "testing-02": Digests(
        cat="13d11d472f26492e2ee68cf1cfccc23e143a97cb",
        dat="79e037950a5423fb126685705b4dfb874ca471f3",
        info="4431515f880ff20473bed2f6f1ffd00075a7ff40",
    ),
}
# The sums that TensorFlow Datasets verifies its downloads by.
SMALL_DIGESTS = {
    "training": Digests(
        cat="2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
        dat="5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
        info="de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
    ),
    "testing": Digests(
        cat="ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
        dat="cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
        info="16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
    ),
}
JITTERED = Edition(
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0/",
    stem="norb",
    class_names=(*CATEGORIES, "blank"),
    side=108,
    examples=29_160,
    facts=10,
    algorithm="sha1",
    digests=JITTERED_DIGESTS,
)
SMALL = Edition(
    address="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    stem="smallnorb",
    class_names=CATEGORIES,
    side=96,
    examples=24_300,
    facts=4,
    algorithm="sha256",
    digests=SMALL_DIGESTS,
    sizes={
        "training": {"cat": 348, "dat": 131_896_188, "info": 71_052},
        "testing": {"cat": 347, "dat": 130_799_817, "info": 10_428},
    },
)
