"""The engine as the oracle files ask for it: ``solve(method, inputs)``.

Each method is a function ``solve_METHOD(**inputs)`` in a module of its subject beside this one. `NotImplementedError`
means that the engine does not offer it.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # the checker loads this file from anywhere
    sys.path.insert(0, str(ROOT))

from tests.oracles import means, planning, rates, sequential  # noqa: E402 - the path comes first


def solve(method, inputs):
    """Return what the engine says of one case."""
    for module in (rates, means, sequential, planning):
        if solver := getattr(module, f"solve_{method}", None):
            return solver(**inputs)
    raise NotImplementedError(method)
