from .glyphs import (
    Glyph as Glyph,
    Link as Link,
    glyphs_of as glyphs_of,
)
from .ink import (
    circuit_svg as circuit_svg,
    circuit_tikz as circuit_tikz,
)
from .placing import (
    Placed as Placed,
    placed as placed,
)
from .scene import (
    CircuitScene as CircuitScene,
    Frame as Frame,
    Line as Line,
    Sign as Sign,
    Stand as Stand,
    State as State,
    Transition as Transition,
    circuit_scene as circuit_scene,
)
