"""What a plan says when it will not answer, and what a compiler says when there is no plan."""


class StepAside(Exception):  # noqa: N818 - a signal between a plan and its caller, no error of anyone's
    """The plan does not answer: graphql-core executes the operation, and says what is wrong if anything is."""


class Unplannable(Exception):  # noqa: N818 - a signal within the compiler
    """The operation uses something that plans do not know: graphql-core executes it for ever."""
