"""Datasets: from the official files to three splits that are ready to train on."""
