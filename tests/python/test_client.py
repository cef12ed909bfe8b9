# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The client in process and over HTTP, quick_backtest, and the configuration file."""

from __future__ import annotations

import http.server
import json
import os
import pickle
import subprocess
import sys
import threading
import urllib.parse

import fractile
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal

from api import BacktestClient, BacktestService, ServiceConfig, quick_backtest

pa = pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    fractile.create_snapshot("bare", make_panel(7)[["security_id", "date", "ret"]], root=folder)
    fractile.create_snapshot("v1", make_panel(7), root=folder)
    return folder


@pytest.fixture(scope="module")
def rows():
    return make_signal(make_panel(7), 7, messy=False)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """An empty folder, without environment variables of fractile."""
    monkeypatch.chdir(tmp_path)
    for name in ("FRACTILE_SNAPSHOTS", "FRACTILE_SNAPSHOT", "FRACTILE_CONFIG", "FRACTILE_DEFAULTS_LAG"):
        monkeypatch.delenv(name, raising=False)


# In process -----------------------------------------------------------------------------------------------------------


def test_an_address_in_place_of_a_snapshot_is_refused_with_the_right_argument():
    with pytest.raises(fractile.SnapshotError, match=r'^INVALID_SNAPSHOT_ID.*Pass it as server_url="http://localhost:8000"'):
        BacktestClient("http://localhost:8000")


def test_client_is_the_service_with_default_groups(root, rows):
    client = BacktestClient("v1", root=root)
    assert client.is_ready
    assert client.stats()["snapshot"] == "v1"
    result = client.run(rows, mincos=2)
    assert list(result.summary["byvar"].unique()) == ["overall", "year", "cap"]
    service = BacktestService.get("v1", root=root)
    assert result.run_id == service.run(rows, mincos=2, byvar_list=["overall", "year", "cap"]).run_id
    assert client.run(rows, mincos=2, byvar_list=["overall"]).run_id == service.run(rows, mincos=2).run_id


def test_a_default_group_that_is_not_there_is_left_out_but_one_asked_for_is_refused(root, rows):
    client = BacktestClient("bare", root=root)
    assert client.run(rows, mincos=2).config["byvar_list"] == ["overall", "year"]
    with pytest.raises(fractile.ConfigError, match='"cap"'):
        client.run(rows, byvar_list=["overall", "cap"])


def test_suite_batch_and_compare(root, rows):
    client = BacktestClient(root=root)
    suite = client.run_suite(rows, lags=[0, 1], resid_modes=["off", "industry"], mincos=2)
    assert list(suite) == ["lag0_residoff", "lag0_residindustry", "lag1_residoff", "lag1_residindustry"]
    assert suite["lag1_residindustry"].run_id == client.run(rows, lag=1, resid="industry", mincos=2).run_id
    minus = rows.assign(signal=-rows["signal"])
    batch = client.batch([rows, minus, rows.drop(columns="signal")], mincos=2)
    assert isinstance(batch[2], fractile.SignalError)
    table = client.compare({"plus": rows, "minus": minus}, mincos=2)
    assert list(table.columns) == ["signal", "sharpe", "annual_return", "max_drawdown", "turnover"]
    assert list(table["signal"]) == ["plus", "minus"]
    assert list(table["sharpe"]) == [batch[0].sharpe, batch[1].sharpe]
    with pytest.raises(fractile.SignalError):
        client.compare({"plus": rows, "bad": rows.drop(columns="signal")})
    with pytest.raises(fractile.ConfigError, match=r"lags=\[1\]"):
        BacktestService.get("v1", root=root).run_suite(rows, lag=1)


def test_quick_backtest_takes_both_kinds_of_options(root, rows):
    result = quick_backtest(rows, root=root, snapshot="v1", mincos=2, lag=1)
    assert result.snapshot == "v1"
    assert result.config["lag"] == 1
    with pytest.raises(fractile.ConfigError, match='"mincos"'):
        quick_backtest(rows, root=root, mincoss=2)


def test_an_unknown_argument_names_the_nearest(root):
    with pytest.raises(fractile.ConfigError, match='Did you mean "compact"'):
        BacktestClient("v1", root=root, compat=False)


# Configuration --------------------------------------------------------------------------------------------------------


