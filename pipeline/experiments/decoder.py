"""Decoder of the denoising auto-encoders: weights tied to the encoder's, or weights of its own.

Rectifier networks pre-trained with each decoder, with and without half of their outputs negated,
beside networks from random starts. A tied decoder rebuilds an input from a negated unit with minus
the pattern that the unit detects; the paper's formula (section 3.2) has separate weights.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.params import Count, Initialization, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The decoders compared, whether outputs are negated, and the number of seeds.

    More seeds than in other experiments: shares of dead units in half a layer vary widely.
    """

    decoders: Annotated[list[Literal["tied", "untied"]], Field(min_length=2)]
    half_negated: Annotated[list[bool], Field(min_length=1)]
    seeds: Annotated[Count, Field(ge=2)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return the pre-trained conditions of each decoder, then the random starts, by signs."""
    pretrain = setting.params.pretrain_for(setting.dataset)

    def condition(
        decoder: str, *, negated: bool, initialization: Initialization, **changes: Any
    ) -> Condition:
        signs = "half negated" if negated else "all positive"
        return setting.condition(
            {"initialization": initialization, "decoder": decoder, "signs": signs},
            setting.unit("rectifier", half_negated=negated),
            initialization,
            seeds=options.seeds,
            by_half=True,
            **changes,
        )

    pretrained = [
        condition(
            decoder,
            negated=negated,
            initialization="pretrained",
            pretrain=pretrain.model_copy(update={"tied": decoder == "tied"}),
        )
        for decoder in options.decoders
        for negated in options.half_negated
    ]
    return pretrained + [
        condition("none", negated=negated, initialization="random")
        for negated in options.half_negated
    ]


EXPERIMENT = Experiment(
    "Does a tied decoder kill negated units? (Section 3.2; claims 36 to 38.)",
    Options,
    ("initialization", "decoder", "signs"),
    conditions,
    columns=("dead_positive", "dead_negated"),
)
