"""A class can be a presentation and a C-set at once, and its colimits stay in the class."""

from collections.abc import Mapping

from catlearn.category import PRESENTATION, Graph, Presentation, PresentationMorphism
from catlearn.cset import CSet, CSetMorphism, Schema
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import TableMorphism, Tables, coproduct, pushout
from tests.errors import raises

SPACES = Schema(
    PRESENTATION.tables,
    PRESENTATION.arrows,
    PRESENTATION.lists,
    attributes={"space": ("V", str)},
    side_data={"notes": "E"},
)


class Sketch(Presentation, CSet):
    """A presentation whose vertices have spaces, with notes on edges as side data."""

    shape = SPACES

    def __init__(
        self,
        edges: Mapping[str, tuple[str, str]],
        equations: list[str],
        spaces: Mapping[str, str],
        notes: Mapping[str, str],
    ) -> None:
        plain = Presentation(edges, equations)
        Tables.__init__(
            self,
            SPACES,
            sets=plain.sets,
            arrows={name: f.values for name, f in plain.arrows.items()},
            lists=dict(plain.lists),
            attributes={"space": dict(spaces)},
            side_data={"notes": notes},
        )

    @property
    def notes(self) -> Mapping[str, str]:
        return {self.edges[row]: note for row, note in self.side_data["notes"].items()}

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        return SketchMorphism

    def failures(self) -> list[Failure]:
        return super().failures() or [
            Failure("spaces", f"vertex {vertex}", "has no space")
            for vertex, space in zip(self.vertices, self.space, strict=True)
            if space is None
        ]


class SketchMorphism(PresentationMorphism, CSetMorphism):
    """Morphisms of both kinds at once."""


MODEL = {"enc": ("X", "F"), "dec": ("F", "X")}
AUTO = Sketch(MODEL, ["enc >> dec = id(X)"], {"X": "R2", "F": "R1"}, {"enc": "wide"})


def test_it_is_both():
    assert isinstance(AUTO, Presentation)
    assert isinstance(AUTO, CSet)
    assert AUTO.path("enc >> dec").target == "X"
    assert AUTO.space == ("R2", "R1")
    assert list(AUTO.src) == [0, 1]
    assert AUTO.schema is SPACES
    assert list(AUTO.equations) == ["enc >> dec = id(X)"]
    assert AUTO.reachable("X").outside == ("dec",)


def test_it_checks_all_laws():
    with raises(InvalidStructure, law="spaces", where="vertex F"):
        Sketch(MODEL, [], {"X": "R2"}, {})
    with raises(InvalidStructure, law="types", where="attribute 'space'"):
        Sketch(MODEL, [], {"X": "R2", "F": 1}, {})  # type: ignore[dict-item]
    with raises(
        InvalidStructure, law="composition", where="equation 'dec >> dec = dec', left side"
    ):
        Sketch(MODEL, ["dec >> dec = dec"], {"X": "R2", "F": "R1"}, {})


def test_its_colimits_are_again_of_the_class():
    interface = Sketch({"enc": ("X", "F")}, [], {"X": "R2", "F": "R1"}, {})
    head = Sketch({"enc": ("X", "F"), "head": ("F", "Y")}, [], {"X": "R2", "F": "R1", "Y": "R"},
                  {"head": "thin"})  # fmt: skip
    same = {"X": "X", "F": "F"}
    f = SketchMorphism(interface, AUTO, V=same, E={"enc": "enc"})
    g = SketchMorphism(interface, head, V=same, E={"enc": "enc"})
    po = pushout(f, g)
    assert type(po.apex) is Sketch
    assert all(type(leg) is SketchMorphism for leg in po)
    assert po.apex.edges == ("enc", "dec", "head")
    assert po.apex.space == ("R2", "R1", "R")
    assert po.apex.notes == {"enc": "wide", "head": "thin"}
    assert po.apex.failures() == []
    assert po.universal(*po) == SketchMorphism.identity(po.apex)
    assert po["left"](AUTO.path("enc >> dec")) == po.apex.path("enc >> dec")
    twice = coproduct(AUTO, AUTO).apex
    assert type(twice) is Sketch
    assert twice.notes == {"left/enc": "wide", "right/enc": "wide"}
    assert Graph.of(twice).count_parallel_pairs(max_length=2) == 4
