from .acset import (
    from_acset as from_acset,
    read_tables as read_tables,
    to_acset as to_acset,
    write_plain as write_plain,
    write_tables as write_tables,
)
from .codecs import (
    Codec as Codec,
    decode as decode,
    encode as encode,
    register_codec as register_codec,
)
from .csv_tables import (
    from_csv as from_csv,
    to_csv as to_csv,
)
from .discopy import (
    from_discopy as from_discopy,
    from_discopy_hypergraph as from_discopy_hypergraph,
    to_discopy as to_discopy,
    to_discopy_hypergraph as to_discopy_hypergraph,
)
from .documents import (
    from_json as from_json,
    load as load,
    save as save,
    to_json as to_json,
)
from .drawings import (
    from_quiver as from_quiver,
    from_tikzcd as from_tikzcd,
)
from .sympy_categories import (
    from_sympy as from_sympy,
    to_sympy as to_sympy,
)
