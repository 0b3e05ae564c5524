"""Writes calls of resolvers. In the code `v` is the source, or all of them, and `w` the state of the run."""

from omniforge_graph.graphql.plans.arguments import Argument, Built, Constant
from omniforge_graph.graphql.plans.code import Code
from omniforge_graph.graphql.plans.fields import Call


def write_call(access: Call, code: Code) -> str:
    """Return the call of a resolver."""
    parts = ["v"] if access.takes_source else []
    parts += [f"{name}=v" for name in access.source_names]
    parts += [f"{access.info_name}=w[0]"] if access.info_name else []
    return f"{code.bind('resolve', access.function)}({', '.join(parts + _arguments(access, code))})"


def write_batch(access: Call, code: Code) -> str:
    """Return the call of a batched field's function."""
    return f"{code.bind('batch', access.batch)}({', '.join(['v', 'w[0]', *_arguments(access, code)])})"


def _arguments(access: Call, code: Code) -> list[str]:
    return [f"{name}={_argument(each, code)}" for name, each in access.arguments.items()]


def _argument(argument: Argument, code: Code) -> str:
    if isinstance(argument, Constant):
        name = code.bind("constant", argument.value)
        return name if argument.shared else f"copy({name})"
    if isinstance(argument, Built):
        return f"{code.bind('build', argument.build)}(w[1])"
    value = f"w[1][{argument.name!r}]"
    if argument.refuses_null:
        value = f"given({value})"
    if argument.always or argument.otherwise is None:
        return value
    return f"{value} if {argument.name!r} in w[1] else {_argument(argument.otherwise, code)}"
