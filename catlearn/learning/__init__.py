"""Learning diagrams: data sets, gluing, the choice of equations and the loss functor.

A *learning diagram* is a presentation whose vertices carry spaces, whose edges carry maps and
whose equations carry weights: an attributed C-set (Theory, section 2). Diagrams are composed by
colimits, above all by :func:`glue`; their loss is an object of Cost, and gluing is additive on it
but for the equations that emerge.

Laws: colimits of valid diagrams are valid (definitions checked anew); the loss is a functor to
Cost on morphisms that do not merge equations; ``L + L_0 = L_1 + L_2`` along a leg injective on
equations; a basis implies all equations (Theory, sections 3 to 5).

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
>>> data = cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y))
>>> model = cl.LearningDiagram(
...     cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
... )
>>> [len(diagram.loss().terms) for diagram in (data, model, cl.glue(data, model))]
[0, 0, 1]

References
----------
Lary et al., "DiagrammaticLearning: A Graphical Language for Compositional Training Regimes",
arXiv 2501.01515.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "diagram": ["LearningDiagram", "LearningMorphism"],
        "gluing": [
            "average",
            "emergent",
            "glue",
            "merge",
            "open_diagram",
            "pull_back",
            "push_forward",
        ],
        "lenses": ["learner", "lens_functor", "loss_lens", "update_rule"],
        "loss": ["Loss", "loss_functor"],
        "parts": ["Dataset", "Defined", "MovingAverage", "Operator"],
        "schema": ["LEARNING"],
        "selection": ["LossTerm", "Selection", "select"],
        "surgery": [
            "component",
            "freeze",
            "inclusion",
            "insert",
            "pattern",
            "split",
            "subdiagram",
            "swap",
            "unfreeze",
            "with_frozen",
            "with_trained",
        ],
        "weights": ["Weight"],
    },
)
