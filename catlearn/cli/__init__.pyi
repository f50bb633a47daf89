from .commands import (
    main as main,
)
from .run_folder import (
    RunFolder as RunFolder,
    load_run as load_run,
)
