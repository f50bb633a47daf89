"""Annotations that are checked while tests run.

:func:`check_annotations` installs an import hook, so it comes before the package is imported.
From then on, a call of a function or method of the package fails if its annotations are false:

- a value that is returned is not of the type that is announced;
- an argument is not of the type that is announced, and yet the function accepts it.

Tests give functions what they do not take, to see what they say; so an argument of another type
is no fault where the function raises an error. Lists are checked at their first entry.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

import beartype
import numpy as np
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis.strategies import DrawFn

MARK = "__annotated__"

SETTINGS = beartype.BeartypeConf(
    is_color=False,
    is_random=False,
    hint_overrides=beartype.FrozenDict(
        {
            int: int | np.integer,
            float: float | int | np.integer | np.floating,
            DrawFn: Any,
            typing.Self: Any,
        }
    ),
)
"""Integers are numbers, numpy's are integers; protocols and ``Self`` cannot be checked here."""

UNCHECKED: dict[str, str] = {}
"""Functions whose annotations cannot be checked, and why."""


def check_annotations(package: str) -> None:
    """Check the annotations of all functions of a package that is imported from here on."""
    setattr(builtins, MARK, annotated)
    sys.meta_path.insert(0, Finder(package))


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of one package, and marks their functions."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.split(".")[0] != self.package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with one decorator more, under the others, of functions and methods."""

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path), self.path)
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        for node in [*tree.body, *(inner for one in classes for inner in one.body)]:
            if isinstance(node, ast.FunctionDef):
                node.decorator_list.append(ast.copy_location(ast.Name(MARK, ast.Load()), node))
        return compile(tree, self.path, "exec", dont_inherit=True)


def annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of a function when it is called."""
    found: list[Callable[..., Any]] = []
    refused, ready = BeartypeCallHintParamViolation, checked

    def call(*args: Any, **options: Any) -> Any:
        if not found:
            found.append(ready(function))
        try:
            return found[0](*args, **options)
        except refused as error:
            tail = error.__traceback__.tb_next
            if tail is None or tail.tb_next is not None:
                raise
            if function(*args, **options) is NotImplemented:
                return NotImplemented
            raise

    # Doctests are those of functions whose globals are the module's.
    closure = call.__closure__
    mine = FunctionType(call.__code__, function.__globals__, function.__name__, None, closure)
    return functools.update_wrapper(mine, function)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that checks its arguments and what it returns."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    try:
        copy.__annotations__ = hints_of(function)
        return beartype.beartype(conf=SETTINGS)(copy)
    except Exception as error:  # a name that is nowhere, or a fault of the checker itself
        UNCHECKED[f"{function.__module__}.{function.__qualname__}"] = str(error)
        return function


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolve the annotations of a function."""
    try:
        return typing.get_type_hints(function)
    except NameError:
        for line in imports_for_annotations(sys.modules[function.__module__]):
            exec(line, function.__globals__)
        return typing.get_type_hints(function)


def imports_for_annotations(module: ModuleType) -> Iterator[str]:
    """Yield what a module imports under ``if TYPE_CHECKING``."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from map(ast.unparse, node.body)
