"""Pictures of circuits of arrays, by the conventions of neural circuit diagrams."""
