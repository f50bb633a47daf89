"""Circuits, and losses, that run with some of their passes streamed.

Where a circuit would form an array that is much larger than what it reads and returns (the scores
of attention, those of a large vocabulary, the hidden layer of an MLP), the boxes that reduce it run
as one fold. Which these are is decided from the sizes of the arrays of a call; everything else runs
as it does without.

Of a loss the steps of its plan that are circuits run together: a *region* is what is connected of
models that are circuits, tuples, labels and divergences, as one circuit. So the last linear map on
an edge and the cross-entropy of an equation are one pass, and so is the mean over examples. What is
no circuit, what computes in another dtype, what is run again in the reverse pass and what draws
samples of whole arrays runs by itself; what drops by indices reads a seed for each example. Members
of a class of isomorphic steps run as one region, once for all.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.definitions import DEFINITIONS
from catlearn.arrays.programs import Program, programmed
from catlearn.costing import Device, Price, devices, priced
from catlearn.costing.hierarchy import device_named
from catlearn.display import Legible
from catlearn.errors import InvalidStructure, UnknownName, did_you_mean, expect
from catlearn.lowering.arguments import Options, block_failures, named_variables
from catlearn.lowering.arrays import KNOWN, Builder, address_of, array_of, leaves_of, shaped
from catlearn.lowering.attention import Attention, NoAttention
from catlearn.lowering.plan import Plan, Step
from catlearn.lowering.storage import architecture_of, owners_of
from catlearn.lowering.streamed import differentiable, is_real, refuse_hidden, run_of, wide
from catlearn.lowering.tiled import TiledRun
from catlearn.models.circuits import (
    CircuitArchitecture,
    LoweredCircuit,
    functions_of,
    nested,
    shapes_of,
)
from catlearn.models.divergences import DivergenceSum
from catlearn.models.spaces import Space
from catlearn.names import fresh
from catlearn.streams.folding import Fold, interned
from catlearn.streams.islands import Island, islands_of
from catlearn.streams.prefix import PrefixFold
from catlearn.streams.tiles import Tiles, tilings

FLOOR = 2**14
"""How many numbers an array has at least that is streamed unasked: loops over less cost more."""

SLOWER = 1.3
"""How much longer value and gradient may take, by what costs predict, where nothing is named."""

MOMENT = 1e-3
"""Seconds of value and gradient of which it does not matter how many times as long they take."""

TILED = 0.8
"""What share of the time by blocks a pass takes at most by tiles, as predicted, that has them."""

LEAST = {"auto": 2.0, "named": 1.0}
"""How many times as many numbers as what is read and returned an array has that is streamed."""


@dataclass(frozen=True)
class StreamedPass(Legible):
    """A pass of a circuit that runs block by block, for arrays of given shapes.

    Parameters
    ----------
    title
        Which box reduces over which variable.
    largest
        How many numbers the largest array has that is not formed whole.
    block
        How many indices are read at a time.
    length
        How many there are.
    state
        What is carried from block to block, one text for each array.
    price
        What value and gradient take as they are and in blocks, as costs predict it.
    place
        The line of the caller's that made that box, and the blocks (scopes, modules) it is in.
    attention
        What attention it is, where it is handed to ``jax.nn.dot_product_attention``.
    refused
        Why it is not, where it should be if it can.
    tiles
        If blocks of another axis are read, too: which, and which are hidden.
    """

    title: str
    largest: int
    block: int
    length: int
    state: tuple[str, ...]
    price: Price
    place: str = ""
    attention: str = ""
    refused: str = ""
    tiles: Tiles | None = field(default=None, repr=False)

    @property
    def again(self) -> float:
        """What share of the operations of value and gradient the reverse pass makes again."""
        return self.price.again

    @property
    def slower(self) -> float:
        """The time of value and gradient over that without streams, as costs predict it."""
        return self.price.slower

    @property
    def saved(self) -> int:
        """How many numbers of the largest array are not held at a time."""
        held = self.largest * self.block // self.length
        if self.tiles is not None:
            held = self.largest // self.tiles.every
        return self.largest - held

    def __str__(self) -> str:
        place = f" at {self.place}" if self.place else ""
        if self.attention:
            by = "jax.nn.dot_product_attention"
            return f"{self.title}{place}: {self.largest:,} numbers, {self.attention}, by {by}"
        blocks = f"{self.block} of {self.length:,}"
        if self.tiles is not None:
            blocks += f" by {self.tiles.rows}, {self.tiles.visited} of {self.tiles.every} visited"
        stays = f", not by jax.nn.dot_product_attention: {self.refused}" if self.refused else ""
        return (
            f"{self.title}{place}: {self.largest:,} numbers in blocks of {blocks}, "
            f"{self.saved:,} fewer at a time, state of {len(self.state)} arrays, "
            f"{self.price}{stays}"
        )


@dataclass(frozen=True)
class StreamPlan(Legible):
    """What is streamed for arrays of given shapes, and what is not.

    Parameters
    ----------
    streamed
        The passes.
    refused
        Why others are not, by what they are called and where they stand.
    """

    streamed: tuple[StreamedPass, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        refused = (f"not streamed, {name}: {reason}" for name, reason in self.refused.items())
        return "\n".join([*map(str, self.streamed), *refused])


def here() -> Device:
    """Return the device of the costing room that runs programs, or its processor."""
    kind = jax.devices()[0].device_kind
    return next((devices[name] for name in devices if name in kind), devices["cpu"])


def variables_of(circuit: Circuit) -> dict[str, None]:
    """Return what variables of a circuit are called: by patterns, and by their axes."""
    H = circuit.apex
    letters = [letter for one in H.operations for letter in one.letters if letter]
    return dict.fromkeys([*letters, *(H.called(axis) for axis in range(H.size("Axis")))])


def refuse_unknown(names: Iterable[str], known: Mapping[str, Any], what: str) -> None:
    """Refuse names of variables that are none, listing them."""
    unknown = [f"{name!r}; {did_you_mean(name, sorted(known))}" for name in names
               if name not in known]  # fmt: skip
    if unknown:
        named = ", no ".join(unknown)
        raise UnknownName(f"{what} has no variable {named}; see streams=, which takes 'auto', too")


def _shape(one: Any) -> tuple[int, ...]:
    """Return the shape of an array, or a shape."""
    shape = getattr(one, "shape", one)
    wanted = "an array, or its shape, such as (2, 8); inputs come first, then parameters"
    expect(shape, (tuple, list), "what is planned for", wanted)
    for n in shape:
        expect(n, int, "a size of a shape", "a whole number")
    return tuple(shape)


class StreamedCircuit(LoweredCircuit):
    """A circuit as a pure function, in which large arrays are formed block by block.

    Parameters
    ----------
    circuit, sizes, options
        As for :class:`~catlearn.models.LoweredCircuit`.
    streams
        ``"auto"``, or the letters of variables that may be streamed.
    block
        How many indices are read at a time; :func:`~catlearn.streams.islands.block_for` unless
        said.
    least
        How many times as many numbers as what is read and returned an array has that is streamed;
        that of :data:`LEAST` unless said.
    threshold
        How many numbers it has at least: :data:`FLOOR` unless it, blocks or letters are said.
    slower
        How many times as long a pass may take, as predicted, over the circuit without it:
        :data:`SLOWER` unless said, and any where letters are named, or where there is no threshold
        and it takes less than a :data:`MOMENT`.
    whole
        Positions of the inputs, each the number of an array and of one of its axes, whose axes are
        not streamed; nothing is read by tiles then.
    device
        The device, or the name of one of :data:`catlearn.costing.devices`, whose times are
        predicted; that at hand unless said.
    attention
        By which implementation of ``jax.nn.dot_product_attention`` passes that are attention run:
        ``"jax"``, which takes that of JAX, or one that it has. They are folds unless said.
    """

    def __init__(
        self, circuit: Circuit, sizes: Mapping[str, Any] | None = None, *,
        streams: str | Iterable[str] = "auto", block: int | None = None, least: float | None = None,
        threshold: int | None = None, slower: float | None = None,
        whole: Iterable[tuple[int, int]] = (), device: Device | str | None = None,
        attention: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(circuit, sizes, **options)
        self.attention = attention
        self.device = device_named(device) or here()
        self.letters = named_variables(streams)
        if failures := block_failures(block):
            raise InvalidStructure("options", failures)
        self.block, self.whole = block, tuple(whole)
        floor = FLOOR if self.letters is None and block is None else 0
        self.threshold = floor if threshold is None else threshold
        usual = SLOWER if self.letters is None else inf
        self.slower = usual if slower is None else slower
        self.least = LEAST["auto" if self.letters is None else "named"] if least is None else least
        refuse_unknown(self.letters or (), variables_of(self.circuit), "the circuit")
        self._islands: dict[Any, tuple[list[Island], dict[str, str]]] = {}
        self._prices: dict[Any, list[tuple[Any, Price, Tiles | None]]] = {}
        self._attentions: dict[int, list[tuple[Any, Attention | str]]] = {}

    @cached_property
    def _plain(self) -> LoweredCircuit:
        names = [name for name in DEFINITIONS if name != "cumsum"]  # formed whole it is as it was
        plain = interned(self.circuit.unfold(names).live())
        return LoweredCircuit(plain, opaque=self._options["opaque"])

    def islands(self, *shapes: tuple[int, ...]) -> tuple[list[Island], dict[str, str]]:
        """Return what is streamed for arrays of these shapes, and what is refused."""
        shapes = shapes_of(shapes)
        if shapes not in self._islands:
            found, plain = self._plain.sizes(shapes), self._plain.circuit
            axes = plain.apex.lists["axes"]

            prices = self._prices.setdefault(shapes, [])

            def worth(
                fold: Fold | PrefixFold, sizes: Mapping[int, int], largest: int, block: int
            ) -> str | None:
                if isinstance(self._attention(fold, sizes), Attention):
                    prices.append((fold, priced(fold, sizes, block, self.device), None))
                    return None
                price = next((price for own, price, _ in prices if own is fold), None)
                if price is None:
                    price, tiles = self._priced(fold, sizes, largest, block)
                    prices.append((fold, price, tiles))
                short = not self.threshold and price.whole.serial < MOMENT
                if price.slower > self.slower and not short:
                    times = f"{price.slower:.1f} times as long (predicted)"
                    return f"value and gradient would take {times}"
                return None

            self._islands[shapes] = islands_of(
                plain,
                found,
                self.least,
                self.block,
                self.letters,
                f"stream {len(self._islands)}",
                self.threshold,
                {axes.row(plain.dom[k])[place] for k, place in self.whole},
                worth,
            )
        return self._islands[shapes]

    def plan(self, *arrays: Any) -> StreamPlan:
        """Say what is streamed for arrays, or their shapes: of the inputs, then of parameters.

        Raises
        ------
        InvalidStructure
            If there are more or fewer, or their sizes do not agree.
        WrongKind
            If one is no array and no shape.
        """
        shapes = tuple(map(_shape, arrays))
        made, refused = self.islands(*shapes)
        passes = []
        for one in made:
            price, tiles = self._chosen(one.fold, shapes)
            block = one.block if tiles is None else tiles.block
            passes.append(StreamedPass(
                one.title, one.largest, block, one.sizes[one.fold.axis], one.fold.state, price,
                one.place, *self._handed(one), tiles,
            ))  # fmt: skip
        return StreamPlan(tuple(passes), refused)

    def _priced(
        self, fold: Fold | PrefixFold, sizes: Mapping[int, int], largest: int, block: int
    ) -> tuple[Price, Tiles | None]:
        """Return what a fold takes, and its tiles if it takes less at these."""
        without, found = priced(fold, sizes, block, self.device), list[tuple[Price, Tiles | None]]()
        if isinstance(fold, Fold) and not self.whole:
            for one in tilings(fold, sizes, largest * block // sizes[fold.axis], largest):
                price = priced(fold, sizes, one.block, self.device, tiles=one.fits)
                if price.blocks.serial < TILED * without.blocks.serial:
                    found.append((price, one))
        return min(found, key=lambda one: one[0].blocks.serial, default=(without, None))

    def _chosen(
        self, fold: Fold | PrefixFold, shapes: tuple[tuple[int, ...], ...]
    ) -> tuple[Price, Tiles | None]:
        """Return the price of a fold that is streamed, and its tiles if it has any."""
        return next((price, tiles) for own, price, tiles in self._prices[shapes] if own is fold)

    def _attention(self, fold: Fold | PrefixFold, sizes: Mapping[int, int]) -> Attention | str:
        """Return a pass as attention, or why it is not handed over."""
        if self.attention is None or not isinstance(fold, Fold):
            return "" if self.attention is None else "it reads what is earlier"
        key = fold, tuple(sizes.items())
        known = self._attentions.setdefault(id(fold), [])
        found = next((one for other, one in known if other == key), None)
        if found is None:
            try:
                found = Attention(fold.circuit, sizes)
            except NoAttention as error:
                found = str(error)
            known.append((key, found))
        return found

    def _handed(self, one: Island) -> tuple[str, str]:
        """Return what attention a pass is, and why it is not handed over."""
        found = self._attention(one.fold, one.sizes)
        return ("", found) if isinstance(found, str) else (str(found), "")

    @property
    def decided(self) -> list[str]:
        """What was streamed for arrays of shapes that were met, if anything was, or refused."""
        return [text for shapes in self._islands if (text := str(self.plan(*shapes)))]

    def program(self, shapes: Iterable[tuple[int, ...]]) -> Program:
        """Return what runs for arrays of these shapes; a fold is one step of it."""
        shapes = shapes_of(shapes)
        made, _ = self.islands(*shapes)
        if not made:
            return super().program(shapes)
        if shapes not in self._known:
            refuse_hidden(self, shapes)
            sizes = self._plain.sizes(shapes)
            self._known[shapes] = programmed(made[-1].rest, sizes, self.experts)
            known: list[tuple[Fold | PrefixFold, int, Any]] = []
            for one in made:
                same = (run for fold, block, run in known
                        if fold is one.fold and block == one.block)  # fmt: skip
                run = next(same, None) or self._function(one, self._chosen(one.fold, shapes)[1])
                known.append((one.fold, one.block, run))
                self._options["opaque"][one.label] = run
        return self._known[shapes]

    def _function(self, one: Island, tiles: Tiles | None) -> Any:
        """Return what runs a fold on the arrays of its box, at their own sizes."""
        axes = one.fold.circuit.apex.lists["axes"]
        rows = [axes.row(wire).tolist() for wire in one.fold.circuit.dom]
        runs: dict[tuple[tuple[int, int], ...], Any] = {}
        casts = any(box.kernel.name == "cast" for box in one.fold.circuit.apex.operations)

        def function(*arrays: Any) -> Any:
            sizes = {
                **one.sizes,
                **{
                    axis: size
                    for row, array in zip(rows, arrays, strict=True)
                    for axis, size in zip(row, array.shape, strict=True)
                },
            }
            known_by = functions_of(None)

            def whole(*own: Any) -> tuple[Any, ...]:
                return tuple(programmed(one.fold.circuit, sizes).run(known_by, own))

            types = jax.eval_shape(whole, *arrays) if casts else ()
            attention = self._attention(one.fold, sizes)
            if isinstance(attention, Attention):
                by = None if self.attention == "jax" else self.attention
                found = [attention(*arrays, implementation=by)]
            else:
                key = tuple(sizes.items())
                if key not in runs:
                    run: Any = run_of(one.fold, sizes, one.block)
                    if tiles is not None:
                        run = TiledRun(tiles.tiled, sizes, tiles.rows, tiles.block)
                    # the outputs of a run have one type, that of what it reads
                    runs[key] = differentiable(run, whole if one.kept and not casts else None)
                if _is_wider(types, arrays):
                    arrays = tuple(map(wide, arrays))
                found = runs[key](*arrays)
            if casts:
                found = [x.astype(own.dtype) for x, own in zip(found, types, strict=True)]
            return found if len(found) > 1 else found[0]

        return function

    def __repr__(self) -> str:
        return f"StreamedCircuit({self.circuit!r})"


def _is_wider(some: Iterable[Any], others: Iterable[Any]) -> bool:
    """Whether the type of an array of real numbers is wider than all of others, if any are real."""
    known = [one.dtype for one in others if is_real(one)]
    return bool(known) and any(
        jnp.result_type(own.dtype, *known) != jnp.result_type(*known)
        for own in some if is_real(own)
    )  # fmt: skip


class Region:
    """Boxes of a plan's program that run as one circuit.

    Parameters
    ----------
    plan
        The plan.
    boxes
        The rows of the boxes, in order; each has as many isomorphic steps, and a member reads
        steps of the same member.
    asked
        Those of which values are read elsewhere.
    streams, block
        As of a circuit.

    Attributes
    ----------
    size
        How many members there are.
    given
        What is read from elsewhere: steps, one for each member.
    variables
        Whose parameters are read, of each member, and by what their gradients are multiplied.
    seeds
        The boxes that read a seed of each example, with their architecture.
    circuit
        What runs.
    """

    def __init__(
        self, plan: Plan, boxes: Sequence[int], asked: Sequence[int], streams: Any,
        block: int | None,
    ) -> None:  # fmt: skip
        self.plan, self.boxes, self.asked = plan, tuple(boxes), tuple(asked)
        every: Any = plan.program.apex.operations
        self.size = len(every[boxes[0]])
        reads = {box: [*zip(*(step.inputs for step in every[box]), strict=True)] for box in boxes}
        own = {box: [plan.places[read[0]][0] for read in reads[box]] for box in boxes}
        self.given = [*dict.fromkeys(
            read for box in boxes for read, row in zip(reads[box], own[box], strict=True)
            if row not in reads
        )]  # fmt: skip
        builder, diagram = Builder(plan.diagram), plan.diagram
        firsts = [plan.steps[read[0]] for read in self.given]
        self.seeds: dict[int, Any] = {
            box: architecture_of(diagram, step.name)
            for box in boxes for step in every[box][:1] if _is_seeded(diagram, step)
        }  # fmt: skip
        drawn = [every[box][0] for box, one in self.seeds.items() for _ in one.seeds]
        leaves = builder.start([
            *((diagram.space_label(one.vertex), one.form, _examples(one)) for one in firsts),
            *((Space("seed", ()), None, _examples(one)) for one in drawn),
        ])  # fmt: skip
        seeds = iter(leaves[len(firsts) :])
        known = dict(zip(self.given, leaves, strict=False))
        names: dict[Any, str] = {}
        values: dict[int, Any] = {}
        for box in boxes:
            steps, first = every[box], every[box][0]
            pairs = zip(reads[box], own[box], strict=True)
            inputs = [values[row] if row in values else known[read] for read, row in pairs]
            if first.op == "divergence":
                values[box] = builder.cost(first, *inputs)
                continue
            name = None
            if box in self.seeds:
                inputs = [(inputs[0], *(next(seeds) for _ in self.seeds[box].seeds))]
            if first.op == "apply":
                owners = tuple(owners_of(diagram, [step.name for step in steps]))
                key = owners, first.scale
                name = names.setdefault(key, fresh(owners[0], {*names.values()}, "'")
                                        if key not in names else "")  # fmt: skip
            values[box] = builder.step(replace(first, scale=1.0), inputs, name)
        arrays = [[*map(array_of, leaves_of(values[box]))] for box in asked]
        circuit = builder.trace.circuit([one for some in arrays for one in some])
        self.variables, self._counts = names, [len(some) for some in arrays]
        letters = variables_of(circuit)
        if streams != "auto":
            streams = [name for name in streams if name in letters]
        self.circuit = StreamedCircuit(circuit, streams=streams, block=block, opaque=builder.opaque)
        self._steps = [every[box][0] for box in asked]

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, None]:
        """Return the value of a single map, as an architecture does, and no state."""
        keys = [key] if self.seeds else []
        return self.values(variables, x, *keys, key=key if train else None, train=train)[0], None

    def values(self, *arguments: Any, key: Any = None, train: bool = False) -> tuple[Any, ...]:
        """Return the values that are asked for, of one member.

        Parameters
        ----------
        *arguments
            The variables, then what is given, and a random key, or None, for each box with seeds.
        key
            A random key for samples of whole arrays, or None.
        train
            Whether boxes draw.
        """
        count, first = len(self.variables), len(self.variables) + len(self.given)
        leaves = {
            f"{name}/{address_of(path)}": leaf
            for name, tree in zip(self.variables.values(), arguments, strict=False)
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }
        lengths = {
            _examples(self.plan.steps[read[0]]): len(jax.tree.leaves(value)[0])
            for read, value in zip(self.given, arguments[count:], strict=False)
        }
        seeds = [
            seed
            for (box, one), own in zip(self.seeds.items(), arguments[first:], strict=True)
            for seed in one.seeded(own if train else None, self._count(box, lengths))
        ]
        given = jax.tree.leaves(arguments[count:first])
        found = self.circuit(nested(leaves), *given, *seeds, key=key)
        made = iter(found if isinstance(found, tuple) else (found,))
        diagram = self.plan.diagram
        return tuple(
            next(made)
            if step.op == "divergence"
            else shaped(diagram.space_label(step.vertex), made)
            for step in self._steps
        )

    def _count(self, box: int, lengths: Mapping[str, int]) -> int:
        """Return how many examples a box has, from those of data sets, or of joined ones."""
        every: Any = self.plan.program.apex.operations
        step = every[box][0]
        whole = lengths.get(_examples(step))
        return sum(lengths[data] for data in _data_sets(step)) if whole is None else whole

    @cached_property
    def data_sets(self) -> dict[str, None]:
        """The data sets whose examples it reads."""
        steps = (self.plan.steps[read[0]] for read in self.given)
        return dict.fromkeys(data for step in steps for data in _data_sets(step))

    def plan_at(self, sizes: Mapping[str, int]) -> StreamPlan:
        """Say what is streamed for batches of these sizes."""
        diagram = self.plan.diagram
        shapes = []
        for read in self.given:
            step = self.plan.steps[read[0]]
            count = sum(sizes[data] for data in _data_sets(step))
            example = diagram.space_label(step.vertex).example(count, step.form)
            shapes += [one.shape for one in jax.tree.leaves(example)]
        shapes += [(self._count(box, sizes),) for box, one in self.seeds.items() for _ in one.seeds]
        parameters = self.circuit.circuit.parameters.values()
        shapes += [tuple(size.number for size in one) for one in parameters]
        return self.circuit.plan(*shapes)


def _is_seeded(diagram: Any, step: Step) -> bool:
    """Whether a map reads seeds, and draws by them."""
    if step.op != "apply" or diagram.map_label(diagram.owner(step.name)).kind == "frozen":
        return False
    architecture = architecture_of(diagram, step.name)
    return isinstance(architecture, CircuitArchitecture) and bool(architecture.seeds)


def _data_sets(step: Step) -> tuple[str, ...]:
    """Return the data sets of which a value has the examples."""
    return step.together if step.together and step.op != "part" else (step.data,)


def _examples(step: Step) -> str:
    return " + ".join(_data_sets(step))


class Streams(Legible):
    """What of a plan's program runs as circuits, in which passes are streamed.

    Parameters
    ----------
    plan
        The plan.
    options
        How its maps are run.

    Attributes
    ----------
    together
        The region of each box that runs with others, or with a divergence.
    alone
        The region of each box that runs by itself: it draws samples, is run again in the reverse
        pass, or computes in another dtype.

    Raises
    ------
    UnknownName
        If no circuit has a variable of one of the names.
    """

    def __init__(self, plan: Plan, options: Options) -> None:
        self.plan, self.options = plan, options
        every: Any = plan.program.apex.operations
        self.together, self.alone = dict[int, Region](), dict[int, Region]()
        apart = set[int]()
        home, reads = self._homes(apart)
        while unsized := self._unsized(home, reads):
            apart |= unsized
            home, reads = self._homes(apart)
        for root in dict.fromkeys(home.values()):
            boxes = [box for box in home if home[box] == root]
            asked = [box for box in boxes if every[box][0].op == "divergence" or any(
                box in read and home.get(k) != root for k, read in enumerate(reads)
            )]  # fmt: skip
            if any(every[box][0].op == "apply" for box in boxes) or len(boxes) > 1:
                region = Region(plan, boxes, asked, options.streams, options.block)
                self.together |= dict.fromkeys(boxes, region)
        for box, steps in enumerate(every):
            if box not in self.together and self._is_circuit(steps[0]):
                self.alone[box] = Region(plan, [box], [box], options.streams, options.block)
        if options.streams != "auto":
            known = {n: None for one in self.regions for n in variables_of(one.circuit.circuit)}
            refuse_unknown(options.streams or (), known, "a circuit of the loss")

    def _homes(self, apart: Container[int]) -> tuple[dict[int, int], list[set[int]]]:
        """Return for each box that runs with others one of them, and what each box reads.

        Parameters
        ----------
        apart
            Boxes that run by themselves.
        """
        plan = self.plan
        every: Any = plan.program.apex.operations
        reads, level, home = list[set[int]](), list[int](), dict[int, int]()
        for box, steps in enumerate(every):
            places = [plan.places[i] for step in steps for i in step.inputs]
            reads.append({row for row, _ in places})
            aligned = {
                row
                for row in reads[box]
                if len(every[row]) == len(steps)
                and all(plan.places[i][1] == k for k, step in enumerate(steps)
                        for i in step.inputs if plan.places[i][0] == row)
            }  # fmt: skip
            runs = box not in apart and self._runs(steps[0])
            after = (
                level[row] + (row in home and not (runs and row in aligned)) for row in reads[box]
            )
            level.append(max(after, default=0))
            if not runs:
                continue
            home[box] = box
            joined = [home[r] for r in aligned if r in home and level[r] == level[box]]
            home = {b: box if root in joined else root for b, root in home.items()}
        return home, reads

    def _unsized(self, home: Mapping[int, int], reads: Sequence[set[int]]) -> set[int]:
        """Return parts of joined data sets that run with nothing of one that they are cut by."""
        every: Any = self.plan.program.apex.operations
        given: dict[int, set[str]] = {}
        for box, root in home.items():
            rows = (row for row in reads[box] if home.get(row) != root)
            given.setdefault(root, set()).update(_examples(every[row][0]) for row in rows)
        return {
            box for box, root in home.items() for step in every[box][:1]
            if step.op == "part" and not {*step.together[: step.position + 1]} <= given[root]
        }  # fmt: skip

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The regions, each once."""
        return tuple(dict.fromkeys([*self.together.values(), *self.alone.values()]))

    def _is_circuit(self, step: Step) -> bool:
        return step.op == "apply" and isinstance(
            architecture_of(self.plan.diagram, step.name), CircuitArchitecture
        )

    def _runs(self, step: Step) -> bool:
        """Whether a step is a circuit that may run with others."""
        if step.op in ("apply", "divergence"):
            return not self._reason(step)
        return step.op in ("tuple", "factor", "one-hot", "join", "part")

    def _reason(self, step: Step) -> str:
        """Say why a map, or a divergence, does not run with others; nothing if it does."""
        diagram, options = self.plan.diagram, self.options
        if step.op == "divergence":
            return "" if _is_known(step.divergence) else "its divergence is no circuit"
        architecture = architecture_of(diagram, step.name)
        frozen = diagram.map_label(diagram.owner(step.name)).kind == "frozen"
        own = isinstance(architecture, CircuitArchitecture)
        draws = architecture.draws_whole if own else architecture.accepts_key
        reasons = (
            (architecture.stateful, "has batch statistics"),
            (not self._is_circuit(step), "is no circuit"),
            (not frozen and draws, "draws samples for a whole batch; dropout(rate, by=) does not"),
            (step.name in options.remat, "is run again in the reverse pass"),
            (step.name in options.precision, "computes in another dtype"),
        )
        return next((reason for holds, reason in reasons if holds), "")

    @cached_property
    def apart(self) -> dict[str, str]:
        """Why passes, such as the mean over examples, do not go through some edges and equations.

        Examples
        --------
        >>> import catlearn as cl
        >>> from catlearn.arrays import dropout, linear
        >>> X, Y = cl.Space("X", 4), cl.Space("Y", 3)
        >>> drop = cl.Model("drop", X, X, linear("A", "m -> n") >> dropout(0.5))
        >>> head = cl.Model("head", X, Y, linear("B", "m -> k"))
        >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), drop, head)
        >>> cl.lower(D.loss(["d.X >> drop >> head = d.Y"]), streams="auto").plan.streams.apart
        {'drop': 'draws samples for a whole batch; dropout(rate, by=) does not'}
        """
        steps = (*self.plan.steps, *self.plan.terms)
        found = {one.name: self._reason(one) for one in steps if one.op in ("apply", "divergence")}
        return {name: reason for name, reason in found.items() if reason}

    def at(self, **sizes: int) -> dict[str, StreamPlan]:
        """Say for batches of some sizes what each region streams, by its edges and equations.

        Raises
        ------
        UnknownName
            Listing what is no data set, and data sets whose batches have no size.
        """
        known = [*self.plan.diagram.data_sets]
        wrong = [f"{name} is no data set; {did_you_mean(name, known)}"
                 for name in sizes if name not in known]  # fmt: skip
        read = dict.fromkeys(name for one in self.regions for name in one.data_sets)
        wrong += [f"a batch of {name} has no size; give {name}=..."
                  for name in read if name not in sizes]  # fmt: skip
        if wrong:
            raise UnknownName("; ".join(wrong))
        return {self.title(one): one.plan_at(sizes) for one in self.regions}

    def title(self, region: Region) -> str:
        """Return the edges and equations of a region."""
        every: Any = self.plan.program.apex.operations
        names = [step.name for box in region.boxes for step in every[box]
                 if step.op in ("apply", "divergence")]  # fmt: skip
        return ", ".join(dict.fromkeys(names))

    def __str__(self) -> str:
        lines = [
            f"streams of {self.title(one)}" + "".join(f"\n  {line}" for line in text.splitlines())
            for one in self.regions
            for text in one.circuit.decided
        ]
        lines = lines or ["streams: decided by the sizes of a batch"]
        return "\n".join([*lines, *(f"not streamed through {n}: it {r}"
                                    for n, r in self.apart.items())])  # fmt: skip


def _is_known(divergence: Any) -> bool:
    if isinstance(divergence, DivergenceSum):
        return all(map(_is_known, divergence.parts))
    return isinstance(divergence.function, str) and divergence.function in KNOWN
