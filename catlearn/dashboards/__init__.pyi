from .page import (
    Dashboard as Dashboard,
    dashboard as dashboard,
)
