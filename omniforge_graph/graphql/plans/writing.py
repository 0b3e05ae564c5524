"""Writes the tree of an operation as Python: a function for each selection set, and one that runs them all."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import count
from typing import Any, TypeAlias

from graphql import GraphQLSchema
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from omniforge_graph.graphql.plans.arguments import Argument, Constant
from omniforge_graph.graphql.plans.choosing import checker, chooser
from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.fields import Attribute, Call, Typename
from omniforge_graph.graphql.plans.serializing import write_leaf
from omniforge_graph.graphql.plans.shapes import Choice, Field, Items, Leaf, Object, Shape
from omniforge_graph.graphql.plans.stable import Renderings
from omniforge_graph.graphql.plans.values import sequence
from omniforge_graph.graphql.plans.waves import PlanInfo, WaitingField, settle

Main: TypeAlias = Callable[[Any, Mapping[str, Any]], Coroutine[Any, Any, dict[str, Any]]]
"""Runs an operation with a context and the values of its variables."""


def write(schema: GraphQLSchema, root: Object, renderings: Renderings) -> Main:
    """Return the function that runs the operation of that tree."""
    return _Writer(schema, renderings).main(root)


class _Writer:
    """Writes one operation. In its code `v` is a source, `w` the state of the run, `a` a value at hand."""

    def __init__(self, schema: GraphQLSchema, renderings: Renderings) -> None:
        self._schema = schema
        self._renderings = renderings
        self._numbers = count()
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "PlanInfo": PlanInfo,
            "StepAside": StepAside,
            "WaitingField": WaitingField,
            "copy": deepcopy,
            "sequence": sequence,
            "settle": settle,
        }
        self._waves: list[list[str]] = []
        self._slots = 0
        self._never_null: dict[str, None] = {}

    def main(self, root: Object) -> Main:
        """Write everything below the root and return the function that runs it."""
        body: list[str] = ["v = None"]
        data, waiting = self._entries(root, body, 0, keep=True)
        body.append(f"data = {data}")
        if len(waiting) == 1 and not waiting[0][1].batched:
            body += self._alone(*waiting[0])
        else:
            body += [f"w[{self._waiting(key, field, 0)}].append((v, data))" for key, field in waiting]
        for wave in filter(None, self._waves):
            name = self._name("wave")
            self._lines.append(f"{name} = ({', '.join(wave)},)")
            body.append(f"await settle({name}, w)")
        checks = [f"if values.get({name!r}, True) is None: raise StepAside" for name in self._never_null]
        self._lines += [
            "async def main(context, values):",
            " try:",
            *(f"  {line}" for line in checks),
            f"  w = [PlanInfo(context), values{', []' * self._slots}]",
            *(f"  {line}" for line in body),
            "  return data",
            " except StepAside: raise",
            " except Exception as error: raise StepAside(str(error)) from error",
        ]
        code = compile("\n".join(self._lines), "<operation plan>", "exec")
        exec(code, self._names)  # noqa: S102 - what is not ours in it is an identifier, or quoted
        main: Main = self._names["main"]
        return main

    def _alone(self, key: str, field: Field) -> list[str]:
        """Write a root field that waits alone: it is awaited where it stands."""
        assert isinstance(field.access, Call)
        body = [f"v = await {self._call(field.access)}"]
        value = self._value(field.shape, "v", body, 1, keep=True)
        return [*body, f"data[{key!r}] = {value}"]

    def _bind(self, prefix: str, constant: Any) -> str:
        name = self._name(prefix)
        self._names[name] = constant
        return name

    def _name(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    def _object(self, each: Object, wave: int, *, keep: bool) -> str:
        """Write the function that returns an object's data, and return its name."""
        if keep and each.stable:
            name, render = self._name("kept"), self._object(each, wave, keep=False)
            self._lines.append(f"{name} = {self._bind('keeping', self._renderings.keeping)}({render})")
            return name
        return self._fields(each, [self._check(each)], wave, keep=keep)

    def _fields(self, each: Object, body: list[str], wave: int, *, keep: bool) -> str:
        """Write the function that begins with `body` and returns an object's data; return its name."""
        name = self._name(each.type.name)
        data, waiting = self._entries(each, body, wave, keep=keep)
        if waiting:
            body.append(f"data = {data}")
            body += [f"w[{self._waiting(key, field, wave)}].append((v, data))" for key, field in waiting]
            data = "data"
        self._function(name, "v" if each.pure else "v, w", [*body, f"return {data}"])
        return name

    def _entries(
        self, each: Object, body: list[str], wave: int, *, keep: bool
    ) -> tuple[str, Sequence[tuple[str, Field]]]:
        """Return the expression of an object's data, and the fields that it lacks as they wait."""
        entries = {
            key: "None" if field.waits else self._field(each, field, body, wave, keep=keep)
            for key, field in each.fields.items()
        }
        data = ", ".join(f"{key!r}: {value}" for key, value in entries.items())
        return f"{{{data}}}", [(key, field) for key, field in each.fields.items() if field.waits]

    def _function(self, name: str, parameters: str, body: Sequence[str]) -> None:
        self._lines += [f"def {name}({parameters}):", *(f" {line}" for line in body)]

    def _check(self, each: Object) -> str:
        """Write what makes sure that the source is one of the type."""
        check = f"{self._bind('check', checker(self._schema, each.type))}(v)"
        if each.definition.is_type_of is not None:
            return check
        cast = f" or hasattr(v, {TYPE_CAST_ATTRIBUTE!r})" if each.type.is_type_of else ""
        return f"if type(v) is not {self._bind('kind', each.python_class)}{cast}: {check}"

    def _field(self, parent: Object, field: Field, body: list[str], wave: int, *, keep: bool) -> str:
        if isinstance(field.access, Typename):
            return repr(parent.type.name)
        if isinstance(field.access, Attribute):
            return self._value(field.shape, f"v.{field.access.name}", body, wave, keep=keep)
        return self._value(field.shape, self._call(field.access), body, wave, keep=keep)

    def _waiting(self, key: str, field: Field, wave: int) -> int:
        """Write a field that waits in the wave of that number, and return its slot."""
        assert isinstance(field.access, Call)
        slot = self._slots + 2
        self._slots += 1
        call, complete = self._name("call"), self._name("complete")
        text = self._batch(field.access) if field.batched else self._call(field.access)
        self._function(call, "v, w", [f"return {text}"])
        body: list[str] = []
        value = self._value(field.shape, "v", body, wave + 1, keep=True)
        self._function(complete, "v, w", [*body, f"return {value}"])
        self._waves += [[] for _ in range(wave + 1 - len(self._waves))]
        self._waves[wave].append(f"WaitingField({key!r}, {slot}, {call}, {field.batched}, {complete})")
        return slot

    def _value(self, shape: Shape, source: str, body: list[str], wave: int, *, keep: bool) -> str:
        """Return the expression of a value's data, from the expression of the value."""
        if isinstance(shape, Items):
            name = self._name("items")
            body.append(f"{name} = {source}")
            return self._item(shape, name, name, wave, keep=keep)
        return self._item(shape, f"(a := {source})", "a", wave, keep=keep)

    def _item(self, shape: Shape, first: str, name: str, wave: int, *, keep: bool) -> str:
        """Return the expression of a value's data; `first` mentions the value first, later `name` does."""
        if isinstance(shape, Leaf):
            return write_leaf(shape.type, first, name, self._bind, nullable=shape.nullable)
        if shape.nullable:
            return f"None if {first} is None else {self._given(shape, name, name, wave, keep=keep)}"
        return self._given(shape, first, name, wave, keep=keep)

    def _given(self, shape: Items | Object | Choice, first: str, name: str, wave: int, *, keep: bool) -> str:
        if isinstance(shape, Items):
            each = self._name("each")
            data = self._item(shape.item, each, each, wave, keep=keep)
            return f"[{data} for {each} in ({name} if type({name}) is list else sequence({name}))]"
        state = "" if shape.pure else ", w"
        if isinstance(shape, Object):
            return f"{self._object(shape, wave, keep=keep)}({first}{state})"
        return f"{self._choice(shape, wave, keep=keep)}({first})({name}{state})"

    def _choice(self, shape: Choice, wave: int, *, keep: bool) -> str:
        """Write the function that chooses between objects of several types, and return its name."""
        name = self._name("choose")
        entries = []
        for type_name, each in shape.objects.items():
            function = self._object(each, wave, keep=keep)
            without_state = each.pure and not shape.pure
            entries.append(f"{type_name!r}: {f'lambda v, w: {function}(v)' if without_state else function}")
        self._lines.append(
            f"{name} = {self._bind('chooser', partial(chooser, self._schema, shape.type))}({{{', '.join(entries)}}})"
        )
        return name

    def _call(self, access: Call) -> str:
        """Write the call of a resolver with the source `v`."""
        parts = ["v"] if access.takes_source else []
        parts += [f"{name}=v" for name in access.source_names]
        parts += [f"{access.info_name}=w[0]"] if access.info_name else []
        return f"{self._bind('resolve', access.function)}({', '.join(parts + self._arguments(access))})"

    def _batch(self, access: Call) -> str:
        """Write the call of a batched field's function with the sources `v`."""
        return f"{self._bind('batch', access.batch)}({', '.join(['v', 'w[0]', *self._arguments(access)])})"

    def _arguments(self, access: Call) -> list[str]:
        return [f"{name}={self._argument(each)}" for name, each in access.arguments.items()]

    def _argument(self, argument: Argument) -> str:
        if isinstance(argument, Constant):
            name = self._bind("constant", argument.value)
            return name if argument.shared else f"copy({name})"
        if argument.refuses_null:
            self._never_null[argument.name] = None
        value = f"w[1][{argument.name!r}]"
        if argument.always or argument.otherwise is None:
            return value
        return f"{value} if {argument.name!r} in w[1] else {self._argument(argument.otherwise)}"
