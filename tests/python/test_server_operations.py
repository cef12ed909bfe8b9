# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Operation of a server: shutdown, restarts, reloads, full queues, tokens, logs and metrics."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor

import fractile
import pandas as pd
import pytest
from fractile import BacktestClient, BacktestService
from oracle.markets import make_panel
from prometheus_client.parser import text_string_to_metric_families
from support.raw_http import Answer, Connection, exchange, request
from support.server_market import (
    SEED,
    SLOWER,
    STREAM,
    assert_refusal,
    json_body,
    make_root,
    make_rows,
    to_ipc,
    to_records,
    to_table,
)
from support.server_process import ServerProcess, eventually, find_executable, free_port, serving, start_server

pytestmark = pytest.mark.alone

ROWS = make_rows()
GOOD = json_body(to_records(ROWS), mincos=2)
# Lags of a suite that takes seconds, with and without a sanitizer.
LONG = round(40 / SLOWER)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_root(tmp_path_factory.mktemp("operations") / "snapshots")


@pytest.fixture(scope="module")
def long_rows(demo_folder) -> bytes:
    """A part of the demo signal as Arrow: small to send, slow to run as a suite."""
    rows = pd.read_parquet(next((demo_folder / "snapshots").glob("*-signal.parquet")))
    return to_ipc(to_table(rows.head(400_000)), chunk=100_000)


def long_request(rows: bytes, number: int, n_lags: int = 4) -> bytes:
    """A suite that takes seconds; each `number` is another run."""
    lags = json.dumps(list(range(n_lags)))
    config = json.dumps({"mincos": 2 + number})
    query = urllib.parse.urlencode({"config": config, "lags": lags, "resid_modes": '["all", "industry"]'})
    return request(target=f"/suite?{query}", body=rows, content_type=STREAM)


class Sent:
    """A request that is completely sent and not yet answered."""

    def __init__(self, port: int, data: bytes) -> None:
        self.connection = Connection(port, 120)
        assert self.connection.send(data)

    def answer(self) -> Answer | None:
        with self.connection:
            return self.connection.read_answer()


def metrics(server: ServerProcess, headers: dict[str, str] | None = None) -> dict[str, float]:
    """Samples by name, summed over labels."""
    with urllib.request.urlopen(urllib.request.Request(server.url + "/metrics", headers=headers or {}), timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith(("text/plain", "application/openmetrics-text"))
        text = answer.read().decode()
    out: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"expected a # HELP of {family.name}"
        assert family.type != "unknown", f"expected a # TYPE of {family.name}"
        for sample in family.samples:
            if "le" not in sample.labels and "quantile" not in sample.labels:
                out[sample.name] = out.get(sample.name, 0) + sample.value
    return out


def server_faults(server: ServerProcess) -> list[str]:
    """The counts of answers with status 5xx."""
    with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
        return re.findall(r'fractile_requests_total\{status="5.*', answer.read().decode())


def demo_server(demo_folder, tmp_path, **server):
    return serving(tmp_path / "server", demo_folder / "snapshots", {"server": {"workers": 1, **server}})


def test_ten_runs_in_flight_are_answered_after_sigterm(demo_folder, long_rows, tmp_path):
    with demo_server(demo_folder, tmp_path, max_queue=32) as server:
        sent = [Sent(server.port, long_request(long_rows, k, 2 if k else LONG)) for k in range(10)]
        idle = Connection(server.port)
        assert eventually(lambda: metrics_total(server) >= 10, 30), "expected ten runs in flight"
        server.send_signal(signal.SIGTERM)
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(Sent.answer, sent))
        assert [answer and answer.status for answer in answers] == [200] * 10
        assert [len(answer.json()) for answer in answers] == [2 * LONG] + [4] * 9
        assert server.wait(60) == 0
        assert idle.is_closed(1)
        with pytest.raises(OSError):
            Connection(server.port, 1)


def metrics_total(server: ServerProcess) -> int:
    """Number of waiting and running runs in /stats."""
    return sum(in_flight(server.get("/stats")))


