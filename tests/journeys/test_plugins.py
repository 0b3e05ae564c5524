"""Plugins as their authors meet them: installed beside the server, offered by the API, or listed with their error."""

import pytest

pytestmark = pytest.mark.journey

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(folder, name: str, entry: str, module: str, source: str) -> None:
    """Lay a distribution with one plugin into a folder."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA.format(name=name), encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[omniforge_graph]\n{entry} = {module}\n", encoding="utf-8")
    (folder / f"{module}.py").write_text(source, encoding="utf-8")


def test_the_documented_plugin_is_offered_and_analyses(launch, new_database, installed_example) -> None:
    server = launch(new_database("sqlite"), PYTHONPATH=str(installed_example))
    theirs = [plugin for plugin in server.data("Plugins") if plugin["distribution"] != "omniforge-graph"]
    assert [(plugin["status"], plugin["error"]) for plugin in theirs] == [("LOADED", None)]
    (offer,) = theirs[0]["offers"]
    assert offer["kind"] == "STATISTICAL_TEST"
    assert offer["optionsSchema"]
    experiment = server.experiment(analysis={"test": offer["name"]})
    assert experiment["analysisPlan"]["test"] == offer["name"]
    units = [f"u{n}" for n in range(200)]
    server.do("RecordExposures", events=[{"experimentId": experiment["id"], "unitId": unit} for unit in units])
    outcomes = [{"unitId": unit, "metric": "won", "value": n % 2} for n, unit in enumerate(units)]
    server.do("RecordOutcomes", events=outcomes)
    analysis = server.data("Results", {"id": experiment["id"]})["analysis"]
    assert analysis["test"] == offer["name"]
    (comparison,) = analysis["comparisons"]
    assert 0 < comparison["pValue"] <= 1
    assert comparison["absoluteEffect"]["lower"] < comparison["absoluteEffect"]["upper"]
    variants = [{"name": "a", "units": 100, "conversions": 40}, {"name": "b", "units": 100, "conversions": 60}]
    numbers = server.data("Analyze", {"input": {"kind": "BINARY", "test": offer["name"], "variants": variants}})
    assert numbers["test"] == offer["name"]
    assert numbers["comparisons"][0]["absoluteEffect"]["estimate"] == pytest.approx(20 / 102)  # as its paper says


def test_broken_plugins_are_listed_and_harm_nobody(launch, new_database, tmp_path) -> None:
    install(tmp_path, "no-import", "no_import", "no_import", "import nothing_of_the_kind\n")
    install(
        tmp_path,
        "misspelt",
        "misspelt",
        "misspelt",
        "from omniforge_graph.plugin import hookimpl\n\n\n@hookimpl\ndef omniforge_chose_test():\n    return []\n",
    )
    install(tmp_path, "usurper", "z_test", "usurper", "raise SystemExit\n")
    install(
        tmp_path,
        "noisy",
        "noisy",
        "noisy",
        "from omniforge_graph.plugin import hookimpl\n\n\n"
        "@hookimpl\ndef omniforge_experiment_changed(before, after):\n    raise RuntimeError('observer')\n",
    )
    install(
        tmp_path,
        "strict",
        "strict",
        "strict",
        "from omniforge_graph.plugin import hookimpl\n\n\n@hookimpl\ndef omniforge_check_experiment(experiment):\n"
        "    return ['name it properly'] if experiment.name == 'refused' else None\n",
    )
    install(
        tmp_path,
        "page",
        "page",
        "page",
        "from starlette.responses import PlainTextResponse\nfrom starlette.routing import Route\n"
        "from omniforge_graph.plugin import hookimpl\n\n\n@hookimpl\ndef omniforge_register_routes(settings):\n"
        "    return [Route('/page', lambda request: PlainTextResponse(str(settings.port)))]\n",
    )
    server = launch(new_database("sqlite"), "--disable-plugin", "even_split", PYTHONPATH=str(tmp_path))
    found = {(plugin["distribution"], plugin["name"]): plugin for plugin in server.data("Plugins")}
    assert "nothing_of_the_kind" in found["no-import", "no_import"]["error"]
    assert "omniforge_chose_test" in found["misspelt", "misspelt"]["error"]
    clash = found["usurper", "z_test"]["error"]
    assert "usurper" in clash
    assert "omniforge-graph" in clash
    assert found["omniforge-graph", "z_test"]["status"] == "LOADED"
    assert found["omniforge-graph", "even_split"]["status"] == "DISABLED"
    assert server.experiment()["status"] == "DRAFT"
    assert "noisy" in server.log.read_text()
    assert server.http.get("/page").text == server.url.rpartition(":")[2]
    prompt = server.prompt()
    variants = [
        {"name": f"v{n}", "promptVersionId": version, "trafficPercentage": 50}
        for n, version in enumerate(prompt["versions"])
    ]
    asked = {"promptId": prompt["id"], "successMetric": "won", "variants": variants}
    error = server.refuse("CreateExperiment", name="refused", **asked)
    assert (error["__typename"], error["reasons"]) == ("RefusedByPluginError", ["name it properly"])
    even = {"strategy": "even"}
    assert server.refuse("CreateExperiment", name="n", allocation=even, **asked)["code"] == "UNKNOWN_PLUGIN"
