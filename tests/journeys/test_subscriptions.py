"""`experimentChanged` over WebSocket: the present first, then each change once and in order."""

import concurrent.futures

import pytest

pytestmark = pytest.mark.journey


def test_the_present_first_then_each_change(server) -> None:
    experiment = server.experiment(start=False)
    with server.subscription(experiment["id"]) as receive:
        events = [receive()]
        server.do("StartExperiment", experimentId=experiment["id"])
        server.do("StopExperiment", experimentId=experiment["id"])
        server.do("CancelExperiment", experimentId=experiment["id"])
        events += [receive() for _ in range(3)]
    assert [(event["sequence"], event["experiment"]["status"]) for event in events] == [
        (1, "DRAFT"),
        (2, "RUNNING"),
        (3, "PAUSED"),
        (4, "CANCELLED"),
    ]


def test_many_subscribers_see_the_same(server) -> None:
    experiment = server.experiment(start=False)

    def follow() -> list[str]:
        with server.subscription(experiment["id"]) as receive:
            seen = [receive()["experiment"]["status"]]
            ready.append(1)
            while len(seen) < 3:
                seen.append(receive()["experiment"]["status"])
            return seen

    ready: list[int] = []
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        followers = [pool.submit(follow) for _ in range(10)]
        while len(ready) < 10 and not any(f.done() for f in followers):
            pass
        server.do("StartExperiment", experimentId=experiment["id"])
        server.do("StopExperiment", experimentId=experiment["id"])
        assert [f.result(20) for f in followers] == [["DRAFT", "RUNNING", "PAUSED"]] * 10


def test_an_unknown_experiment_is_an_error(sqlite_server) -> None:
    with (
        pytest.raises(AssertionError, match="EXPERIMENT_NOT_FOUND"),
        sqlite_server.subscription("exp_nope") as receive,
    ):
        receive()


def test_two_servers_on_one_database_see_each_others_changes(server, launch) -> None:
    second = launch(server.database_url, "--refresh-interval", "0.1")
    experiment = server.experiment(start=False)
    with second.subscription(experiment["id"]) as receive:
        assert receive()["experiment"]["status"] == "DRAFT"
        server.do("StartExperiment", experimentId=experiment["id"])
        server.do("StopExperiment", experimentId=experiment["id"])
        assert [receive()["experiment"]["status"] for _ in range(2)] == ["RUNNING", "PAUSED"]
