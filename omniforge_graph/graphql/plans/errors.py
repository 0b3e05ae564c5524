"""What a plan says when it will not answer."""


class StepAside(Exception):  # noqa: N818 - a signal between a plan and its caller, no error of anyone's
    """The plan does not answer: graphql-core executes the operation, and says what is wrong if anything is."""
