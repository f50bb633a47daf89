"""Test-wide settings, and the count of mutants that the laws rejected.

There are no deadlines, since the first call of jitted code compiles. Compiling is most of the time,
so machine code is generated without optimisations that few calls repay; the optimised programs that
tests compare come before that, and are the same, but that operations that are fused with no other
stand alone instead of in a fusion of their own.

A mutant is a deliberately broken structure; a test that shows that a law rejects it says so by
``with mutants("its name")``, and the end of the run prints how many there were and how many were
killed.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

# What modules make as they are imported stays, and is not looked through for garbage until then.
gc.set_threshold(100_000, 50, 1_000)

# Read by JAX, and by programs that tests start, when they import it.
FLAGS = "--xla_cpu_parallel_codegen_split_count=1"  # threads cost more than they save
if version("jaxlib").startswith("0.10."):  # others end at a flag that they do not know
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
FLAGS = os.environ.setdefault("XLA_FLAGS", FLAGS)

# Programs that tests run in processes of their own; some set flags.
collect_ignore = [
    "streams/sharded.py",
    *(f"training/{name}.py" for name in ("killed", "pooled", "sharded")),
]

settings.register_profile(
    "catlearn",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("catlearn")

if os.environ.get("ANNOTATIONS"):
    sys.path.insert(0, str(Path(__file__).parent))
    import annotations

    annotations.check_annotations("catlearn")

MUTANTS = pytest.StashKey[dict[str, bool]]()
UNCHECKED = pytest.StashKey[dict[str, str]]()


class Mutants(Protocol):
    def __call__(self, name: str) -> AbstractContextManager[None]: ...


@pytest.fixture
def mutants(request: pytest.FixtureRequest) -> Mutants:
    """Count a mutant: it is killed if the body, which asserts that, does not raise."""
    known = request.config.stash.setdefault(MUTANTS, {})

    @contextmanager
    def one(name: str) -> Iterator[None]:
        known[name] = False
        yield
        known[name] = True

    return one


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a page does in a browser does not depend on the interpreter that wrote it."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("heavy")


def pytest_collection_finish() -> None:
    """No module, when it is imported, may change how all the others are compiled."""
    assert os.environ["XLA_FLAGS"] == FLAGS, "a module set XLA_FLAGS as it was collected"
    # Modules and what JAX keeps are large, and are not looked through again and again for garbage.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the controller what a worker found."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["mutants"] = session.config.stash.get(MUTANTS, {})
        output["unchecked"] = unchecked()
    else:
        session.config.stash.setdefault(UNCHECKED, {}).update(unchecked())


def unchecked() -> dict[str, str]:
    """The functions whose annotations could not be checked here, and why."""
    return dict(getattr(sys.modules.get("annotations"), "UNCHECKED", {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Collect what a worker found."""
    found = getattr(node, "workeroutput", {}).get("mutants", {})
    node.config.stash.setdefault(MUTANTS, {}).update(found)
    known = getattr(node, "workeroutput", {}).get("unchecked", {})
    node.config.stash.setdefault(UNCHECKED, {}).update(known)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for name, why in config.stash.get(UNCHECKED, {}).items():
        reason = why.strip().splitlines()[-1]
        terminalreporter.write_line(f"annotations of {name} are not checked: {reason[:120]}")
    known = config.stash.get(MUTANTS, {})
    if known:
        killed = sum(known.values())
        terminalreporter.write_line(f"laws: {killed} of {len(known)} mutants killed")
        for name in (name for name, dead in known.items() if not dead):
            terminalreporter.write_line(f"  alive: {name}")
