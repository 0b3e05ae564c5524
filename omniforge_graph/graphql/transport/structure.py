"""The shape of a document, measured before validation: validation itself is what a hostile document makes expensive."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.limits import Limits

Fragments: TypeAlias = Mapping[str, FragmentDefinitionNode]


class Excess(NamedTuple):
    """The first limit that a document passes: the code for programs and the sentence for people."""

    code: Code
    message: str


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


class StructureCheck:
    """One walk over a document as if every fragment were written out where it is spread.

    No result is remembered per fragment, because the walk stops at the first limit passed: it never takes more than
    `limits.selections` + 1 `steps`, whatever the fragments multiply to.
    """

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self.steps = 0
        self._document = document
        self._limits = limits
        self._fragments = fragments_of(document)
        self._spread: set[int] = set()
        self._aliases = 0
        self._directives = 0
        self._overlaps = 0
        self._places: dict[tuple[int, str], tuple[int, int]] = {}

    def run(self) -> Excess | None:
        """Return the first limit that the document passes, or None."""
        return next(self._excesses(), None)

    def _excesses(self) -> Iterator[Excess]:
        limits, definitions = self._limits, self._document.definitions
        if len(definitions) > limits.definitions:
            yield Excess(
                Code.DOCUMENT_TOO_LARGE,
                f"The document has {len(definitions)} operations and fragments; at most {limits.definitions} are "
                "allowed: send only the operation that is to run.",
            )
        for operation in definitions:
            if isinstance(operation, OperationDefinitionNode):
                count = len(operation.variable_definitions or ())
                if count > limits.variables:
                    yield Excess(
                        Code.DOCUMENT_TOO_LARGE,
                        f"The operation defines {count} variables; at most {limits.variables} are allowed: "
                        "use input objects or lists.",
                    )
                self._directives += len(operation.directives or ())
                yield from self._walk(operation.selection_set)
        # Validation reads fragments that nothing spreads, too.
        for fragment in definitions:
            if isinstance(fragment, FragmentDefinitionNode) and id(fragment) not in self._spread:
                yield from self._walk(fragment.selection_set)

    def _walk(self, root: SelectionSetNode) -> Iterator[Excess]:
        """Walk depth first; a place is a response path, so that fields which will be merged are counted together."""
        limits, place_of_root, root_fields = self._limits, -self.steps - 1, 0
        stack: list[tuple[SelectionSetNode, int, int, frozenset[str]]] = [(root, 1, place_of_root, frozenset())]
        while stack:
            selection_set, depth, place, inside = stack.pop()
            for node in selection_set.selections:
                self.steps += 1
                if self.steps > limits.selections:
                    yield Excess(
                        Code.DOCUMENT_TOO_COMPLEX,
                        f"The document selects more than {limits.selections} fields once its fragments are written "
                        "out; split it into several requests.",
                    )
                self._directives += len(node.directives or ())
                if self._directives > limits.directives:
                    yield Excess(
                        Code.DOCUMENT_TOO_COMPLEX,
                        f"The document has more than {limits.directives} directives; use fewer.",
                    )
                if isinstance(node, FieldNode):
                    root_fields += depth == 1
                    yield from self._count(node, depth, root_fields)
                    child = self._merge(node, place)
                    if self._overlaps > limits.overlaps:
                        yield Excess(
                            Code.DOCUMENT_TOO_COMPLEX,
                            f"The document selects the same fields again and again (more than {limits.overlaps} pairs "
                            "must be compared); select each field once.",
                        )
                    if node.selection_set:
                        stack.append((node.selection_set, depth + 1, child, inside))
                elif isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    # A fragment inside itself and an unknown one are left to validation, which names them.
                    if name not in inside and (fragment := self._fragments.get(name)):
                        self._spread.add(id(fragment))
                        stack.append((fragment.selection_set, depth, place, inside | {name}))
                else:
                    stack.append((node.selection_set, depth, place, inside))  # type: ignore[attr-defined]

    def _count(self, node: FieldNode, depth: int, root_fields: int) -> Iterator[Excess]:
        limits = self._limits
        self._aliases += node.alias is not None
        if depth > limits.depth:
            yield Excess(
                Code.DOCUMENT_TOO_DEEP,
                f"The document nests fields more than {limits.depth} deep; ask in several steps.",
            )
        if root_fields > limits.root_fields:
            yield Excess(
                Code.DOCUMENT_TOO_COMPLEX,
                f"The operation has more than {limits.root_fields} fields at its root; split it into several requests.",
            )
        if self._aliases > limits.aliases:
            yield Excess(Code.DOCUMENT_TOO_COMPLEX, f"The document has more than {limits.aliases} aliases; split it.")

    def _merge(self, node: FieldNode, parent: int) -> int:
        """Count the field at its place in the answer and return that place."""
        key = (parent, (node.alias or node.name).value)
        place, count = self._places.get(key, (len(self._places), 0))
        self._places[key] = (place, count + 1)
        self._overlaps += count
        return place