def in_flight(stats: dict) -> tuple[int, int]:
    """Numbers of waiting and of running runs: the whole numbers of the queue with these names."""
    queue = stats["queue"]
    waiting = [queue[name] for name in ("waiting", "queued", "depth", "length") if name in queue]
    running = [queue[name] for name in ("running", "active", "in_flight") if name in queue]
    assert waiting and running, f"expected the runs that wait and that are computed in /stats, found {queue}"
    return int(waiting[0]), int(running[0])


def test_a_second_sigterm_and_sigint_end_as_well(root, tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = start_server(tmp_path / str(number), root)
        server.send_signal(number)
        assert server.wait(20) == 0


def test_killed_and_started_again(root, tmp_path):
    """A client gets a ServerError while the server is down, and the same run afterwards."""
    server = start_server(tmp_path / "server", root)
    client = BacktestClient(server_url=server.url, timeout=20)
    want = client.run(ROWS, mincos=2)
    assert client.is_ready
    server.kill()
    assert not client.is_ready
    with pytest.raises(fractile.ServerError, match="fractile serve"):
        client.run(ROWS, mincos=2)
    with serving(tmp_path / "server", root, port=server.port) as again:
        assert client.is_ready
        got = client.run(ROWS, mincos=2)
        assert got.run_id == want.run_id
        assert got.to_dict()["daily"] == want.to_dict()["daily"]
        assert again.pid != server.pid


def test_killed_in_the_middle_of_a_run(demo_folder, long_rows, tmp_path):
    server = start_server(tmp_path / "server", demo_folder / "snapshots", {"server": {"workers": 1}})
    client = BacktestClient(server_url=server.url, timeout=60)
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(client.run_suite, long_rows, list(range(6)), ["all"], mincos=2)
        assert eventually(lambda: metrics_total(server) >= 1, 30)
        server.kill()
        with pytest.raises(fractile.ServerError):
            done.result(60)


def test_a_port_that_is_taken(root, tmp_path):
    with serving(tmp_path / "one", root) as server:
        command = [find_executable(), "serve", "--host", "127.0.0.1", "--port", str(server.port)]
        done = subprocess.run(
            command, env={"FRACTILE_SNAPSHOTS": str(root)}, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 1
        assert str(server.port) in done.stderr
        assert server.is_healthy()


@pytest.mark.parametrize(
    ("configuration", "word"),
    [
        ({"server": {"porrt": 1}}, "porrt"),
        ({"server": {"port": 70_000}}, "port"),
        ({"server": {"workers": 0}}, "workers"),
        ({"server": {"workers": "two"}}, "workers"),
        ({"server": {"max_body_mb": -1}}, "max_body_mb"),
        ({"server": {"max_queue": -1}}, "max_queue"),
        ({"server": {"request_timeout_s": 0}}, "request_timeout_s"),
        ({"server": {"token_file": "nowhere"}}, "nowhere"),
        ({"server": {"signal_dir": "nowhere"}}, "nowhere"),
        ({"server": {"cors_origins": 1}}, "cors_origins"),
        ({"memory": {"cache_size": "many"}}, "cache_size"),
        ({"memory": {"use_mmap": "perhaps"}}, "use_mmap"),
        ({"defaults": {"mincoss": 2}}, "mincoss"),
        ({"snapshot": "v9"}, "v9"),
        ({"date_range": {"start": "soon"}}, "start"),
        ({"nothing": {}}, "nothing"),
    ],
)
def test_a_configuration_that_is_refused(root, tmp_path, configuration, word):
    """The server refuses before it answers requests, with a message and exit status 1 or 2."""
    import yaml

    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(configuration))
    command = [find_executable(), "serve", "--port", str(free_port()), "--config", str(path)]
    environment = {"FRACTILE_SNAPSHOTS": str(root)}
    if configuration.get("server", {}).get("port"):
        del command[2:4]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (1, 2), done.stderr
    assert word in done.stderr


def test_no_snapshots(tmp_path):
    command = [find_executable(), "serve", "--port", str(free_port())]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "No snapshots found in" in done.stderr


def test_health_command(root, tmp_path):
    def health(url: str) -> int:
        return subprocess.run([find_executable(), "health", url], capture_output=True, timeout=30, check=False).returncode

    with serving(tmp_path / "server", root) as server:
        assert health(server.url) == 0
        assert health(f"http://127.0.0.1:{free_port()}") == 1
        assert health(server.url + "/nowhere") in (0, 1, 2)
    assert health(server.url) == 1


def test_token(root, tmp_path):
    """Without the token only /health answers, and no answer shows how near a guess was."""
    (tmp_path / "token").write_text("s3cret-token\n")
    with serving(tmp_path / "server", root, {"server": {"token_file": str(tmp_path / "token")}}) as server:
        wrong = [{}, *({"Authorization": text} for text in (
            "Bearer", "Bearer ", "Bearer s3cret", "Bearer s3cret-tokenx", "Bearer S3CRET-TOKEN", "s3cret-token", "Basic czNjcmV0LXRva2Vu",
            "Bearer s3cret-token\x00", "Bearer  ,s3cret-token",
        ))]  # fmt: skip
        for target, body in (("/run", GOOD), ("/suite", GOOD), ("/run", b"{")):
            for headers in wrong:
                answer = exchange(server.port, request(target=target, body=body, headers=headers))
                if "\x00" in headers.get("Authorization", "") and (answer is None or answer.status == 400):
                    continue
                assert_refusal(answer, (401,), "s3cret")
                assert answer.headers["www-authenticate"].startswith("Bearer")
        for headers in wrong[:2]:
            assert exchange(server.port, request("GET", "/stats", headers=headers)).status == 401
        right = {"Authorization": "Bearer s3cret-token"}
        assert exchange(server.port, request(body=GOOD, headers=right)).status == 200
        assert exchange(server.port, request("GET", "/stats", headers=right)).status == 200
        assert exchange(server.port, request("GET", "/health")).status == 200
        assert BacktestClient(server_url=server.url, token="s3cret-token").run(ROWS, mincos=2).sharpe is not None
        with pytest.raises(fractile.ServerError) as error:
            BacktestClient(server_url=server.url, token="other").run(ROWS, mincos=2)
        assert "s3cret" not in str(error.value)
        # The server does not read a large body of a client without the token.
        with Connection(server.port) as connection:
            connection.send(request(body=b"", headers={"Content-Length": str(50 << 20)}))
            assert_refusal(connection.read_answer(), (401,))
        assert "s3cret" not in server.log()


def test_sighup_takes_the_newest_snapshot(tmp_path):
    """Runs go on while another snapshot is loaded; each uses the old or the new snapshot, none fails."""
    root = make_root(tmp_path / "snapshots")
    wants = {"small": BacktestService.get("small", root=root).run(ROWS, mincos=2, byvar_list=["overall"]).run_id}
    with serving(tmp_path / "server", root, {"server": {"workers": 2}}) as server:
        client = BacktestClient(server_url=server.url, timeout=30)
        stop, seen, failures = threading.Event(), [], []

        def keep_running() -> None:
            while not stop.is_set():
                try:
                    result = client.run(ROWS, mincos=2, byvar_list=["overall"])
                    seen.append(result.config and result.run_id)
                except fractile.FractileError as error:
                    failures.append(error)

        threads = [threading.Thread(target=keep_running) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(seen) > 5)
        # The snapshot that was made last is the newest.
        fractile.create_snapshot("tiny", make_panel(SEED + 1), root=root, dtype="both")
        wants["tiny"] = BacktestService.get("tiny", root=root).run(ROWS, mincos=2, byvar_list=["overall"]).run_id
        assert server.get("/health")["snapshot"] == "small"
        server.send_signal(signal.SIGHUP)
        assert eventually(lambda: server.get("/health")["snapshot"] == "tiny", 20)
        count = len(seen)
        assert eventually(lambda: len(seen) > count + 10)
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert set(seen) == set(wants.values())
        assert seen[-1] == wants["tiny"]
        assert eventually(lambda: "/small/" not in server.maps(), 10), "expected the old snapshot to be released"
        # A broken newer snapshot is refused; the server retains the loaded one.
        broken = root / "zzz"
        broken.mkdir()
        (broken / "manifest.json").write_text("{")
        server.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert server.get("/health")["snapshot"] == "tiny"
        assert client.run(ROWS, mincos=2, byvar_list=["overall"]).run_id == wants["tiny"]


def test_sighup_in_the_middle_of_a_load_is_not_lost(tmp_path):
    """A snapshot that appears during a load is loaded after the SIGHUP that announces it."""
    root, aside = make_root(tmp_path / "snapshots"), tmp_path / "aside"
    chooser = random.Random(1)
    names = [f"v{k:02}" for k in range(60)]
    for name in names:
        fractile.create_snapshot(name, make_panel(SEED), root=aside)
    with serving(tmp_path / "server", root) as server:
        for name in names:
            server.send_signal(signal.SIGHUP)
            time.sleep(chooser.random() * 2e-3)
            (aside / name).rename(root / name)
            server.send_signal(signal.SIGHUP)
            assert eventually(lambda: server.get("/health")["snapshot"] == name, 5), f"expected {name} to be loaded"  # noqa: B023


def test_a_full_queue_says_when_to_come_again(demo_folder, long_rows, tmp_path):
    with demo_server(demo_folder, tmp_path, max_queue=1) as server:
        sent = [Sent(server.port, long_request(long_rows, k, 10)) for k in range(6)]
        with ThreadPoolExecutor(6) as threads:
            futures: list[Future] = [threads.submit(one.answer) for one in sent]
            began = time.monotonic()
            assert server.is_healthy()
            assert time.monotonic() - began < 2
            answers = [future.result() for future in futures]
        refused = [answer for answer in answers if answer.status != 200]
        assert refused, "expected a full queue"
        assert len(refused) < 6, "expected some runs"
        for answer in refused:
            assert_refusal(answer, (429, 503))
            assert int(answer.headers["retry-after"]) >= 1
        # The client waits and retries.
        with ThreadPoolExecutor(4) as threads:
            client = BacktestClient(server_url=server.url, timeout=100)
            futures = [threads.submit(client.run, long_rows, mincos=30 + k, resid="all") for k in range(4)]
            assert len({future.result().run_id for future in futures}) == 4


def test_a_client_that_leaves_frees_its_run(demo_folder, long_rows, tmp_path):
    with demo_server(demo_folder, tmp_path, max_queue=8) as server:
        began = time.monotonic()
        assert Sent(server.port, long_request(long_rows, 0, 30)).answer().status == 200
        whole = time.monotonic() - began
        leaving = [Sent(server.port, long_request(long_rows, k, 30)) for k in range(1, 5)]
        assert eventually(lambda: metrics_total(server) >= 4, 30)
        cpu = server.cpu_seconds()
        for one in leaving:
            one.connection.socket.close()
        assert eventually(lambda: metrics_total(server) == 0, max(whole, 2) * SLOWER), (
            f"expected no run of clients that left, found {server.get('/stats')['queue']}"
        )
        assert server.cpu_seconds() - cpu < 4 * whole
        began = time.monotonic()
        assert Sent(server.port, long_request(long_rows, 9, 1)).answer().status == 200
        assert time.monotonic() - began < 2 * whole


def test_a_client_that_leaves_is_no_fault_of_the_server(demo_folder, long_rows, tmp_path):
    """The server sends no timeout error to a client that has disconnected, and neither logs nor counts a 5xx."""
    with demo_server(demo_folder, tmp_path) as server:
        faults = server_faults(server)  # /health says 503 until the snapshot is loaded
        half, gone = (Sent(server.port, long_request(long_rows, k, 30)) for k in range(2))
        assert eventually(lambda: metrics_total(server) >= 2, 30)
        half.connection.finish_sending()
        gone.connection.socket.close()
        with half.connection:
            assert half.connection.is_closed(30 * SLOWER), "expected a closed connection without a word"
        assert eventually(lambda: [r["status"] for r in server.log_records() if r.get("path") == "/suite"] == [499, 499], 30)
        assert server_faults(server) == faults


def test_identical_requests_share_one_run(demo_folder, long_rows, tmp_path):
    with demo_server(demo_folder, tmp_path, max_queue=32) as server:
        first = Sent(server.port, long_request(long_rows, 1, LONG))
        assert eventually(lambda: metrics_total(server) >= 1, 30)
        before = server.get("/stats")["run_count"]
        config = urllib.parse.quote(json.dumps({"mincos": 3, "resid": "all"}))
        same = request(target=f"/run?config={config}", body=long_rows, content_type=STREAM)
        sent = [Sent(server.port, same) for _ in range(6)]
        answers = [one.answer() for one in sent]
        assert first.answer().status == 200
        assert [answer.status for answer in answers] == [200] * 6
        assert len({answer.json()["run_id"] for answer in answers}) == 1
        bodies = [{k: v for k, v in answer.json().items() if k not in ("elapsed_seconds", "timings")} for answer in answers]
        assert all(body == bodies[0] for body in bodies)
        shared = [value for name, value in metrics(server).items() if "shared" in name or "coalesced" in name or "joined" in name]
        assert sum(shared) >= 1 or server.get("/stats")["run_count"] - before < 20 + 6, "expected requests that shared a run"


def test_a_timeout_of_a_run(demo_folder, long_rows, tmp_path):
    """A run that takes longer than request_timeout_s ends with an answer and frees its worker."""
    with demo_server(demo_folder, tmp_path, max_queue=8, request_timeout_s=0.1) as server:
        answer = Sent(server.port, long_request(long_rows, 0, 200)).answer()
        assert_refusal(answer, (503,))
        assert eventually(lambda: metrics_total(server) == 0, 10)
        assert exchange(server.port, request("GET", "/health")).status == 200


def test_cors(root, tmp_path):
    origins = ["https://a.example", "http://localhost:3000"]
    with serving(tmp_path / "server", root, {"server": {"cors_origins": origins}}) as server:
        for origin in origins:
            answer = exchange(server.port, request(body=GOOD, headers={"Origin": origin}))
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert "origin" in answer.headers["vary"].lower()
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            preflight = exchange(server.port, request("OPTIONS", "/run", headers=asked))
            assert preflight.status in (200, 204)
            assert preflight.headers["access-control-allow-origin"] == origin
            assert "POST" in preflight.headers["access-control-allow-methods"]
            allowed = preflight.headers["access-control-allow-headers"].lower()
            assert all(name in allowed for name in ("content-type", "authorization"))
            refused = exchange(server.port, request(body=b"{", headers={"Origin": origin}))
            assert refused.headers["access-control-allow-origin"] == origin, "expected a page to be able to read the refusal"
        for origin in ("https://b.example", "null", "https://a.example.evil", "https://A.example.", "*", "https://a.example:444"):
            answer = exchange(server.port, request(body=GOOD, headers={"Origin": origin}))
            assert "access-control-allow-origin" not in answer.headers
    with serving(tmp_path / "none", root) as server:
        answer = exchange(server.port, request("GET", "/health", headers={"Origin": origins[0]}))
        assert "access-control-allow-origin" not in answer.headers


def test_request_ids_are_in_the_log(root, tmp_path):
    """Every line of the log is JSON; each request has one with its id, path, status and seconds."""
    with serving(tmp_path / "server", root) as server:
        plain = exchange(server.port, request("GET", "/stats"))
        own = exchange(server.port, request(body=GOOD, headers={"X-Request-Id": "my-id-123"}))
        bad = exchange(server.port, request(body=b"{", headers={"X-Request-Id": "bad-id-456"}))
        assert own.headers["x-request-id"] == "my-id-123"
        assert bad.headers["x-request-id"] == "bad-id-456"
        ids = {plain.headers["x-request-id"]: ("/stats", 200), "my-id-123": ("/run", 200), "bad-id-456": ("/run", 400)}

        def logged() -> dict:
            return {value: record for record in server.log_records() for value in map(str, record.values()) if value in ids}

        assert eventually(lambda: logged().keys() == ids.keys(), 5), server.log()
        for number, (path, status) in ids.items():
            values = list(logged()[number].values())
            assert path in values, logged()[number]
            assert status in values, logged()[number]
        assert str(server.folder.parent) not in json.dumps(logged())


def test_metrics(root, tmp_path):
    with serving(tmp_path / "server", root) as server:
        before = metrics(server)
        for _ in range(3):
            assert exchange(server.port, request(body=GOOD)).status == 200
        assert exchange(server.port, request(body=b"{")).status == 400
        exchange(server.port, request("GET", "/nowhere/" + "x" * 50))
        after = metrics(server)
        assert all(name.startswith(("fractile_", "process_")) for name in after), sorted(after)
        grown = {name for name in after if after[name] > before.get(name, 0)}
        assert any("request" in name for name in grown), grown
        assert any("run" in name for name in grown), grown
        assert not [name for name in before if name.endswith("_total") and after.get(name, 0) < before[name]]
        # Unknown paths make no labels.
        with urllib.request.urlopen(server.url + "/metrics") as answer:
            assert b"xxxxx" not in answer.read()


def test_stats_and_health(root, tmp_path):
    with serving(tmp_path / "server", root) as server:
        service = BacktestService.get("small", root=root)
        before = server.get("/stats")
        for _ in range(2):
            exchange(server.port, request(body=GOOD))
        stats = server.get("/stats")
        assert stats["run_count"] == before["run_count"] + 2
        assert stats["snapshot"] == "small" and stats["is_ready"] is True
        assert stats["master_rows"] == service.stats()["master_rows"]
        assert stats["dates_count"] == service.stats()["dates_count"]
        assert stats["load_time_seconds"] > 0 and stats["uptime_seconds"] > 0
        assert isinstance(stats["memory"], dict)
        assert isinstance(stats["queue"], dict)
        assert any("latency" in name for name in stats)
        health = server.get("/health")
        assert health["status"] == "ok" and health["snapshot"] == "small" and health["is_ready"] is True
        assert health["version"] == fractile.__version__
        client = BacktestClient("small", server_url=server.url)
        assert client.stats()["snapshot"] == "small"


def test_openapi_and_docs(root, tmp_path):
    with serving(tmp_path / "server", root) as server:
        schema = server.get("/openapi.json")
        assert schema["openapi"].startswith("3.1")
        assert {"/health", "/stats", "/run", "/suite"} <= schema["paths"].keys()
        page = exchange(server.port, request("GET", "/docs"))
        assert page.status == 200
        assert page.headers["content-type"].startswith("text/html")
        # The page works without internet.
        for outside in (b'src="http', b'src="//', b'href="http://', b"cdn."):
            assert outside not in page.body


def test_many_at_once(root, tmp_path):
    """Sixteen persistent connections, each with its own runs: every answer belongs to its request."""
    wants = {}
    service = BacktestService.get("small", root=root)
    for mincos in range(2, 10):
        wants[mincos] = service.run(ROWS, mincos=mincos, byvar_list=["overall"]).run_id

    def work(number: int) -> None:
        with Connection(server.port) as connection:
            for k in range(40):
                mincos = 2 + (number + k) % 8
                body = json_body(to_records(ROWS), mincos=mincos, byvar_list=["overall"])
                connection.send(request(body=body).replace(b"Connection: close\r\n", b""))
                answer = connection.read_answer()
                while answer.status in (429, 503):
                    time.sleep(0.05)
                    connection.send(request(body=body).replace(b"Connection: close\r\n", b""))
                    answer = connection.read_answer()
                assert answer.status == 200, answer.body[:300]
                assert answer.json()["run_id"] == wants[mincos]

    with serving(tmp_path / "server", root, {"server": {"workers": 2}}) as server, ThreadPoolExecutor(16) as threads:
        for future in [threads.submit(work, number) for number in range(16)]:
            future.result()
        with contextlib.closing(Connection(server.port).socket):
            assert server.is_healthy()
