"""Handwritten digits for the experiments: scikit-learn's, or MNIST where a user has it.

scikit-learn's 1,797 images of 8 x 8 pixels come with it, and are divided at random. MNIST has its
own division; a seed says which of its images come first, so which are labelled.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catlearn.cli import demo
from catlearn.cli.demo import DigitsSplit
from catlearn.datasets import load_mnist
from catlearn.datasets.folders import FOLDER


def add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add the options that say which data are taken, the first of the names if nothing is found."""
    parser.add_argument("--data", help=f"the folder of data; else the variable {FOLDER}")
    told = f"which (default: {' or '.join(names[:0:-1])} if the folder has it, else {names[0]})"
    parser.add_argument("--dataset", choices=names, help=told)


def chosen(options: argparse.Namespace, names: Sequence[str]) -> str:
    """Return the data set that was asked for, or the last of the names whose folder is there."""
    folder = options.data or os.environ.get(FOLDER)
    if options.dataset:
        return options.dataset
    there = [name for name in names[1:] if folder and (Path(folder) / name).is_dir()]
    return there[-1] if there else names[0]


def load(name: str, folder: str | None, seed: int) -> DigitsSplit:
    """Return images as rows of numbers in [0, 1] and labels, mixed by a seed.

    Parameters
    ----------
    name
        ``"digits"`` or ``"mnist"``.
    folder
        Where MNIST is, or None for the environment variable.
    seed
        Of the division, or of the order of the training images.
    """
    if name == "digits":
        return demo.load_split(seed)
    data = load_mnist(folder)
    order = np.random.default_rng(seed).permutation(len(data.train[1]))
    images, labels = data.train
    rows = (images[order].reshape(len(order), -1), labels[order])
    return DigitsSplit(rows, (data.test[0].reshape(len(data.test[1]), -1), data.test[1]))


def side(split: DigitsSplit) -> int:
    """Return how many pixels the square images have at each side."""
    return math.isqrt(split.train[0].shape[1])


def named(name: str, split: DigitsSplit) -> str:
    """Return what the digits are, for the text below a table."""
    what = "scikit-learn's" if name == "digits" else "MNIST's"
    return f"{what} digits of {side(split)} x {side(split)} pixels"
