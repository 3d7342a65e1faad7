"""Small questions for tests."""

from typing import Any

from pipeline.questions.question import Question


def question(**options: Any) -> Question:
    """Return a question about the dataset `q` with one arm, at two seeds."""
    arms = {"activations": ["rectifier"], "initializations": ["random"]}
    return Question.model_validate({"dataset": "q", "looks": [2], **arms, **options})
