"""The engine as the oracle files ask for it: ``solve(method, inputs)``.

Each method is a function ``solve_METHOD(**inputs)`` in a module of its subject beside this one. `NotImplementedError`
means that the engine does not offer it, `ValueError` that it refuses the input.
"""

import inspect
import sys
from math import isnan
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # the checker loads this file from anywhere
    sys.path.insert(0, str(ROOT))

from omniforge_graph.errors import ValidationError  # noqa: E402 - the path comes first
from tests.oracles import means, planning, rates, sequential  # noqa: E402


def solve(method, inputs):
    """Return what the engine says of one case."""
    for module in (rates, means, sequential, planning):
        if solver := getattr(module, f"solve_{method}", None):
            return answered(solver, inputs)
    raise NotImplementedError(method)


def answered(solver, inputs):
    """Return a solver's answer; an option it does not know is not offered, and one that is missing is wrong."""
    accepted = inspect.signature(solver).parameters
    unknown = set(inputs) - set(accepted)
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in accepted.values()):
        raise NotImplementedError(f"{solver.__name__} has no option {', '.join(sorted(unknown))}")
    for name, each in accepted.items():
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD and name not in inputs:
            raise ValueError(f"{name} is missing.")
    try:
        answer = solver(**inputs)
    except ValidationError as problem:
        raise ValueError(str(problem)) from problem
    missing = [key for key, value in answer.items() if value is None or (isinstance(value, float) and isnan(value))]
    if missing and not answer.get("reason"):
        answer["reason"] = f"not computable from these data: {', '.join(missing)}"
    return answer
