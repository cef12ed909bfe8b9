# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The cost of additions: adds one of each kind to a copy of the tree, builds it, and looks for it on every surface (`make extensions`).

The maximum is two production files per kind; the script counts them.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
LICENCE = "// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.\n"

BREADTH = LICENCE + textwrap.dedent(
    """
    #include "analysis/analysis_module.hpp"

    namespace fractile {
    namespace {

    class BreadthRun final : public AnalysisRun {
     public:
      explicit BreadthRun(const AnalysisContext& context) : context_(context), held_(context.days(), 0) {}
      bool needs_names() const noexcept override { return false; }
      std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }
      void finish(TableSet& tables) override {
        Column::Dates dates;
        for (int t = 0; t < context_.n_days; ++t) dates.days.push_back(context_.panel.date(context_.panel.first() + t));
        tables.add("breadth", {{{"date", std::move(dates)}, {"held", std::move(held_)}}});
      }

     private:
      struct Observer final : DayObserver {
        explicit Observer(BreadthRun& run) : run_(run) {}
        void observe(const ObservedDay& day) override { run_.held_[day.at] = day.book.n_long + day.book.n_short; }
        BreadthRun& run_;
      };
      AnalysisContext context_;
      std::vector<std::int64_t> held_;
    };

    }  // namespace

    AnalysisModule breadth_module() {
      return {"breadth",
              [](const RunConfig& config) { return has_analysis(config, "breadth"); },
              {{"breadth",
                "analysis=[\\"breadth\\"]",
                "Names held per day.",
                {{"date", ColumnType::date, "", "return day"}, {"held", ColumnType::whole, "", "names held"}}}},
              [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> {
                return std::make_unique<BreadthRun>(context);
              }};
    }

    }  // namespace fractile
    """
)
PING = LICENCE + textwrap.dedent(
    """
    #include "server/endpoint.hpp"
    #include "server/openapi.hpp"

    namespace fractile::server {
    namespace {

    Answer answer_ping(Request&, const ServerState&, const Interrupt&) {
      Answer answer;
      answer.body = "{\\"ping\\":\\"pong\\"}";
      return answer;
    }

    Json describe_ping(bool) { return describe_get("ping", "Answers", json_answer({{"type", "object"}}, "Pong."), {}); }

    }  // namespace

    Endpoint ping_endpoint() { return {.path = "/ping", .is_open = true, .answer = answer_ping, .describe = describe_ping}; }

    }  // namespace fractile::server
    """
)


class Tree:
    """A copy of the sources that counts the production files that each addition touches."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.touched: dict[str, list[str]] = {}
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, files):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def add(self, kind: str, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self.touched.setdefault(kind, []).append(name)

    def replace(self, kind: str, name: str, old: str, new: str) -> None:
        before = (self.folder / name).read_text()
        assert before.count(old) == 1, (name, old)
        self.add(kind, name, before.replace(old, new))

    def insert_after(self, kind: str, name: str, line: str, text: str) -> None:
        self.replace(kind, name, line, line + text)


def add_one_of_each(tree: Tree) -> None:
    options = "include/fractile/run_options.def"
    tree.insert_after(
        "option",
        options,
        'FRACTILE_OPTION(bool, calc_turnover, true, .doc = "Compute turnover and costs.")\n',
        'FRACTILE_OPTION(int, mincos_more, 0, .min = 0, .max = 100, .is_later = true, .doc = "Added to mincos.")\n',
    )
    weigher = "src/engine/portfolio/weigher.cpp"
    tree.replace(
        "option", weigher, "if (book.n_long < config_.mincos)", "if (book.n_long < config_.mincos + config_.mincos_more)"
    )
    tree.replace(
        "weight scheme",
        options,
        "FRACTILE_CHOICE(Weight, equal, value, volume, rank, signal)",
        "FRACTILE_CHOICE(Weight, equal, value, volume, rank, signal, price)",
    )
    tree.insert_after(
        "weight scheme",
        "src/engine/portfolio/weight_schemes.cpp",
        '    {.weight = Weight::volume, .option = "weight=\\"volume\\"", .column = "adv", .is_clipped = true},\n',
        '    {.weight = Weight::price, .option = "weight=\\"price\\"", .column = "close_adj", .is_clipped = true},\n',
    )
    tree.add("analysis table", "src/analysis/breadth.cpp", BREADTH)
    tree.insert_after(
        "analysis table", "src/schema/analysis_modules.def", "FRACTILE_ANALYSIS(coverage)\n", "FRACTILE_ANALYSIS(breadth)\n"
    )
    tree.insert_after(
        "statistic",
        "src/report/summary.cpp",
        '      {"kurt", "", "kurtosis of ret; a normal has 3", [](const Series& series) { return kurtosis(series.ret); }},\n',
        '      {"first_ret", "fraction per day", "return of the first day",\n'
        '       [](const Series& series) { return series.ret.empty() ? std::nan("") : series.ret.front(); }},\n',
    )
    tree.add("endpoint", "src/server/endpoints/ping.cpp", PING)
    tree.insert_after("endpoint", "src/server/endpoints/endpoints.def", "FRACTILE_ENDPOINT(docs)\n", "FRACTILE_ENDPOINT(ping)\n")


CHECKS = """
import inspect, json, os, pathlib, subprocess, sys, tempfile, time, urllib.request
import numpy as np, pandas as pd
import fractile
from fractile import _core
from fractile.remote import RemoteService

