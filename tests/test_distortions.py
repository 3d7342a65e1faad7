"""Character generator: its random numbers, and properties of every distorted image."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.pipelines import PIPELINES, Characters, _to_bytes, draw, steps
from pipeline.runtime.errors import Problem

STREAM = ("glyphs", 3)
FIRST = torch.arange(96)


def characters(rows: int = 32, columns: int = 32) -> Characters:
    """Return six shapes with soft edges in the middle of an image."""
    y = torch.linspace(-1, 1, rows).unsqueeze(1).expand(rows, columns)
    x = torch.linspace(-1, 1, columns).expand(rows, columns)
    bar, beam, ring = x.abs(), y.abs(), ((x.square() + y.square()).sqrt() - 0.45).abs()
    far = torch.maximum(x.abs(), y.abs()) - 0.65
    shapes = [bar, beam, ring, torch.minimum(bar, beam), (x - y).abs() / 1.4, (x + y).abs() / 1.4]
    ink = [(6 * (0.22 - torch.maximum(shape, far))).clamp(0, 1) for shape in shapes]
    return Characters((torch.stack(ink) * 255).round().to(torch.uint8), torch.arange(6))


SHAPES = characters()


def images(pipeline: str, i_N: Tensor = FIRST, names: tuple[str | int, ...] = STREAM) -> Tensor:
    return draw(pipeline, SHAPES, names, i_N)[0]


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    threads = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(threads)


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("size", [(32, 32), (9, 13)])
def test_an_image_is_a_function_of_its_index(pipeline: str, size: tuple[int, int]) -> None:
    """The bytes of an image do not depend on the batch, its order or its size."""
    shapes = characters(*size)
    whole = draw(pipeline, shapes, STREAM, FIRST)[0]
    for batch in (FIRST[5:6], FIRST[3:10], FIRST.flip(0), torch.tensor([40, 40, 7])):
        assert torch.equal(draw(pipeline, shapes, STREAM, batch)[0], whole[batch])
    assert draw(pipeline, shapes, STREAM, FIRST[:0])[0].shape == (0, size[0] * size[1])


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_threads_change_nothing(pipeline: str, set_threads: Callable[[int], None]) -> None:
    """The bytes are the same with one and with two threads."""
    set_threads(1)
    single = images(pipeline)
    set_threads(2)
    assert torch.equal(images(pipeline), single)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_image_shows_ink(pipeline: str) -> None:
    """Images are uint8 [N, H * W] with some contrast, and labels are those of the sources."""
    x, y = draw(pipeline, SHAPES, STREAM, torch.arange(600))
    assert x.dtype == torch.uint8
    assert x.shape == (600, 1024)
    assert y.dtype == torch.int64
    contrast = x.amax(1).int() - x.amin(1).int()
    assert (contrast > 40).float().mean() > 0.99
    assert sorted(y.unique().tolist()) == [0, 1, 2, 3, 4, 5]


def test_clean_images_are_the_sources() -> None:
    """The empty pipeline returns the sources, drawn uniformly, with their labels."""
    x, y = draw("clean", SHAPES, STREAM, torch.arange(3000))
    assert torch.equal(x, SHAPES.x_MHW[y].flatten(1))
    assert (torch.bincount(y) / 3000 - 1 / 6).abs().max() < 0.03


def test_bytes_are_rounded_to_the_nearest() -> None:
    """Gray levels are rounded, not truncated."""
    assert _to_bytes(torch.tensor([0.4, 0.6, 254.6]) / 255).tolist() == [0, 1, 255]


@pytest.mark.parametrize("pipeline", ["nistp", "p07"])
def test_indices_and_streams_differ(pipeline: str) -> None:
    """No two images of a stream or of two are the same; pipelines share the labels."""
    both = torch.cat([images(pipeline), images(pipeline, names=("glyphs", 4))])
    assert len(both.unique(dim=0)) == 2 * len(FIRST)
    labels = [draw(name, SHAPES, STREAM, FIRST)[1] for name in ("clean", pipeline)]
    assert torch.equal(*labels)


def test_unknown_pipelines_are_refused() -> None:
    """The message lists the known pipelines."""
    with pytest.raises(Problem, match=r"'nist' is unknown.*clean, nistp, p07"):
        images("nist")


def test_steps_show_each_module_on_the_source() -> None:
    """The steps are the source, then every module alone, on the characters that `draw` takes."""
    shown = steps("p07", SHAPES, STREAM, FIRST, complexity=0.7)
    assert [name for name, _ in shown] == ["source", *(m.name for m in PIPELINES["p07"])]
    assert torch.equal(shown[0][1].flatten(1), images("clean"))
    assert all((x != shown[0][1]).any() for _, x in shown[1:])
    assert all(x.shape == (96, 32, 32) and x.dtype == torch.uint8 for _, x in shown)


def test_without_complexity_nothing_moves() -> None:
    """At complexity 0 only the contrast module acts: it inverts half of the images."""
    (_, source), *modules = steps("p07", SHAPES, STREAM, FIRST, complexity=0.0)
    changed = {name for name, x in modules if not torch.equal(x, source)}
    assert changed == {"contrast"}


def test_complexities_reach_seven_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complexities are independent by module and image, uniform in [0, 0.7]."""
    seen: list[Tensor] = []

    def spy(_self: object, x: Tensor, c: Tensor, *_: object) -> Tensor:
        seen.append(c)
        return x

    monkeypatch.setattr("pipeline.data.splits.distortions.module.Module.apply", spy)
    images("p07", torch.arange(2000))
    c = torch.stack(seen)
    assert len(c) == 14
    assert 0 <= c.min() < 0.01
    assert 0.69 < c.max() < 0.7
    assert abs(c.mean() - 0.35) < 0.01
    assert (torch.corrcoef(c) - torch.eye(14)).abs().max() < 0.1


