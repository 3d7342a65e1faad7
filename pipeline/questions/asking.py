"""Steps of a question: data, time estimate, looks, recommendation."""

from collections.abc import Callable
from pathlib import Path

from pipeline.config import params
from pipeline.config.params import Dataset, Params
from pipeline.data.sources import own
from pipeline.questions import cost, looks, understood
from pipeline.questions.question import FILE, Question, write_params
from pipeline.questions.recommendation import recommendation
from pipeline.questions.training import prepare
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

ANSWER = Path("answer.json")
SAVED = 2  # early stopping may save half of the time at most, as a rule
SPARE = 1.1  # trials differ: a budget that was called sufficient is not refused by the next one


def answered(
    question: Question,
    block: Dataset,
    what: str,
    base: Params,
    seconds: float,
    mirror: Path | str | None,
    say: Callable[[str], None],
) -> tuple[str, looks.Answer]:
    """Train in the current folder for about `seconds`; return the recommendation and the answer.

    Writes both into answer.json.

    `block` and `what` are the settings of the dataset and a description of its files, `base` is the
    repository's params.yaml, `say` prints a line. A question asked before goes on with its own
    settings. Raises Problem where the data cannot be used, or the first look takes too long.
    """
    name, first = question.dataset, question.looks[0]
    again = FILE.exists()
    settings = params.load() if again else question.settings(base, block, first)
    try:
        prepare(settings, name, Path(mirror) if mirror else None)
    except Problem as problem:
        raise Problem(_as_given(str(problem), question, settings.dataset(name))) from problem
    for line in understood.lines(
        storage.read_json(Path("results", name, "card.json")), what, question.margin
    ):
        say(line)
    seeds, block = settings.run.seeds, settings.dataset(name)
    per_epoch = cost.trial(question.settings(settings, block, first), name)
    settings = question.settings(settings, block, seeds)
    per_seed = per_epoch * cost.network_epochs(settings, name)
    schedule = settings.finetune_for(name)
    say(
        f"time:    at most {cost.duration(per_seed * first)} for {first} seeds, "
        f"{cost.duration(per_seed * question.looks[-1])} for {question.looks[-1]} "
        f"(at most {schedule.epochs} epochs, rates {', '.join(map(str, schedule.learning_rates))})"
    )
    if not again and per_seed * first > SAVED * seconds:
        least = cost.budget(SPARE * per_seed * first / SAVED)
        raise Problem(
            f"{first} seeds exceed the budget by far: give at least --budget {least}, or fewer "
            "--activations"
        )
    write_params(settings)
    storage.write_json(FILE, question.model_dump(mode="json"))  # from here on it is fixed
    answer = looks.answer(
        question, settings, block, seeds=seeds, seconds=seconds, per_seed=per_seed, say=say
    )
    text = recommendation(answer, question.margin, settings.compare.significance)
    decisions = [vars(decision) for decision in answer.decisions]
    storage.write_json(ANSWER, {"recommendation": text, "pairs": decisions})
    return text, answer


def _as_given(message: str, question: Question, block: Dataset) -> str:
    """Return a message about the block of a question's dataset in terms of the command.

    The block has paths relative to the question's folder, and options given by --set.
    """
    for kind, path in block.source.items():
        if kind in own.KINDS and isinstance(path, str) and question.data:
            message = message.replace(path, question.data)
    return message.replace(f"params.yaml: datasets.{question.dataset}.preprocess.", "--set ")
