"""The recipes of the character generator: what they promise of every image."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from pipeline.data.splits.distortions.pipelines import RECIPES, Characters, _bytes, draw, steps
from pipeline.runtime.errors import Problem

STREAM = ("glyphs", 3)
FIRST = torch.arange(96)


def characters(rows: int = 32, columns: int = 32) -> Characters:
    """Return six shapes in the middle of the image, with soft edges."""
    y = torch.linspace(-1, 1, rows).unsqueeze(1).expand(rows, columns)
    x = torch.linspace(-1, 1, columns).expand(rows, columns)
    bar, beam, ring = x.abs(), y.abs(), ((x.square() + y.square()).sqrt() - 0.45).abs()
    far = torch.maximum(x.abs(), y.abs()) - 0.65
    shapes = [bar, beam, ring, torch.minimum(bar, beam), (x - y).abs() / 1.4, (x + y).abs() / 1.4]
    ink = [(6 * (0.22 - torch.maximum(shape, far))).clamp(0, 1) for shape in shapes]
    return Characters((torch.stack(ink) * 255).round().to(torch.uint8), torch.arange(6))


SHAPES = characters()


def images(recipe: str, i_N: Tensor = FIRST, names: tuple[str | int, ...] = STREAM) -> Tensor:
    return draw(recipe, SHAPES, names, i_N)[0]


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    threads = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(threads)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("size", [(32, 32), (9, 13)])
def test_an_image_is_a_function_of_its_index(recipe: str, size: tuple[int, int]) -> None:
    """The bytes of an image do not change with the batch, its order or its size."""
    shapes = characters(*size)
    whole = draw(recipe, shapes, STREAM, FIRST)[0]
    for batch in (FIRST[5:6], FIRST[3:10], FIRST.flip(0), torch.tensor([40, 40, 7])):
        assert torch.equal(draw(recipe, shapes, STREAM, batch)[0], whole[batch])
    assert draw(recipe, shapes, STREAM, FIRST[:0])[0].shape == (0, size[0] * size[1])


@pytest.mark.parametrize("recipe", RECIPES)
def test_threads_change_nothing(recipe: str, set_threads: Callable[[int], None]) -> None:
    """One thread or two: the same bytes."""
    set_threads(1)
    single = images(recipe)
    set_threads(2)
    assert torch.equal(images(recipe), single)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_image_shows_ink(recipe: str) -> None:
    """Images are bytes [N, H * W] with some contrast, labels those of the source."""
    x, y = draw(recipe, SHAPES, STREAM, torch.arange(600))
    assert x.dtype == torch.uint8
    assert x.shape == (600, 1024)
    assert y.dtype == torch.int64
    contrast = x.amax(1).int() - x.amin(1).int()
    assert (contrast > 40).float().mean() > 0.99
    assert sorted(y.unique().tolist()) == [0, 1, 2, 3, 4, 5]


def test_clean_images_are_the_sources() -> None:
    """The empty recipe returns whole sources, each as likely, with their own labels."""
    x, y = draw("clean", SHAPES, STREAM, torch.arange(3000))
    assert torch.equal(x, SHAPES.x_MHW[y].flatten(1))
    assert (torch.bincount(y) / 3000 - 1 / 6).abs().max() < 0.03


def test_bytes_are_rounded_to_the_nearest() -> None:
    """Not cut off: 0.6 of a level is a level."""
    assert _bytes(torch.tensor([0.4, 0.6, 254.6]) / 255).tolist() == [0, 1, 255]


@pytest.mark.parametrize("recipe", ["nistp", "p07"])
def test_indices_and_streams_differ(recipe: str) -> None:
    """No two images are the same, of one stream or of two, though recipes share their sources."""
    both = torch.cat([images(recipe), images(recipe, names=("glyphs", 4))])
    assert len(both.unique(dim=0)) == 2 * len(FIRST)
    labels = [draw(name, SHAPES, STREAM, FIRST)[1] for name in ("clean", recipe)]
    assert torch.equal(*labels)


def test_an_unknown_recipe_is_a_problem() -> None:
    """The message lists the recipes there are."""
    with pytest.raises(Problem, match=r"'nist' is unknown.*clean, nistp, p07"):
        images("nist")


def test_steps_show_each_module_on_the_source() -> None:
    """First the source, then every module alone, in order, on the characters that `draw` takes."""
    shown = steps("p07", SHAPES, STREAM, FIRST, complexity=0.7)
    assert [name for name, _ in shown] == ["source", *(m.name for m in RECIPES["p07"])]
    assert torch.equal(shown[0][1].flatten(1), images("clean"))
    assert all((x != shown[0][1]).any() for _, x in shown[1:])
    assert all(x.shape == (96, 32, 32) and x.dtype == torch.uint8 for _, x in shown)


def test_without_complexity_nothing_moves() -> None:
    """At c = 0 only the contrast module acts: it inverts half of the images."""
    (_, source), *modules = steps("p07", SHAPES, STREAM, FIRST, complexity=0.0)
    changed = {name for name, x in modules if not torch.equal(x, source)}
    assert changed == {"contrast"}


def test_complexities_reach_seven_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each module of each image has a complexity of its own, uniform from 0 to 0.7."""
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
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_gpu_draws_the_same(recipe: str) -> None:
    """On a GPU the draws are the same, and so are nearly all bytes."""
    shapes = Characters(SHAPES.x_MHW.cuda(), SHAPES.y_M.cuda())
    x, y = draw(recipe, shapes, STREAM, FIRST)
    assert x.is_cuda
    assert torch.equal(y.cpu(), draw(recipe, SHAPES, STREAM, FIRST)[1])
    apart = (x.cpu().int() - images(recipe).int()).abs()
    assert (apart > 1).float().mean() < 0.001
