"""Data sets of others, read from your own folder into arrays; nothing is downloaded.

What is read is data: archives are not unpacked, and numbers and sizes are bounded. The folder is
an argument, or the value of the environment variable ``CATLEARN_DATA``; each data set may have a
folder of its own in it, ``omniglot``, ``mnist`` or ``flickr8k``.

>>> from catlearn.datasets import load_omniglot
>>> load_omniglot("no such folder")
Traceback (most recent call last):
catlearn.errors.CatlearnError: found no images_background.zip and images_evaluation.zip or ...
"""

from catlearn.datasets.flickr import Captioned, Flickr8k, load_flickr8k, parse_captions
from catlearn.datasets.mnist import Digits, load_mnist, parse_idx, read_idx
from catlearn.datasets.omniglot import Characters, Omniglot, load_omniglot, read_archive

__all__ = [
    "Captioned",
    "Characters",
    "Digits",
    "Flickr8k",
    "Omniglot",
    "load_flickr8k",
    "load_mnist",
    "load_omniglot",
    "parse_captions",
    "parse_idx",
    "read_archive",
    "read_idx",
]
