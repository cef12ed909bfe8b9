// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "fractile/error.hpp"
#include "fractile/read_signal.hpp"
#include "output/output.hpp"
#include "parallel/workers.hpp"
#include "plot.hpp"
#include "report/signal_tests.hpp"
#include "report_file.hpp"
#include "session.hpp"
#include "signal_files.hpp"

namespace fractile::cli {
namespace fs = std::filesystem;

void add_run(CLI::App& app) {
  CLI::App* command = app.add_subcommand("run", "Backtest one signal");
  command->footer(
      "A run option that is not given comes from the configuration file, else it is the default in brackets. The packaged file "
      "asks\n"
      "for the groups overall, year and cap; service.run() of Python has the run_id of --byvar-list overall.");
  auto session = std::make_shared<Session>();
  auto signal = std::make_shared<std::string>();
  command->add_option("SIGNAL", *signal, "File with security_id, date_sig and the signal (.parquet, .csv, .arrow)")->required();
  auto plot = std::make_shared<std::string>();
  command->add_option("--plot", *plot, "File to draw to (.png, .pdf, .svg), by the Python package and matplotlib");
  auto report = std::make_shared<std::string>();
  CLI::Option* const to_report =
      command->add_option("--report", *report, "File to write the tear sheet to (.html): one page that opens offline");
  auto has_audit = std::make_shared<bool>(false);
  command->add_flag("--audit", *has_audit, "Draw the look-ahead audit of the signal in the tear sheet")->needs(to_report);
  session->add_options(*command);
  command->callback([session, signal, plot, report, has_audit] {
    if (!plot->empty()) require_plotting(*plot, {".png", ".pdf", ".svg"});
    if (!report->empty()) require_report_file(*report);
    session->open();
    const Signal rows = read_signal_file(*signal, {session->sigvar()}, session->reading());
    const Result result = session->run(rows, 0, session->config());
    present(*session, result, "");
    if (!plot->empty()) draw_plot("fractile.plot", result_to_json(result, Orient::split), *plot);
    if (!report->empty()) {
      const auto deflation = session->deflate(result);
      const std::string study = deflation ? ledger::describe(*deflation) : "";
      write_report(session->backtester(), rows, session->config(), result, session->place(*signal), *report, {study, *has_audit});
      show_written("Tear sheet", *report);
    }
  });
}

void add_suite(CLI::App& app) {
  CLI::App* command = app.add_subcommand("suite", "Backtest one signal over lags and residual modes");
  auto session = std::make_shared<Session>();
  auto signal = std::make_shared<std::string>();
  auto lags = std::make_shared<std::vector<int>>(std::vector<int>{0, 1, 2});
  auto modes = std::make_shared<std::vector<std::string>>(std::vector<std::string>{"off", "all"});
  command->add_option("SIGNAL", *signal, "File with security_id, date_sig and the signal")->required();
  command->add_option("--lags", *lags, "Lags in trading days, e.g. 0,1,2")->delimiter(',')->capture_default_str();
  command->add_option("--resid-modes", *modes, "off, industry, factor, all")->delimiter(',')->capture_default_str();
  session->add_options(*command);
  command->callback([session, signal, lags, modes] {
    session->open();
    const Signal rows = read_signal_file(*signal, {session->sigvar()}, session->reading());
    const std::vector<SuiteCell> cells =
        make_suite_cells(session->options(), nlohmann::json(*lags).dump(), nlohmann::json(*modes).dump());
    const std::vector<Result> results = session->run_suite(rows, cells);
    for (std::size_t i = 0; i < results.size(); ++i) present(*session, results[i], cells[i].name);
  });
}

void add_batch(CLI::App& app) {
  CLI::App* command = app.add_subcommand("batch", "Backtest every signal file of a folder");
  auto session = std::make_shared<Session>();
  auto folder = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "Folder of signal files")->required();
  session->add_options(*command);
  command->callback([session, folder] {
    session->open();
    const std::vector<fs::path> files = signal_files(*folder);
    const RunConfig config = session->config();
    std::size_t failed = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
      show_progress(files[i].filename().string(), static_cast<double>(i) / static_cast<double>(files.size()));
      try {
        const Signal rows = read_signal_file(files[i].string(), {session->sigvar()}, session->reading());
        present(*session, session->run(rows, 0, config), files[i].stem().string());
      } catch (const Error& error) {
        if (error.code() == ErrorCode::CANCELLED) throw;
        ++failed;
        fmt::print(stderr, "{}: {}\n", files[i].filename().string(), error.what());
      }
    }
    show_progress("done", 1.0);
    if (failed > 0)
      throw Error(ErrorCode::UNREADABLE_SIGNAL, fmt::format("expected {} usable signals, found {} that failed, named above. "
                                                            "Correct them and run again.",
                                                            files.size(), failed));
  });
}

namespace {

struct TestingArguments {
  Session session;
  std::string folder, series = "ret_net";
  SignalTestOptions options;
};

/// Runs every signal of the folder and takes the periods per year of the tests from the runs. Throws the first error: a family
/// with a hole would say too much.
std::vector<ReturnSeries> run_family(TestingArguments& given) {
  const std::vector<fs::path> files = signal_files(given.folder);
  std::vector<ReturnSeries> out;
  for (std::size_t i = 0; i < files.size(); ++i) {
    show_progress(files[i].filename().string(), static_cast<double>(i) / static_cast<double>(files.size()));
    const Signal rows = read_signal_file(files[i].string(), {given.session.sigvar()}, given.session.reading());
    const Result result = given.session.run(rows, 0, given.session.config());
    given.options.periods_per_year = result.periods_per_year;
    out.push_back(returns_of(result, files[i].stem().string(), given.series));
  }
  show_progress("done", 1.0);
  return out;
}

void print_tests(const SignalTests& tests, const std::string& format) {
  if (format == "csv") {
    fmt::print("{}", table_to_csv(tests.table));
    return;
  }
  if (format == "json") {
    nlohmann::ordered_json facts{{"dropped", tests.dropped}};
    for (const auto& [name, value] : tests.facts())
      facts[name] = value == value ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
    fmt::print("{{\"signals\":{},{}\n", table_to_json(tests.table), facts.dump().substr(1));
    return;
  }
  fmt::print("{}", table_to_text(tests.table, tests.table.n_rows()));
  for (const auto& [name, value] : tests.facts()) fmt::print("{} {:.6g}\n", name, value);
  for (const std::string& name : tests.dropped) fmt::print("dropped {}\n", name);
}

}  // namespace

void add_multiple_testing(CLI::App& app) {
  CLI::App* command = app.add_subcommand("multiple-testing", "Which signals of a folder earn more than luck explains");
  auto given = std::make_shared<TestingArguments>();
  command->add_option("DIR", given->folder, "Folder of signal files")->required();
  command->add_option("--series", given->series, "ret, resret, ret_net or resret_net")->capture_default_str();
  command->add_option("--block", given->options.resampling.block, "Expected block length; default: the largest optimal one");
  command->add_flag("--drop-short", given->options.drop_short,
                    "Leave out signals with fewer than half of the periods of the longest");
  given->session.add_options(*command);
  command->callback([given] {
    given->session.open();
    const std::vector<ReturnSeries> family = run_family(*given);
    given->options.resampling.draws = given->session.inference().draws;
    given->options.resampling.seed = given->session.inference().seed;
    const SignalTests tests = test_signals(family, given->options, {default_threads(), {}});
    print_tests(tests, given->session.format());
    if (!given->session.out().empty()) write_table(tests.table, given->session.out(), "multiple_testing");
  });
}

}  // namespace fractile::cli
