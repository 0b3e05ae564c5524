"""What a document may ask for before anything is spent on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit on a GraphQL document. Counts of selections are taken after fragments are expanded.

    The defaults let through what a dashboard needs (100 experiments with their prompt, its five latest versions and all
    variants; GraphiQL's introspection) and keep the worst document that passes below a tenth of a second of parsing
    and validation.
    """

    characters: int = 32_768
    """Length of the document's text."""
    tokens: int = 2_000
    """Lexical tokens of the document."""
    definitions: int = 50
    """Operations and fragments in one document."""
    variables: int = 50
    """Variable definitions of one operation."""
    depth: int = 16
    """Fields inside fields; GraphiQL's introspection needs 15."""
    selections: int = 1_000
    """Fields, fragment spreads and inline fragments of the whole document."""
    root_fields: int = 50
    """Fields at the root of one operation."""
    aliases: int = 100
    """Fields with an alias of their own."""
    directives: int = 100
    """Directives anywhere in the selections."""
    overlaps: int = 2_000
    """Pairs of fields that share a response name at one place, each of which validation compares."""
    cost: int = 40_000
    """Fields of the answer, estimated: each field times the sizes of the lists it stands in."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """What a field costs, by ``Type.field``, where that is more than 1."""
    max_page: int = 100
    """The largest page that the schema serves: more is never counted for `first` or `last`."""
    default_page: int = 20
    """The page the schema serves when neither `first` nor `last` is given."""
    list_size: int = 5
    """The length assumed for a list that is not paged."""
    cached_documents: int = 1_000
    """Documents kept ready; as many refused ones are remembered apart, so they cannot push out the good ones."""
    cached_characters: int = 500_000
    """Total length of the texts kept; a prepared document takes about 260 bytes of memory for each character."""
