# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The server for agents, driven by the official client of the protocol over stdio and HTTP."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import datetime as dt
import json
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import fractile
import jsonschema
import pandas as pd
import psutil
import pytest
from fractile.mcp.limits import Limits
from fractile.mcp.tools import Toolbox
from mcp import Client, StdioServerParameters
from oracle.markets import make_panel
from support.server_market import SEED, SNAPSHOT, make_root, make_rows, to_ipc, to_table

HOLDOUT = "2020-02-03"
CONFIG = {"mincos": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = make_root(tmp_path_factory.mktemp("mcp"))
    signals = root / "signals"
    signals.mkdir()
    make_rows().to_parquet(signals / "good.parquet")
    (root / "outside.csv").write_text("security_id,date_sig,signal\n1,2020-01-02,1\n")
    (signals / "link.csv").symlink_to(root / "outside.csv")
    return root


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    dates = {name: rows[name].dt.strftime("%Y-%m-%d") for name in rows if name.startswith("date_")}
    return rows.assign(**dates).to_dict("records")


def command(root, *more: str) -> StdioServerParameters:
    arguments = ["-P", "-m", "fractile.mcp", "--root", str(root), "--signals", str(root / "signals"), *more]
    return StdioServerParameters(
        command=sys.executable, args=arguments, env={**os.environ, "XDG_CACHE_HOME": str(root / "cache")}
    )


def talk(server: Any, conversation: Callable[[Client], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with Client(server, read_timeout_seconds=60) as client:
            return await conversation(client)

    return asyncio.run(main())


def call(server: Any, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Answers of one session; structured content, or the text of an error."""

    async def conversation(client: Client) -> list[Any]:
        out = []
        for name, arguments in calls:
            answer = await client.call_tool(name, arguments)
            out.append(answer.content[0].text if answer.is_error else answer.structured_content)
        return out

    return talk(server, conversation)


def make_factors(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A factor return on every day, without the signal's values."""
    days = sorted(rows["date_sig"].dt.strftime("%Y-%m-%d").unique())
    return [{"date": day, "mkt": math.sin(place) / 100} for place, day in enumerate(days) if day < HOLDOUT]


def arguments_of(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A valid call of every tool."""
    sent = {"rows": records(rows)}
    other = {"rows": records(rows.assign(signal=-rows["signal"]))}
    return {
        "list_snapshots": {},
        "describe_snapshot": {"snapshot": SNAPSHOT},
        "run": {"signal": sent, "config": CONFIG, "daily": True},
        "suite": {"signal": sent, "lags": [0, 1], "resid_modes": ["off", "industry"], "config": CONFIG},
        "sweep": {"signals": {"a": sent, "b": other}, "grid": {"lag": [0, 1], "mincos": [2, 3]}},
        "compare": {"signals": {"a": sent, "b": other}, "config": CONFIG},
        "audit": {"signal": sent, "config": CONFIG},
        "similar": {"signal": sent, "library": {"b": other}, "config": CONFIG},
        "fama_macbeth": {"signal": sent, "controls": ["size"], "standardize": True, "config": CONFIG},
        "attribution": {"signal": sent, "factors": {"rows": make_factors(rows)}, "config": CONFIG},
        "spanning": {"signal": sent, "factors": {"rows": make_factors(rows)}, "config": CONFIG},
        "reveal": {"signal": sent, "config": CONFIG},
        "study": {"top": 3},
        "explain_error": {"code": "UNKNOWN_COLUMN"},
    }


def check_all(server: Any) -> dict[str, Any]:
    """Calls every tool and checks its answer against the schema that the server declares."""
    calls = arguments_of(make_rows())

    async def conversation(client: Client) -> dict[str, Any]:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) >= set(calls)
        out = {}
        for name, arguments in calls.items():
            jsonschema.Draft202012Validator.check_schema(tools[name].input_schema)
            jsonschema.validate(arguments, tools[name].input_schema)
            answer = await client.call_tool(name, arguments)
            assert not answer.is_error, answer.content[0].text
            jsonschema.validate(answer.structured_content, tools[name].output_schema)
            assert json.loads(answer.content[0].text) == answer.structured_content
            out[name] = answer.structured_content
        pages = [(await client.read_resource(r.uri)).contents[0].text for r in (await client.list_resources()).resources]
        assert len(pages) == 3 and all(page.startswith("# ") for page in pages)
        return out

    return talk(server, conversation)


def assert_answers(root, found: dict[str, Any], study: str) -> None:
    service = fractile.BacktestService.get(SNAPSHOT, end_date="2020-02-02", root=root)
    want = service.run(make_rows(), **CONFIG)
    assert found["run"]["run_id"] == want.run_id
    assert found["run"]["summary"][0]["sharpe_ret"] == want.summary["sharpe_ret"].iloc[0]
    assert [row["date"] for row in found["run"]["daily"]] == list(want.daily["date"].dt.strftime("%Y-%m-%d"))
    assert max(row["date"] for row in found["run"]["daily"]) < HOLDOUT
    audit = service.audit(make_rows(), **CONFIG)
    checks = audit.checks[audit.checks["check"] != "restated"]
    assert found["audit"]["verdict"] == audit.verdict
    assert [(row["check"], row["status"]) for row in found["audit"]["checks"]] == list(zip(checks["check"], checks["status"]))
    assert found["audit"]["run_id"] == want.run_id and len(json.dumps(found["audit"])) < 2000
    premium = service.fama_macbeth(make_rows(), ["size"], True, **CONFIG).table.set_index("name")
    assert found["fama_macbeth"]["coefficient"]["t_nw"] == premium.loc["signal", "t_nw"]
    similar = service.similar(make_rows(), {"b": make_rows().assign(signal=-make_rows()["signal"])}, **CONFIG)
    assert found["similar"]["rows"][0]["rank_correlation"] == similar["rank_correlation"].iloc[0]
    factors = pd.DataFrame(make_factors(make_rows())).assign(date=lambda frame: pd.to_datetime(frame["date"])).set_index("date")
    assert found["attribution"]["alpha"] == want.attribution(factors).alpha
    assert found["spanning"]["t"] == fractile.spanning(want, factors)["t"]
    revealed = fractile.BacktestService.get(SNAPSHOT, start_date=HOLDOUT, root=root).run(make_rows(), **CONFIG)
    assert found["reveal"]["run_id"] == revealed.run_id
    assert {row["signal"] for row in found["sweep"]["rows"]} == {"a", "b"} and len(found["sweep"]["rows"]) == 8
    # Each answer is about one trial or the best of several, and every trial is counted once.
    for name in ("sweep", "compare"):
        best = found[name]["rows"][found[name]["best"]]
        judged = found[name]["trials"]
        assert best["deflated_sharpe_net"] == max(row["deflated_sharpe_net"] for row in found[name]["rows"])
        assert judged["deflated_sharpe_net"] == pytest.approx(best["deflated_sharpe_net"], abs=1e-12)
    judged = [found[name]["trials"] for name in found if "trials" in found[name]]
    assert len(judged) == 10 and all(answer["verdict"].startswith("It ") for answer in judged)
    assert found["study"]["trials"]["study"] == study
    assert found["study"]["trials"]["trials"] == len({*all_run_ids(found)})


def all_run_ids(found: dict[str, Any]) -> list[str]:
    ids = [found["run"]["run_id"], *(answer["run_id"] for answer in found["suite"]["results"].values())]
    ids += [found[name]["trial"] for name in ("fama_macbeth", "attribution", "spanning")]
    return ids + [row["run_id"] for row in found["sweep"]["rows"]]


def test_every_tool_over_stdio(root):
    server = command(root, "--study", "stdio", "--holdout-from", HOLDOUT)
    found = check_all(server)
    assert_answers(root, found, "stdio")
    # A new process continues the study, and the hold-out period stays used up.
    again, refused = call(server, ("study", {}), ("reveal", arguments_of(make_rows())["reveal"]))
    assert again["trials"]["trials"] == found["study"]["trials"]["trials"]
    assert "used up" in refused


@pytest.fixture
def http(root):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = command(root, "--study", "http", "--holdout-from", HOLDOUT, "--http", "--port", str(port), "--max-mb", "1")
    process = subprocess.Popen([words.command, *words.args], env=words.env)
    url = f"http://127.0.0.1:{port}/mcp"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield url
    assert process.poll() is None, "expected the server to live until it is told to end"
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_every_tool_over_http(root, http):
    assert_answers(root, check_all(http), "http")


def post(url: str, body: bytes, **headers: str) -> int:
    sent = urllib.request.Request(
        url, body, {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    )
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_bad_requests_leave_the_http_server_well(root, http):
    assert 400 <= post(http, b"{") < 500
    assert 400 <= post(http, b"[]" * 10) < 500
    assert post(http, b"x" * (8 << 20)) in (0, 400, 413)
    assert 400 <= post(http, b"{}", Host="evil.example") < 500
    with socket.create_connection(("127.0.0.1", int(http.split(":")[2].split("/")[0]))) as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n{")
    snapshots, _ = call(http, ("list_snapshots", {}), ("study", {}))
    assert [row["id"] for row in snapshots["snapshots"]] == [SNAPSHOT]


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("nothing", {}, "expected one of list_snapshots"),
        ("run", {}, "'signal' is a required property"),
        ("run", {"signal": {"path": "good.parquet"}, "end_date": "2021-01-01"}, "end_date"),
        ("run", {"signal": {"path": "good.parquet"}, "config": {"end_date": "2021-01-01"}}, "end_date"),
        ("run", {"signal": {"path": "good.parquet"}, "study": "other"}, "study"),
        ("run", {"signal": {"path": "good.parquet"}, "config": {"study": ""}}, "study"),
        ("run", {"signal": {"path": "../outside.csv"}}, "inside the folder"),
        ("run", {"signal": {"path": "/etc/passwd"}}, "inside the folder"),
        ("run", {"signal": {"path": "link.csv"}}, "inside the folder"),
        ("run", {"signal": {"path": "none.csv"}}, "file that exists"),
        ("run", {"signal": {"path": "a\0b"}}, "path"),
        ("run", {"signal": {"arrow": "%%%"}}, "base64"),
        ("run", {"signal": {"arrow": "AAAA" * 400_000}}, "SIGNAL_TOO_LARGE"),
        ("run", {"signal": {"rows": []}}, "should be non-empty"),
        ("run", {"signal": {"path": "good.parquet"}, "config": {"mincos": 0}}, "mincos"),
        ("run", {"signal": {"path": "good.parquet"}, "snapshot": "other"}, "SNAPSHOT_NOT_FOUND"),
        ("explain_error", {"code": "UNKNOWN_COLUM"}, "UNKNOWN_COLUMN"),
    ],
)
def test_a_bad_call_is_an_error_that_says_why(bad_calls, name, arguments, word):
    assert word in bad_calls[name + json.dumps(arguments)[:200]]


@pytest.fixture(scope="module")
def bad_calls(root):
    """All bad calls in one session, and a good one after them."""
    cases = test_a_bad_call_is_an_error_that_says_why.pytestmark[0].args[1]
    answers = call(
        command(root, "--study", "bad", "--max-mb", "1"),
        *((name, arguments) for name, arguments, _ in cases),
        ("run", {"signal": {"path": "good.parquet"}, "config": CONFIG}),
    )
    assert answers[-1]["run_id"]
    return {name + json.dumps(arguments)[:200]: answer for (name, arguments, _), answer in zip(cases, answers)}


def test_limits_of_the_operator(root):
    rows, good = make_rows(), {"signal": {"path": "good.parquet"}, "config": CONFIG}
    arrow = base64.b64encode(to_ipc(to_table(rows))).decode()
    few = command(root, "--study", "few", "--max-runs", "2", "--max-rows", str(len(rows)))
    first, second, third = call(few, ("run", good), ("run", good | {"config": {"mincos": 3}}), ("run", good))
    assert first["trials"]["trials"] == 1 and second["trials"]["trials"] == 2
    assert "up to 2 trials" in third
    assert "up to 2 trials" in call(few, ("suite", good | {"lags": [0]}))[0]
    tight = command(root, "--study", "tight", "--max-rows", str(len(rows) - 1))
    for sent in ({"path": "good.parquet"}, {"rows": records(rows)}, {"arrow": arrow}):
        assert "rows of a signal" in call(tight, ("run", {"signal": sent, "config": CONFIG}))[0]
    assert call(command(root, "--study", "arrow"), ("run", {"signal": {"arrow": arrow}, "config": CONFIG}))[0]["run_id"]
    none = command(root, "--snapshots", "other", "--study", "none")
    listed, refused = call(none, ("list_snapshots", {}), ("run", good | {"snapshot": SNAPSHOT}))
    assert listed == {"snapshots": []} and "expected snapshot: one of other" in refused
    slow = command(root, "--study", "slow", "--max-seconds", "0.000001")
    assert "of computation" in call(slow, ("run", good), ("run", good))[1]


def test_config_says_how_a_signal_is_read(root):
    rows = make_rows()
    written = rows.rename(columns={"security_id": "PERMNO"}).assign(signal=rows["signal"].mask(rows.index == 0, -99.0))
    written.to_csv(root / "signals" / "crsp.csv", index=False)
    known = rows.drop(index=0)
    reading = {"map": {"security_id": "PERMNO"}, "null": "-99"}
    sent = {"signal": {"path": "crsp.csv"}, "config": CONFIG | reading}
    limited = command(root, "--study", "reading", "--max-rows", str(len(rows)))
    of_file, of_rows, refused = call(
        limited,
        ("run", sent),
        ("run", {"signal": {"rows": records(known)}, "config": CONFIG}),
        ("run", sent | {"config": CONFIG}),
    )
    assert of_file["summary"] == of_rows["summary"] and of_file["rows_used"] == of_rows["rows_used"]
    assert "security_id" in refused


def test_an_audit_finds_look_ahead_and_counts(root):
    rows = make_rows()
    panel = make_panel(SEED)[["security_id", "date", "ret"]].sort_values(["security_id", "date"])
    panel["signal"] = panel.groupby("security_id")["ret"].shift(-2)
    knowing = panel.dropna().rename(columns={"date": "date_sig"})[["security_id", "date_sig", "signal"]]
    impossible = rows.assign(date_avail=rows["date_sig"] - pd.Timedelta(days=1))
    found, again, refused, run = call(
        command(root, "--study", "audits", "--holdout-from", HOLDOUT),
        ("audit", {"signal": {"rows": records(knowing)}, "config": CONFIG}),
        ("run", {"signal": {"rows": records(knowing)}, "config": CONFIG}),
        ("audit", {"signal": {"rows": records(impossible)}, "config": CONFIG}),
        ("run", {"signal": {"rows": records(impossible)}, "config": CONFIG}),
    )
    checks = {check["check"]: check for check in found["checks"]}
    assert found["verdict"] == "suspicious" and "too good" in checks["implausible"]["meaning"]
    assert all(("meaning" in check) == (check["status"] != "pass") for check in found["checks"])
    # The run of the same signal is the same trial.
    assert found["trials"]["trials"] == again["trials"]["trials"] == 1 and found["run_id"] == again["run_id"]
    # A run refuses impossible dates, so the audit of them tells nothing about returns, and counts no trial.
    assert refused["verdict"] == "look-ahead" and [check["check"] for check in refused["checks"]] == ["dates"]
    assert refused["checks"][0]["rows"] and "run_id" not in refused and refused["trials"]["trials"] == 1
    assert isinstance(run, str)
    few = command(root, "--study", "audits", "--max-runs", "1")
    assert "up to 1 trials" in call(few, ("audit", {"signal": {"path": "good.parquet"}, "config": CONFIG}))[0]


def test_no_tool_sees_the_holdout_period(root):
    """Rows of the hold-out period change nothing that a tool answers, and no answer has a date of it."""
    rows = make_rows()
    later = rows["date_sig"] >= HOLDOUT
    changed = rows.assign(signal=rows["signal"].where(~later, 7.0))
    calls = {name: arguments for name, arguments in arguments_of(rows).items() if name != "reveal"}
    other = {name: arguments for name, arguments in arguments_of(changed).items() if name != "reveal"}
    answers = call(command(root, "--study", "before", "--holdout-from", HOLDOUT), *calls.items())
    again = call(command(root, "--study", "after", "--holdout-from", HOLDOUT), *other.items())
    for name, answer, second in zip(calls, answers, again):
        text = json.dumps(answer)
        assert not any(day.strftime("%Y-%m-%d") in text for day in pd.date_range(HOLDOUT, "2020-12-31")), name
        if name in ("run",):
            assert [row["ret"] for row in answer["daily"]] == [row["ret"] for row in second["daily"]]
        if name == "audit":
            assert answer["checks"] == second["checks"]


def test_every_set_of_controls_is_a_trial(root):
    sent = {"signal": {"path": "good.parquet"}, "config": CONFIG}
    sets: list[dict[str, Any]] = [
        {},
        {"controls": ["size"]},
        {"controls": ["size"], "standardize": True},
        {"controls": ["size", "value"]},
    ]
    again = {"controls": ["value", "size"]}  # in another order
    found = call(command(root, "--study", "controls"), *(("fama_macbeth", sent | more) for more in [*sets, again]), ("study", {}))
    assert [answer["trials"]["trials"] for answer in found] == [1, 2, 3, 4, 4, 4]
    assert found[4]["trial"] == found[3]["trial"] and {row["kind"] for row in found[5]["best"]} == {"fama_macbeth"}


def test_an_answer_links_to_its_tear_sheet(root, http):
    sent = [{"signal": {"path": "good.parquet"}, "config": {"mincos": mincos}} for mincos in (2, 3, 4)]
    few = command(root, "--study", "files", "--max-reports", "2", "--reports", str(root / "reports"))
    first, second, third = call(few, *(("run", each) for each in sent))
    files = [pathlib.Path(answer["report"].removeprefix("file://")) for answer in (first, second, third)]
    assert [file.exists() for file in files] == [False, True, True]
    assert third["run_id"] in files[2].read_text()
    assert "report" not in call(command(root, "--study", "files", "--max-reports", "0"), ("run", sent[0]))[0]
    answer = call(http, ("run", sent[0]))[0]
    link = answer["report"]
    assert link.startswith(http.removesuffix("/mcp") + "/results/")
    with urllib.request.urlopen(link, timeout=30) as page:
        assert page.headers["Content-Type"].startswith("text/html") and answer["run_id"] in page.read().decode()
    for url, host, status in ((link, "evil.example", 421), (link[:-4] + "0000", "", 404)):
        asked = urllib.request.Request(url, headers={"Host": host} if host else {})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=30)
        assert refused.value.code == status


def test_two_servers_share_the_limit_of_runs(root):
    shared = command(root, "--study", "shared", "--max-runs", "5")

    def work(first: int) -> list[Any]:
        signal = {"signal": {"path": "good.parquet"}}
        return call(shared, *(("run", signal | {"config": {"mincos": 2, "lag": lag}}) for lag in range(first, first + 4)))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [answer for found in pool.map(work, (0, 4)) for answer in found]
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert len(refused) == 3 and all("up to 5 trials" in text for text in refused)


def test_a_message_without_end_is_dropped(root):
    words = command(root, "--study", "long", "--max-mb", "1")
    process = subprocess.Popen([words.command, *words.args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=words.env)
    for _ in range(64):
        process.stdin.write(b"x" * (1 << 20))
    hello = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    process.stdin.write(b"\n" + json.dumps(message).encode() + b"\n")
    process.stdin.flush()
    answers = (json.loads(line) for line in process.stdout)
    assert any(answer.get("id") == 1 and "result" in answer for answer in answers)
    assert psutil.Process(process.pid).memory_info().rss < 400 << 20
    process.stdin.close()
    assert process.wait(60) == 0


def without_ids(value: Any) -> Any:
    """An answer less what identifies a run and its snapshot's content. The variance of trials has other last bits in another order."""
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if name not in ("run_id", "trial", "report")}
    if isinstance(value, list):
        return [without_ids(each) for each in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


def test_the_market_of_the_holdout_period_changes_no_answer(root, tmp_path):
    """Two snapshots that differ from the hold-out period on in every number, and in a security that is there later alone."""
    panel = make_panel(SEED)
    later = panel["date"] >= HOLDOUT
    numbers = [name for name in panel.select_dtypes("float") if name not in ("cap", "sector_id", "industry_id")]
    other = panel.copy()
    other.loc[later, numbers] = -0.5 * other.loc[later, numbers].abs()
    new = other[later & (other["security_id"] == other["security_id"].iloc[0])].assign(security_id=999_999)
    fractile.create_snapshot(SNAPSHOT, pd.concat([other, new]), root=tmp_path, dtype="both")
    (tmp_path / "signals").mkdir()
    calls = {name: arguments for name, arguments in arguments_of(make_rows()).items() if name != "reveal"}
    calls["run"]["config"] = CONFIG | {"byvar_list": ["overall", "year", "cap"], "analysis": ["ic", "decay", "coverage"]}
    answers = [call(command(each, "--study", "twice", "--holdout-from", HOLDOUT), *calls.items()) for each in (root, tmp_path)]
    for name, first, second in zip(calls, *answers):
        assert not isinstance(first, str), first
        assert without_ids(first) == without_ids(second), name


# A value other than the default for every option that has no list of choices.
OTHER_VALUES: dict[str, Any] = {
    "analysis": ["ic", "fractile", "quantiles", "exposures", "drilldown", "capacity", "decay", "coverage"],
    "borrow_bps": 50,
    "breakpoints": {"cap": [1]},
    "byvar_list": ["overall", "year", "cap"],
    "capacity_gmv": [1, 10],
    "delisting_return": -0.3,
    "double_var": "size",
    "exit_fractile": [20, 80],
    "exposure_groups": ["sector_id"],
    "factors": ["size"],
    "fractile": [30, 70],
    "hold_days": "next",
    "horizons": [1, 2, 5],
    "max_weight": 0.5,
    "neutralize_weight": "sqrt_mcap",
    "rank_within": "sector_id",
    "sigvar": "signal",
    "tc_value": [0.3, 0.5],
    "universe": {"cap": [1, 2]},
}


def test_no_option_shows_the_holdout_period(root):
    """Rows of the hold-out period change no answer, whatever option is given; a refused one is refused both times."""
    limits = Limits(study="options", holdout_from=dt.date.fromisoformat(HOLDOUT))
    toolbox = Toolbox(str(root), limits)
    rows = make_rows()
    changed = rows.assign(signal=rows["signal"].where(rows["date_sig"] < HOLDOUT, 7.0))
    hidden = [day.strftime("%Y-%m-%d") for day in pd.date_range(HOLDOUT, "2020-12-31")]
    n_tried = 0
    for option in fractile._core.options():
        name, default = option["name"], json.loads(option["default"])
        values = [OTHER_VALUES[name]] if name in OTHER_VALUES else [c for c in option["choices"] if c != default]
        for value in values or [not default if isinstance(default, bool) else 2]:
            answers = []
            for frame in (rows, changed):
                sent = {"signal": {"rows": records(frame)}, "config": CONFIG | {name: value}, "daily": True}
                try:
                    answer = toolbox.call("run", sent)
                    n_tried += 1
                    assert not any(day in json.dumps(answer) for day in hidden), name
                    answers.append((answer["daily"], answer["summary"]))
                except fractile.FractileError as error:
                    answers.append(error.code)
            assert repr(answers[0]) == repr(answers[1]), name
    assert n_tried > 50


def test_a_client_that_is_killed_ends_its_server(root):
    words = command(root, "--study", "killed")
    process = subprocess.Popen([words.command, *words.args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=words.env)
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "initialize"')
    process.stdin.close()
    assert process.wait(60) == 0


def test_the_client_of_the_page(root, executable, tmp_path):
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "how_to_agents.md"
    code = re.search(r"^```python\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)[1]
    path = f"{pathlib.Path(executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{path}", "FRACTILE_SNAPSHOTS": str(root)}
    code = code.replace('"first-ideas"]', f'"first-ideas", "--root", {str(root)!r}]')
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert SNAPSHOT in done.stdout
