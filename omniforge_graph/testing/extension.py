"""What the contracts of strategies and tests share: names, descriptions, options."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin.offers import Extension, describe, parse_options


class ExtensionContract(ABC):
    """The part of a contract that holds for every plugin users choose by name."""

    options: dict[str, Any] | None = None
    """Raw options to run the contract with; None takes the defaults. Subclass once more to run it with others."""

    @abstractmethod
    def make(self) -> Extension:
        """Return a new instance of the class under test."""

    def parsed_options(self) -> Any:
        """Return `options` as the extension's typed options."""
        return parse_options(self.make(), self.options, ("options",))

    def test_it_can_be_offered(self) -> None:
        """Its name, description and options satisfy the loader."""
        describe(self.make())

    def test_its_name_does_not_depend_on_the_instance(self) -> None:
        """Two instances have one name and one description."""
        one, other = self.make(), self.make()
        assert (one.name, one.description) == (other.name, other.description), "name and description must be constant"

    def test_options_have_defaults_and_a_schema(self) -> None:
        """No options are needed, and the schema that users see can be printed."""
        extension = self.make()
        assert parse_options(extension, None, ()) == extension.options_type(), "None must mean the defaults"
        assert msgspec.json.encode(describe(extension).options_schema)

    def test_unknown_options_are_refused(self) -> None:
        """A misspelt option is an error that names it, not silence."""
        problem: ValidationError | None = None
        try:
            parse_options(self.make(), {"no_such_option": 1}, ("options",))
        except ValidationError as raised:
            problem = raised
        assert problem is not None, "options_type must keep forbid_unknown_fields"
        assert problem.path == ("options", "no_such_option"), f"the error must name the option, not {problem.path}"