@pytest.mark.gpu
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_gpu_draws_the_same(pipeline: str) -> None:
    """A GPU gives the same draws, and nearly all bytes are the same."""
    shapes = Characters(SHAPES.x_MHW.cuda(), SHAPES.y_M.cuda())
    x, y = draw(pipeline, shapes, STREAM, FIRST)
    assert x.is_cuda
    assert torch.equal(y.cpu(), draw(pipeline, SHAPES, STREAM, FIRST)[1])
    apart = (x.cpu().int() - images(pipeline).int()).abs()
    assert (apart > 1).float().mean() < 0.001


IMAGES = torch.arange(4000)
DRAWS = Draws(7, IMAGES)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_uniform_numbers_are_uniform() -> None:
    """Mean 1/2, variance 1/12, uniform over 16 bins, and always below 1."""
    u = DRAWS.uniform("u", 50)
    assert u.shape == (4000, 50)
    assert u.dtype == torch.float32
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.003
    assert abs(u.var() - 1 / 12) < 0.001
    counts = torch.histc(u, 16, 0, 1)
    assert ((counts - 12500).square() / 12500).sum() < 45  # chi-square of 15 degrees, p = 1e-4


def test_normal_numbers_are_normal() -> None:
    """The first four moments are 0, 1, 0 and 3, and 2.3% of the numbers exceed 2."""
    z = DRAWS.normal("z", 50)
    moments = [float(z.double().pow(k).mean()) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.06)
    assert abs((z > 2).float().mean() - 0.02275) < 0.002


def test_integers_cover_their_range_evenly() -> None:
    """All integers below the bound are equally likely."""
    n = DRAWS.integers("n", 7, 50)
    shares = torch.bincount(n.flatten(), minlength=7) / n.numel()
    assert n.dtype == torch.int64
    assert len(shares) == 7
    assert (shares - 1 / 7).abs().max() < 0.004


def test_numbers_of_neighbors_are_unrelated() -> None:
    """Numbers are uncorrelated between images, positions, names and keys."""
    u = DRAWS.uniform("u", 20)
    others = [DRAWS.uniform("v", 20), Draws(8, IMAGES).uniform("u", 20)]
    pairs = [(u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), *((u, other) for other in others)]
    pairs.append((u[1:, 1:], u[:-1, :-1]))
    assert max(abs(correlation(a, b)) for a, b in pairs) < 0.015


def test_numbers_never_change() -> None:
    """Golden values: results depend on the hash."""
    draws = Draws(1, torch.tensor([0, 1, 10**12]))
    assert draws.integers("golden", 1000).tolist() == [727, 572, 267]
    assert draws.only(torch.tensor([2])).integers("golden", 1000, 3).tolist() == [[267, 524, 852]]
