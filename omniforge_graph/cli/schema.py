"""`schema`: print the GraphQL schema, or check that the printed one is up to date."""

from pathlib import Path
from typing import Annotated

import typer


def schema(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if the file is out of date.")] = False,
    output: Annotated[Path, typer.Option(help="The file; - for standard output.")] = Path("schema.graphql"),
) -> None:
    """Print the GraphQL schema into a file."""
    from omniforge_graph.graphql.schema import print_schema  # noqa: PLC0415 - only this command pays for it

    text = print_schema()
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    if not check:
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output} is written.")
        return
    if not output.exists() or output.read_text(encoding="utf-8") != text:
        typer.echo(f"{output} is out of date; run omniforge-graph schema.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{output} is up to date.")
