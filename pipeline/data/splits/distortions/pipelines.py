"""Distortion pipelines of the NISTP character generator (Bengio et al. 2010).

Legend of shape suffixes: M source characters, N images, I pixels of an image, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions import blur, geometry, intensity, overlays
from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters, Module
from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import Part, stream

__all__ = ["PIPELINES", "Characters", "Module", "draw", "steps"]

MAXIMUM = 0.7  # complexities are uniform in [0, MAXIMUM]

STROKES = (
    Module("slant", geometry.slant),
    Module("thickness", intensity.thickness),
    Module("affine", geometry.affine),
    Module("local elastic", geometry.local_elastic),
)
PINCH = Module("pinch", geometry.pinch)
PIPELINES: dict[str, tuple[Module, ...]] = {
    "clean": (),
    "nistp": (*STROKES, PINCH),
    "p07": (
        *STROKES,
        Module("motion blur", blur.motion_blur),
        PINCH,
        Module("scratches", overlays.scratches, 0.15),
        Module("occlusion", overlays.occlusion, 0.4),
        Module("pixel permutation", intensity.pixel_permutation, 0.2),
        Module("gaussian noise", intensity.gaussian_noise, 0.3),
        Module("background", overlays.background),
        Module("salt and pepper", intensity.salt_and_pepper, 0.25),
        Module("gaussian smoothing", blur.gaussian_smoothing, 0.25),
        Module("contrast", intensity.contrast),
    ),
}


def draw(
    pipeline: str, characters: Characters, names: tuple[Part, ...], i_N: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images `i_N` (int64) of the stream `names`: x_NI [N, I] uint8 and labels y_N [N].

    Image i is a pure function of (pipeline, names, i) and the characters: a uniformly drawn
    character, to which each module is applied at a complexity ~ U[0, 0.7]. Pipelines share the
    draws, so that "nistp" and "p07" distort image i of "clean", and move it alike. The result is on
    the device of the characters. Raises Problem for an unknown pipeline.

    "nistp" has the modules that the paper names. By an off-by-one error, the generator's own code
    leaves out the pinch, which is applied here; elsewhere, where code and paper differ, the code
    is followed. Sizes are in pixels, whatever the size of the image.
    """
    modules = _modules(pipeline)
    draws = Draws(stream("distortions", *names), i_N.to(characters.x_MHW.device))
    m_N = draws.integers("source", len(characters.x_MHW))
    x_NHW = characters.x_MHW.index_select(0, m_N).float().div_(255)
    for module in modules:
        c_N = MAXIMUM * draws.uniform(f"{module.name}/complexity")
        x_NHW = module.apply(x_NHW, c_N, draws, characters)
    return _to_bytes(x_NHW).flatten(1), characters.y_M.index_select(0, m_N)


def steps(
    pipeline: str,
    characters: Characters,
    names: tuple[Part, ...],
    i_N: Tensor,
    *,
    complexity: float,
) -> list[tuple[str, Tensor]]:
    """Return the effect of each module alone: ("source", x_NHW uint8), then (name, x_NHW) of each.

    Every module is applied to the clean characters that `draw` takes, at `complexity` in [0, 1]; a
    module with a share leaves the same images alone. Raises Problem for an unknown pipeline.
    """
    modules = _modules(pipeline)
    draws = Draws(stream("distortions", *names), i_N.to(characters.x_MHW.device))
    source_NHW = characters.x_MHW[draws.integers("source", len(characters.x_MHW))]
    x_NHW = source_NHW.float().div_(255)
    c_N = x_NHW.new_full((len(x_NHW),), complexity)
    alone = [(m.name, _to_bytes(m.apply(x_NHW, c_N, draws, characters))) for m in modules]
    return [("source", source_NHW), *alone]


def _modules(pipeline: str) -> tuple[Module, ...]:
    if pipeline not in PIPELINES:
        known = ", ".join(PIPELINES)
        raise Problem(f"the distortion pipeline {pipeline!r} is unknown: choose one of {known}")
    return PIPELINES[pipeline]


def _to_bytes(x_NHW: Tensor) -> Tensor:
    return (x_NHW * 255).round_().to(torch.uint8)
