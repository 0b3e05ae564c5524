"""From a document's text to an operation that may run; each text is judged once and the verdict kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLFormattedError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)

from omniforge_graph.graphql.transport.cache import BoundedCache
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.cost import Tariff
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.planning import Planning
from omniforge_graph.graphql.transport.request import NO_VARIABLES, read_variables
from omniforge_graph.graphql.transport.response import client_error
from omniforge_graph.graphql.transport.structure import StructureCheck

MAX_VALIDATION_ERRORS = 20


@dataclass(slots=True, eq=False)
class Operation:
    """An operation of a valid document within the limits: ready to be executed any number of times."""

    document: DocumentNode
    node: OperationDefinitionNode
    needs_pricing: bool
    """Whether it is too costly for the largest pages, so that each request's own variables must be priced."""
    planning: Planning = field(default_factory=Planning)
    """How it came to its plan, if it has one."""

    @property
    def name(self) -> str | None:
        """The operation's name, as graphql-core wants it to find the operation in the document."""
        return self.node.name.value if self.node.name else None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document cannot run: errors as the client sees them, with `extensions.code`."""

    errors: tuple[GraphQLFormattedError, ...]


Verdict: TypeAlias = Mapping[str | None, Operation | Refusal]
"""The operations of a document by name; None for a request that names none."""


class DocumentCache:
    """Prepares operations: length, tokens, structure, validation, cost, in this order and each only once per text."""

    def __init__(self, schema: GraphQLSchema, limits: Limits | None = None, *, hide_suggestions: bool = False) -> None:
        self._schema = schema
        self.limits = limits or Limits()
        self._hide_suggestions = hide_suggestions
        self._tariff = Tariff(schema, self.limits)
        self._accepted: BoundedCache[Verdict] = BoundedCache(
            self.limits.cached_documents, self.limits.cached_characters
        )
        self._refused: BoundedCache[Refusal] = BoundedCache(self.limits.cached_documents, self.limits.cached_characters)

    def prepare(
        self,
        text: str,
        operation_name: str | None = None,
        variables: msgspec.Raw = NO_VARIABLES,
    ) -> Operation | Refusal:
        """Return the operation to execute, or why there is none; variables matter only to the cost of pages.

        Raises:
            ProtocolError: the variables had to be looked at, and are no JSON object.
        """
        verdict = self._accepted.get(text) or self._refused.get(text) or self._judge(text)
        if isinstance(verdict, Refusal):
            return verdict
        operation = verdict.get(operation_name)
        if operation is None:
            names = ", ".join(f"'{name}'" for name in verdict if name is not None) or "none with a name"
            return refuse(
                Code.OPERATION_NOT_CHOSEN, f"The document has no operation '{operation_name}'; it has {names}."
            )
        if isinstance(operation, Operation) and operation.needs_pricing:
            cost = self._tariff.price(operation.document, operation.node, read_variables(variables) or {})
            if cost.fields > self.limits.cost:
                return self._too_costly(cost.fields)
        return operation

    def _judge(self, text: str) -> Verdict | Refusal:
        if len(text) > self.limits.characters:
            return refuse(
                Code.DOCUMENT_TOO_LARGE,
                f"The document has {len(text)} characters; at most {self.limits.characters} are allowed: "
                "move values into variables.",
            )
        verdict = self._examine(text)
        if isinstance(verdict, Refusal):
            self._refused.put(text, verdict)
        else:
            self._accepted.put(text, verdict)
        return verdict

    def _examine(self, text: str) -> Verdict | Refusal:
        try:
            document = parse(text, max_tokens=self.limits.tokens)
        except GraphQLSyntaxError as error:
            if error.message.endswith(f"more than {self.limits.tokens} tokens. Parsing aborted."):
                message = f"The document has more than {self.limits.tokens} tokens; move values into variables."
                return refuse(Code.DOCUMENT_TOO_LARGE, message)
            return Refusal((_formatted(error, Code.GRAPHQL_PARSE_FAILED),))
        excess = StructureCheck(document, self.limits).run()
        if excess is not None:
            return refuse(excess.code, excess.message)
        errors = validate(
            self._schema, document, max_errors=MAX_VALIDATION_ERRORS, hide_suggestions=self._hide_suggestions
        )
        if errors:
            return Refusal(tuple(_formatted(error, Code.GRAPHQL_VALIDATION_FAILED) for error in errors))
        return self._operations(document)

    def _operations(self, document: DocumentNode) -> Verdict:
        nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        verdict = {node.name.value if node.name else None: self._operation(document, node) for node in nodes}
        if len(nodes) == 1:
            return {None: next(iter(verdict.values())), **verdict}
        names = ", ".join(f"'{name}'" for name in verdict)
        message = f"The document has several operations; set operationName to one of {names}."
        return {None: refuse(Code.OPERATION_NOT_CHOSEN, message), **verdict}

    def _operation(self, document: DocumentNode, node: OperationDefinitionNode) -> Operation | Refusal:
        cost = self._tariff.price(document, node, None)
        if cost.fields > self.limits.cost and not cost.depends_on_variables:
            return self._too_costly(cost.fields)
        return Operation(document, node, needs_pricing=cost.fields > self.limits.cost)

    def _too_costly(self, fields: float) -> Refusal:
        message = (
            f"The operation may answer with about {fields:.0f} fields; at most {self.limits.cost} are allowed: "
            "ask for smaller pages (`first`, `last`) or fewer nested lists."
        )
        return refuse(Code.DOCUMENT_TOO_COMPLEX, message)


def refuse(code: str, message: str) -> Refusal:
    """Return a refusal of one error that points nowhere in the document."""
    return Refusal((client_error(code, message),))


def _formatted(error: GraphQLError, code: str) -> GraphQLFormattedError:
    return client_error(code, error.message, locations=error.locations)
