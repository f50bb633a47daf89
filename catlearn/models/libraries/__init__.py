"""Model libraries other than equinox: flax linen, flax nnx, haiku and PyTorch.

Each library has one architecture, in a module that imports the library only where it runs it. An
object is recognised by what is in ``sys.modules``, so that nothing is imported to ask. All of them
are called on a batch, as their users write them.

>>> Linen.library, Nnx.library, Haiku.library, Torch.library
('flax.linen', 'flax.nnx', 'haiku', 'torch')
"""

from catlearn.models.libraries.haiku import Haiku
from catlearn.models.libraries.linen import Linen
from catlearn.models.libraries.nnx import Nnx
from catlearn.models.libraries.torch import Torch

__all__ = ["Haiku", "Linen", "Nnx", "Torch"]
