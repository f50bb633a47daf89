"""Data sets of others, read from your own folder into arrays; nothing is downloaded.

What is read is data: archives are not unpacked, and numbers and sizes are bounded. The folder is
an argument, or the value of the environment variable ``CATLEARN_DATA``; each data set may have a
folder of its own in it, ``omniglot``, ``mnist`` or ``flickr8k``.

>>> from catlearn.datasets import load_omniglot
>>> load_omniglot("no such folder")
Traceback (most recent call last):
catlearn.errors.CatlearnError: found no images_background.zip and images_evaluation.zip or ...
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "flickr": ["Captioned", "Flickr8k", "load_flickr8k", "parse_captions"],
        "mnist": ["Digits", "load_mnist", "parse_idx", "read_idx"],
        "omniglot": ["Characters", "Omniglot", "load_omniglot", "read_archive"],
    },
)
