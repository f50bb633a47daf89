from . import (
    architectures as architectures,
)
from .adapting import (
    domain_adversarial as domain_adversarial,
)
from .adversaries import (
    gan as gan,
)
from .autoencoding import (
    autoencoder as autoencoder,
)
from .bootstrapping import (
    self_distillation as self_distillation,
)
from .captions import (
    captioning as captioning,
)
from .contrasting import (
    contrastive as contrastive,
)
from .cycles import (
    cycle_gan as cycle_gan,
)
from .distilling import (
    distillation as distillation,
)
from .few_shot import (
    error_rate as error_rate,
    nearest_neighbour as nearest_neighbour,
    prototypical as prototypical,
)
from .meta_learning import (
    maml as maml,
)
from .physics import (
    physics_informed as physics_informed,
)
from .regressing import (
    regression as regression,
)
from .sharing import (
    multi_task as multi_task,
)
from .supervised import (
    classification as classification,
)
from .translating import (
    translation as translation,
)
from .variational import (
    variational_autoencoder as variational_autoencoder,
)
