"""The winner of a comparison as a scikit-learn classifier.

Legend of shape suffixes: N examples, I inputs, C classes.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.validation import validate_data


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A trained network with the scaling of its inputs; it is fitted already.

    `network` maps scaled inputs [N, I] to class probabilities [N, C]. `scaler` is a fitted
    transformer of scikit-learn, `classes` [C] are the labels in the order of the probabilities.
    """

    def __init__(
        self, network: torch.nn.Sequential, scaler: TransformerMixin, classes: Sequence[Any]
    ) -> None:
        """Keep the fitted parts."""
        self.network, self.scaler, self.classes = network, scaler, classes
        self.classes_ = np.asarray(classes)
        self.n_features_in_ = scaler.n_features_in_

    def fit(self, X: Any, y: Any = None) -> Self:
        """Return the classifier as it is, as scikit-learn's FrozenEstimator does."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Return True."""
        return True

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities [N, C] of examples [N, I].

        Raises ValueError as scikit-learn does for another shape, or numbers that are not finite.
        """
        x_NI = self.scaler.transform(validate_data(self, X, reset=False, dtype=np.float64))
        with torch.no_grad():
            p_NC = self.network(torch.from_numpy(x_NI.astype(np.float32)))
        return np.asarray(p_NC.double().numpy())

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class [N] of examples [N, I]."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])
