"""Data sets of others, read from your own folder into arrays; nothing is downloaded.

What is read is data: archives are not unpacked, and numbers and sizes are bounded. The folder is
an argument, or the value of the environment variable ``CATLEARN_DATA``.

>>> from catlearn.datasets import load_omniglot
>>> load_omniglot("no such folder")
Traceback (most recent call last):
catlearn.errors.CatlearnError: found no images_background.zip and images_evaluation.zip or ...
"""

from catlearn.datasets.omniglot import Characters, Omniglot, load_omniglot, read_archive

__all__ = ["Characters", "Omniglot", "load_omniglot", "read_archive"]
