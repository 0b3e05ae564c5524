"""Distributions made for a test: real metadata and modules in a temporary folder on the path."""

import sys
from importlib.metadata import Distribution

import pytest


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    """Return a function that installs a distribution and returns its entry points.

    Give its name and, for each entry point, the source of the module behind it.
    """
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def install(name, **sources):
        folder = name.replace("-", "_")
        info = tmp_path / f"{folder}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines = ["[omniforge_graph]"]
        for entry_point, source in sources.items():
            module = f"made_by_{folder}_{entry_point}"
            made.append(module)
            (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
            lines.append(f"{entry_point} = {module}")
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        return list(Distribution.at(info).entry_points)

    yield install
    for module in made:
        sys.modules.pop(module, None)
