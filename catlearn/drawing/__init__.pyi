from .picture import (
    Picture as Picture,
    draw as draw,
    to_dot as to_dot,
    to_quiver as to_quiver,
    to_svg as to_svg,
    to_tikzcd as to_tikzcd,
)
from .scene import (
    Node as Node,
    Scene as Scene,
    SceneArrow as SceneArrow,
    SceneLaw as SceneLaw,
)
from .views import (
    scene_of as scene_of,
)