def test_precedence_is_argument_environment_file_default(root, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("FRACTILE_SNAPSHOTS", str(root))
    path = tmp_path / "api" / "backtest_config.yaml"
    path.parent.mkdir()
    path.write_text(
        "snapshot: bare\nmemory: {compact: yes}\ndate_range:\n  start: 2020-01-10\n"
        "defaults:\n  lag: 1\n  mincos: 2\n  resid: off\n  byvar_list: [overall, month, cap]\n  upper_pct: '90'\n"
    )
    with pytest.raises(fractile.ConfigError, match="upper_pct"):  # a quoted number is a text
        BacktestClient().run(rows)
    path.write_text(path.read_text().replace("'90'", "90"))
    client = BacktestClient()
    assert client.stats()["snapshot"] == "bare"
    config = client.run(rows).config
    assert (config["lag"], config["mincos"], config["resid"], config["upper_pct"]) == (1, 2, "off", 90)
    assert config["byvar_list"] == ["overall", "month"]
    monkeypatch.setenv("FRACTILE_DEFAULTS_LAG", "2")
    monkeypatch.setenv("FRACTILE_SNAPSHOT", "v1")
    assert BacktestClient().run(rows).config["lag"] == 2
    assert BacktestClient().run(rows, lag=3).config["lag"] == 3
    assert BacktestClient("bare").stats()["snapshot"] == "bare"
    assert ServiceConfig.load() == ServiceConfig("v1", "2020-01-10")
    assert ServiceConfig.load(start_date="2020-01-15").start_date == "2020-01-15"
    other = tmp_path / "other.yaml"
    other.write_text("defaults:\n  lag: 7\n")
    monkeypatch.setenv("FRACTILE_CONFIG", str(other))
    monkeypatch.delenv("FRACTILE_DEFAULTS_LAG")
    assert BacktestClient().run(rows, mincos=2).config["lag"] == 7


def test_the_command_line_reads_the_file_alike(root, rows, tmp_path, executable):
    rows.to_parquet(tmp_path / "s.parquet", index=False)
    path = tmp_path / "c.yaml"
    path.write_text(
        "snapshot: v1\ndefaults:\n  lag: 1\n  mincos: 2\n  resid: off\n  drift: True\n  tc_level: {big: 1.5, small: 7}\n"
        "  fractile: [20, 8e1]\n  universe:\n    cap: [1, 2]\n    adv: {min: 1000.0}\n  byvar_list: [overall, 'month']\n"
        '  double_var:\n  weight: "value"\n'
    )
    command = [executable, "run", "s.parquet", "--root", str(root), "--config", str(path), "--format", "json"]
    body = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout)
    from fractile.config import read_configuration

    client = BacktestService.get("v1", root=root)
    result = client.run(rows, **read_configuration(path).defaults)
    assert result.config == body["config"]
    assert result.run_id == body["run_id"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("snapshot: v1\nserver:\n  prot: 1\n", ["line 3", 'did you mean "port"']),
        ("snapshto: v1\n", ["line 1", 'did you mean "snapshot"']),
        ("defaults:\n  lag: 1\n  mincoss: 1\n", ["line 3", 'did you mean "mincos"']),
        ("defaults: 3\n", ["line 1", '"defaults"']),
        ("- a\n", ["line 1", "sections"]),
        ("memory:\n  compact: maybe\n", ["line 2", "true or false", "maybe"]),
        ("memory:\n  use_mmap: 2\n", ["line 2", "true or false for use_mmap", '"2"']),
        ("memory:\n  compact: no\n  preload: [yes]\n", ["line 3", "true or false for preload"]),
        ("memory:\n  cache_size: -1\n", ["line 2", "a whole number from 0", '"-1"']),
        ("memory:\n  cache_size: 1.5\n", ["line 2", "a whole number from 0", '"1.5"']),
        ("snapshot: [\n", ["YAML", "line 2"]),
        ("defaults:\n  lag: 1\n  lag: 2\n", ["line 3", 'each key once, found "lag" twice']),
        ("memory:\n  compact: no\nmemory:\n  preload: no\n", ["line 3", 'found "memory" twice']),
        ("defaults:\n  universe: {cap: [1], cap: [2]}\n", ["line 2", 'found "cap" twice']),
        (b"# first\nsnapshot: \xff\xfe\n", ["line", "UTF-8"]),
        (None, ["nowhere.yaml"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / ("c.yaml" if text is not None else "nowhere.yaml")
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(fractile.ConfigError) as error:
        ServiceConfig.load(path)
    assert error.value.code == "INVALID_CONFIG_FILE"
    for word in [*words, str(path)]:
        assert word in str(error.value)


def test_files_that_bite_their_tail_are_refused(root, tmp_path, executable):
    """Aliases that contain themselves, aliases that multiply, and depth: Python and the command line refuse with one message."""
    tenfold = "".join(f", &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))
    texts = {
        "defaults:\n  byvar_list: &a [overall, *a]\n": "values of at most 16 levels, found more",
        "defaults: &d\n  universe: {cap: *d}\n": "values of at most 16 levels, found more",
        f"defaults:\n  byvar_list: [&a0 [{', '.join(['1'] * 10)}]{tenfold}]\n": "at most 10000 values, found more",
        f"defaults:\n  byvar_list: {'[' * 18}{']' * 18}\n": "values of at most 16 levels, found more",
        "defaults:\n  universe: {[cap]: 1}\n": "one text for a key, found a list or map",
        "date_range:\n  start: &s [*s]\n": "one text for start, found a list or map",
        "snapshot: &s {a: *s}\n": "one text for snapshot, found a list or map",
        "{[snapshot]: v1}\n": "one text for a key, found a list or map",
    }
    for text, words in texts.items():
        path = tmp_path / "c.yaml"
        path.write_text(text)
        with pytest.raises(fractile.ConfigError) as error:
            ServiceConfig.load(path)
        assert words in str(error.value)
        command = [executable, "run", "none.parquet", "--root", root, "--config", path]
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (refused.returncode, refused.stderr.strip()) == (2, str(error.value)), text
    path.write_text("defaults:\n  byvar_list: " + "[" * 5000 + "\n")
    with pytest.raises(fractile.ConfigError, match="INVALID_CONFIG_FILE"):
        ServiceConfig.load(path)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_where_columns_are_read_from_is_configured(root, rows, tmp_path, monkeypatch, executable):
    path = tmp_path / "c.yaml"
    path.write_text("memory:\n  use_mmap: no\n  preload: true\n  cache_size: 3\n  compact:\n")
    loaded = ServiceConfig.load(path)
    assert (loaded.use_mmap, loaded.preload, loaded.cache_size, loaded.compact) == (False, True, 3, True)
    monkeypatch.setenv("FRACTILE_MEMORY_USE_MMAP", "1")
    monkeypatch.setenv("FRACTILE_MEMORY_PRELOAD", "off_and_on")
    with pytest.raises(fractile.ConfigError, match=r"true or false for preload.*FRACTILE_MEMORY_PRELOAD"):
        ServiceConfig.load(path)
    rows.to_parquet(tmp_path / "s.parquet", index=False)
    command = [executable, "run", tmp_path / "s.parquet", "--root", root, "--config", path, "--mincos", "2"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "true or false for preload" in refused.stderr
    monkeypatch.delenv("FRACTILE_MEMORY_PRELOAD")
    assert ServiceConfig.load(path).use_mmap
    assert ServiceConfig.load(path, use_mmap=False).use_mmap is False
    monkeypatch.setenv("FRACTILE_MEMORY_USE_MMAP", "false")
    subprocess.run(command, capture_output=True, check=True)


def test_the_file_needs_no_yaml_package_and_a_variable_is_utf8(tmp_path):
    (tmp_path / "c.yaml").write_text("snapshot: v7\n")
    code = "import sys; sys.modules['yaml'] = None; import fractile; print(fractile.ServiceConfig.load('c.yaml').snapshot)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout == b"v7\n"
    environment = {**os.environb, b"FRACTILE_SNAPSHOT": b"\xff"}
    refused = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=environment)
    assert b"INVALID_CONFIG_FILE: expected text in UTF-8, found other bytes in FRACTILE_SNAPSHOT" in refused.stderr


def test_an_empty_file_says_nothing(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing\ndefaults:\n")
    assert ServiceConfig.load(tmp_path / "c.yaml") == ServiceConfig()


# Over HTTP ------------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    """A server with the endpoints that a client needs, over a service of this process."""

    service: BacktestService
    busy = 0  # requests to turn away first
    seen: list[tuple[str, str | None]] = []

    def answer(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        stats = {"is_ready": True, "snapshot": "v1"} if self.path == "/health" else self.service.stats()
        self.answer(200, json.dumps(stats))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Handler.seen.append((self.headers["Content-Type"], self.headers["Authorization"]))
        if Handler.busy:
            Handler.busy -= 1
            return self.answer(503, "{}", Retry_After="0")
        url = urllib.parse.urlsplit(self.path)
        query = {name: json.loads(text) if name != "orient" else text for name, text in urllib.parse.parse_qsl(url.query)}
        signal = pd.read_csv(pa.BufferReader(body)) if self.headers["Content-Type"] == "text/csv" else body
        try:
            if url.path == "/run":
                return self.answer(200, self.service.run(signal, **query["config"]).to_json(query["orient"]))
            suite = self.service.run_suite(signal, query["lags"], query["resid_modes"], **query["config"])
            texts = [f"{json.dumps(name)}: {result.to_json(query['orient'])}" for name, result in suite.items()]
            return self.answer(200, "{" + ", ".join(texts) + "}")
        except fractile.FractileError as error:
            return self.answer(422, json.dumps({"error": {"code": error.code, "message": str(error)}, "detail": str(error)}))

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def url(root):
    Handler.service = BacktestService.get("v1", root=root)
    Handler.seen = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_gives_the_same_result(url, root, rows, tmp_path):
    want = BacktestService.get("v1", root=root).run(rows, mincos=2, analysis=["ic"], keep_weights=True)
    client = BacktestClient(server_url=url, snapshot="v1", token="secret")
    assert client.is_ready
    assert client.stats()["snapshot"] == "v1"
    rows.to_csv(tmp_path / "s.csv", index=False)
    rows.to_parquet(tmp_path / "s.parquet", index=False)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    pl = pytest.importorskip("polars")
    forms = [rows, rows.set_index(["date_sig", "security_id"]), pl.from_pandas(rows), table, table.to_batches()[0]]
    forms += [
        {name: rows[name].to_numpy() for name in rows},
        tmp_path / "s.csv",
        tmp_path / "s.parquet",
        sink.getvalue().to_pybytes(),
    ]
    for form in forms:
        got = client.run(form, mincos=2, analysis=["ic"], keep_weights=True)
        assert got.run_id == want.run_id
        for name in ("summary", "daily", "ic", "ic_summary", "weights"):
            pd.testing.assert_frame_equal(getattr(got, name), getattr(want, name), check_exact=True)
    assert {kind for kind, _ in Handler.seen} == {
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.arrow.file",
        "text/csv",
    }
    assert {token for _, token in Handler.seen} == {"Bearer secret"}
    assert pickle.loads(pickle.dumps(got)).run_id == want.run_id


def test_suite_batch_and_compare_on_a_server(url, root, rows):
    client, local = BacktestClient(server_url=url), BacktestService.get("v1", root=root)
    suite = client.run_suite(rows, lags=[0, 1], resid_modes=["off", "all"], mincos=2)
    assert {k: r.run_id for k, r in suite.items()} == {
        k: r.run_id for k, r in local.run_suite(rows, [0, 1], ["off", "all"], mincos=2).items()
    }
    wide = rows.assign(a=rows["signal"], b=-rows["signal"])
    batch = client.batch(wide, sigvars=["a", "b"], mincos=2)
    assert {k: r.run_id for k, r in batch.items()} == {k: local.run(wide, k, mincos=2).run_id for k in ("a", "b")}
    mixed = client.batch([rows, rows.drop(columns="signal")], mincos=2)
    assert isinstance(mixed[1], fractile.SignalError)
    assert len(client.compare({"a": rows}, mincos=2)) == 1


def test_errors_of_a_server_are_the_errors_of_a_service(url, rows):
    pl = pytest.importorskip("polars")
    client = BacktestClient(server_url=url)
    with pytest.raises(fractile.ConfigError, match='Did you mean "value"') as error:
        client.run(rows, weight="vlaue")
    assert error.value.code == "INVALID_VALUE"
    with pytest.raises(fractile.SignalError, match="UNKNOWN_COLUMN"):
        client.run(rows.drop(columns="signal"))
    with pytest.raises(fractile.SignalError, match="collect"):
        client.run(pl.from_pandas(rows).lazy())
    with pytest.raises(fractile.SignalError, match=r"no\.csv"):
        client.run("no.csv")
    with pytest.raises(fractile.ConfigError, match='found "v1"'):
        BacktestClient("other", server_url=url)
    with pytest.raises(fractile.ConfigError, match="start_date"):
        BacktestClient(server_url=url, start_date="2020-01-01")


def test_a_full_server_is_asked_again(url, rows):
    Handler.busy = 2
    assert BacktestClient(server_url=url).run(rows, mincos=2).sharpe == BacktestClient(server_url=url).run(rows, mincos=2).sharpe
    assert len(Handler.seen) == 4


def test_without_a_server_the_error_says_what_to_type(rows):
    client = BacktestClient(server_url="http://127.0.0.1:9", timeout=2)
    assert not client.is_ready
    with pytest.raises(fractile.ServerError, match="fractile serve") as error:
        client.run(rows)
    assert error.value.code == "SERVER_UNREACHABLE"
    with pytest.raises(fractile.ServerError):
        client.batch([rows])
    with pytest.raises(fractile.ConfigError, match="server_url"):
        BacktestClient(server_url="localhost:8000")


def test_a_page_of_something_else_is_no_answer(rows, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(fractile.ServerError, match="status 501") as error:
            BacktestClient(server_url=f"http://127.0.0.1:{server.server_port}").run(rows)
        server.shutdown()
    assert error.value.code == "SERVER_ANSWER"


def test_import_loads_nothing_optional():
    code = "import sys, fractile, api; print([m for m in ('polars', 'duckdb', 'matplotlib', 'yaml', 'tqdm') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