root = pathlib.Path(tempfile.mkdtemp())
rng = np.random.default_rng(1)
days = pd.bdate_range("2020-01-01", periods=40)
panel = pd.MultiIndex.from_product([days, range(1, 61)], names=["date", "security_id"]).to_frame(index=False)
panel["ret"] = rng.normal(0, 0.02, len(panel))
panel["close_adj"] = rng.uniform(5, 50, len(panel))
signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"}).assign(signal=rng.normal(size=len(panel)))
signal.to_parquet(root / "signal.parquet")
fractile.create_snapshot("m", panel, root=root)
options = dict(mincos=2, analysis=["breadth"], weight="price", keep_weights=True)
service = fractile.BacktestService.get("m", root=root)
result = service.run(signal, **options)
assert result.weights["weight"].nunique() > 100 and result.config["weight"] == "price"
assert result.config["mincos_more"] == 0 and service.run(signal, mincos=2, mincos_more=50).daily.empty
assert service.run(signal, mincos=2).run_id == service.run(signal, mincos=2, mincos_more=0).run_id
assert "mincos_more" in inspect.signature(service.run).parameters and "mincos_more: Added" in inspect.getdoc(service.run)
assert result.breadth["held"].max() == 12, result.breadth
assert "first_ret" in result.summary and result.summary["first_ret"].iloc[0] == result.daily["ret"].iloc[0]

binary = os.environ["FRACTILE_BIN"]
out = root / "out"
subprocess.run([binary, "run", str(root / "signal.parquet"), "--root", str(root), "--mincos", "2", "--mincos-more", "1", "--weight", "price", "--analysis", "breadth",
                "--out", str(out)], check=True, capture_output=True)
assert pd.read_csv(out / "breadth.csv")["held"].max() == 12
assert "first_ret" in pd.read_csv(out / "summary.csv")

server = subprocess.Popen([binary, "serve", "--port", "0", "--root", str(root)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    port = None
    for line in server.stderr:
        event = json.loads(line)
        if "port" in event:
            port = event["port"]
            break
    url = f"http://127.0.0.1:{port}"
    client = RemoteService(url)
    while not client.is_ready:
        time.sleep(0.05)
    remote = client.run(signal, **options)
    assert remote.breadth["held"].max() == 12 and "first_ret" in remote.summary
    description = json.load(urllib.request.urlopen(url + "/openapi.json"))
    tables = description["components"]["schemas"]["Result"]["properties"]
    assert "breadth" in tables and "first_ret" in json.dumps(tables["summary"])
    declared = description["components"]["schemas"]["Config"]["properties"]
    assert "price" in declared["weight"]["enum"] and declared["mincos_more"]["default"] == 0
    assert "/ping" in description["paths"]
    assert json.load(urllib.request.urlopen(url + "/ping")) == {"ping": "pong"}
finally:
    server.terminate()
    server.wait()

import tables_page
page = tables_page.render()
import options_page
assert "`mincos_more`" in options_page.render() and "`price`" in options_page.render()
assert "## breadth" in page and "`first_ret`" in page
print("every addition is on every surface")
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="extensions-") as folder:
        tree = Tree(pathlib.Path(folder) / "fractile")
        add_one_of_each(tree)
        for kind, names in tree.touched.items():
            print(f"{kind}: {len(names)} production files: {', '.join(names)}")
            assert len(names) <= 2, kind
        build = tree.folder / "build" / "release"
        python = f"-DPython_EXECUTABLE={sys.executable}"
        subprocess.run(
            ["cmake", "--preset", "release", "-DFRACTILE_TESTS=OFF", "-DFRACTILE_BENCH=OFF", python],
            cwd=tree.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        subprocess.run(["ninja", "-C", str(build), "_core", "fractile_app", "fractile_formats"], check=True)
        site = tree.folder / "site"
        subprocess.run(
            ["cmake", "--install", str(build), "--component", "python", "--prefix", str(site)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        environment = {
            **os.environ,
            "PYTHONPATH": f"{site}:{tree.folder / 'tools'}",
            "FRACTILE_BIN": str(site / "fractile" / "_bin" / "fractile"),
        }
        subprocess.run([sys.executable, "-c", CHECKS], cwd=tree.folder, env=environment, check=True)


if __name__ == "__main__":
    main()
