"""catlearn: training regimes as diagrams."""
