"""The variables that decide which fields an operation has: those of its `@skip` and `@include`."""

from collections.abc import Iterator, Mapping
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from omniforge_graph.graphql.plans.errors import Unplannable

CONDITIONS: Final = {GraphQLSkipDirective.name, GraphQLIncludeDirective.name}


def fragments_of(document: DocumentNode) -> Mapping[str, FragmentDefinitionNode]:
    """Return the document's fragments by name."""
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def find_conditions(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[str]:
    """Return the names of the variables that conditions use, each once.

    Raises `Unplannable` for any other directive, and for fragments with variables of their own.
    """
    if operation.directives:
        raise Unplannable("The operation has a directive.")
    found: dict[str, None] = {}
    for selection in _selections(operation.selection_set, fragments):
        for directive in selection.directives or ():
            if directive.name.value not in CONDITIONS:
                raise Unplannable(f"A selection has the directive @{directive.name.value}.")
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None
    return list(found)


def _selections(root: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[SelectionNode]:
    """Yield all selections, those of a fragment once."""
    waiting, seen = [root], set()
    while waiting:
        for selection in waiting.pop().selections:
            yield selection
            if not isinstance(selection, FragmentSpreadNode):
                inner: SelectionSetNode | None = getattr(selection, "selection_set", None)
                assert inner or isinstance(selection, FieldNode)
                waiting += [inner] if inner else []
                continue
            name = selection.name.value
            if name not in seen:
                seen.add(name)
                waiting.append(_body(fragments[name]))


def _body(fragment: FragmentDefinitionNode) -> SelectionSetNode:
    if fragment.variable_definitions or fragment.directives:
        raise Unplannable(f"The fragment {fragment.name.value} has variables or directives.")
    return fragment.selection_set
