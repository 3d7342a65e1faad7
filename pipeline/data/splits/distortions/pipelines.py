"""The recipes of the NISTP character generator (Bengio et al. 2010), image by image.

Legend of shape suffixes: M source characters, N images, I pixels of an image, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions import blur, geometry, noise, overlays
from pipeline.data.splits.distortions.contrast import contrast
from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters, Module
from pipeline.data.splits.distortions.thickness import thickness
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import Part, stream

__all__ = ["RECIPES", "Characters", "Module", "draw", "steps"]

MAXIMUM = 0.7  # complexities are uniform from 0 to here

STROKES = (
    Module("slant", geometry.slant),
    Module("thickness", thickness),
    Module("affine", geometry.affine),
    Module("local elastic", geometry.local_elastic),
)
PINCH = Module("pinch", geometry.pinch)
RECIPES: dict[str, tuple[Module, ...]] = {
    "clean": (),
    "nistp": (*STROKES, PINCH),
    "p07": (
        *STROKES,
        Module("motion blur", blur.motion_blur),
        PINCH,
        Module("scratches", overlays.scratches, 0.15),
        Module("occlusion", overlays.occlusion, 0.4),
        Module("pixel permutation", noise.pixel_permutation, 0.2),
        Module("gaussian noise", noise.gaussian_noise, 0.3),
        Module("background", overlays.background),
        Module("salt and pepper", noise.salt_and_pepper, 0.25),
        Module("gaussian smoothing", blur.gaussian_smoothing, 0.25),
        Module("contrast", contrast),
    ),
}


def draw(
    recipe: str, characters: Characters, names: tuple[Part, ...], i_N: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images `i_N` (int64) of the stream `names`: x_NI uint8 and their labels y_N.

    Image i is a pure function of (recipe, names, i) and the characters, whatever it is drawn with:
    a uniformly drawn character, each module at a complexity ~ U[0, 0.7]. Recipes share the draws,
    so image i of "clean" is what "nistp" and "p07" distort, and these two move it alike. On the
    device of the characters. Raises Problem for an unknown recipe.

    "nistp" has the modules that the paper names. The generator's own code stops short of the pinch
    by an off-by-one, a slip that is not followed here; where else code and paper differ, the code
    counts. Sizes are in pixels, whatever the size of the image.
    """
    modules = _modules(recipe)
    draws = Draws(stream("distortions", *names), i_N.to(characters.x_MHW.device))
    m_N = draws.integers("source", len(characters.x_MHW))
    x_NHW = characters.x_MHW.index_select(0, m_N).float().div_(255)
    for module in modules:
        c_N = MAXIMUM * draws.uniform(f"{module.name}/complexity")
        x_NHW = module.apply(x_NHW, c_N, draws, characters)
    return _bytes(x_NHW).flatten(1), characters.y_M.index_select(0, m_N)


def steps(
    recipe: str, characters: Characters, names: tuple[Part, ...], i_N: Tensor, *, complexity: float
) -> list[tuple[str, Tensor]]:
    """Return what each module does alone: ("source", x_NHW uint8), then (its name, x_NHW).

    The same characters as `draw` takes, each module on the clean ones at `complexity` (0 to 1).
    A module that spares some images does so here too. Raises Problem for an unknown recipe.
    """
    modules = _modules(recipe)
    draws = Draws(stream("distortions", *names), i_N.to(characters.x_MHW.device))
    source_NHW = characters.x_MHW[draws.integers("source", len(characters.x_MHW))]
    x_NHW = source_NHW.float().div_(255)
    c_N = x_NHW.new_full((len(x_NHW),), complexity)
    alone = [(m.name, _bytes(m.apply(x_NHW, c_N, draws, characters))) for m in modules]
    return [("source", source_NHW), *alone]


def _modules(recipe: str) -> tuple[Module, ...]:
    if recipe not in RECIPES:
        raise Problem(f"recipe {recipe!r} is unknown: choose one of {', '.join(RECIPES)}")
    return RECIPES[recipe]


def _bytes(x_NHW: Tensor) -> Tensor:
    return (x_NHW * 255).round_().to(torch.uint8)
