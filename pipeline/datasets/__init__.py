"""Datasets: from the official files to three splits that are ready to train on."""

from pipeline.datasets.catalogue import CATALOGUE, Dataset, download, get, preprocess
from pipeline.datasets.examples import Examples, Split, Splits, read, write
from pipeline.datasets.remote import RemoteFile

__all__ = [
    "CATALOGUE",
    "Dataset",
    "Examples",
    "RemoteFile",
    "Split",
    "Splits",
    "download",
    "get",
    "preprocess",
    "read",
    "write",
]
