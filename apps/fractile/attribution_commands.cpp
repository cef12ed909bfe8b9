// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "fractile/error.hpp"
#include "fractile/read_signal.hpp"
#include "fractile/similarity.hpp"
#include "ingest/return_table.hpp"
#include "output/attribution.hpp"
#include "session.hpp"
#include "signal_files.hpp"

namespace fractile::cli {
namespace {

constexpr const char* kSignalHelp = "File with security_id, date_sig and the signal (.parquet, .csv, .arrow)";
constexpr const char* kFactorsHelp = "File with a column \"date\" and a column of returns per factor (.parquet, .csv, .arrow)";
constexpr const char* kSeriesHelp = "Returns of the overall book: ret, ret_net, resret, resret_net, ret_l or ret_s";

struct ExplainArguments {
  Session session;
  std::string signal, folder, factors, series = "ret";
  std::int64_t lags = -1;
};

/// A signal of a file and the run of it.
struct RunFile {
  Signal rows;
  Result result;
};

RunFile run_file(const Session& session, const std::string& path) {
  RunFile out{read_signal_file(path, {session.sigvar()}, session.reading()), {}};
  out.result = session.run(out.rows, 0, session.config());
  return out;
}

void print_and_write(const Session& session, const Table& table, const std::string& name, const std::string& json,
                     const std::string& text) {
  if (!session.out().empty()) {
    write_table(table, session.out(), name);
    write_manifest(json, session.out());
  }
  if (session.format() == "json")
    fmt::print("{}\n", json);
  else
    fmt::print("{}", session.format() == "csv" ? table_to_csv(table) : text);
}

void explain_by_factors(ExplainArguments& given) {
  Session& session = given.session;
  session.open();
  const std::vector<ReturnSeries> factors = read_return_file(given.factors, session.reading());
  const Result result = run_file(session, given.signal).result;
  const Attribution found =
      attribute(book_returns(result, "the book", given.series), factors, given.lags, result.periods_per_year);
  print_and_write(session, found.table, "attribution", attribution_to_json(found, {given.series, result.snapshot, result.run_id}),
                  attribution_to_text(found));
}

void explain_by_books(ExplainArguments& given) {
  Session& session = given.session;
  if (given.folder.empty() && given.factors.empty())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected a folder of other signals or --factor-returns, found neither. Give one of them.");
  session.open();
  std::vector<ReturnSeries> others;
  if (!given.factors.empty()) others = read_return_file(given.factors, session.reading());
  const Result result = run_file(session, given.signal).result;
  const ReturnSeries book = book_returns(result, "the book", given.series);
  if (!given.folder.empty())
    for (const std::filesystem::path& path : signal_files(given.folder))
      others.push_back(book_returns(run_file(session, path.string()).result, path.stem().string(), given.series));
  const Spanning found = test_spanning(book, others);
  const Table table = spanning_to_table(found);
  print_and_write(session, table, "spanning", spanning_to_json(found, {given.series, result.snapshot, result.run_id}),
                  table_to_text(table));
}

void compare_with_library(ExplainArguments& given) {
  Session& session = given.session;
  session.open();
  const RunConfig config = session.config();
  const RunFile own = run_file(session, given.signal);
  const ReturnSeries book = book_returns(own.result, "the book", "ret");
  std::vector<LibraryMember> members;
  for (const std::filesystem::path& path : signal_files(given.folder)) {
    const RunFile other = run_file(session, path.string());
    const Similarity near = compare_signals(session.backtester(), {own.rows.keys, own.rows.values[0]},
                                            {other.rows.keys, other.rows.values[0]}, config, is_interrupted);
    members.push_back(
        compare_books(book, book_returns(other.result, path.stem().string(), "ret"), near.rank_correlation, near.common));
  }
  const Table table = library_table(std::move(members));
  print_and_write(session, table, "similar", library_to_json(table, {"ret", own.result.snapshot, own.result.run_id}),
                  table_to_text(table, table.n_rows()));
}

}  // namespace

void add_attribution(CLI::App& app) {
  CLI::App* command = app.add_subcommand("attribution", "Explain the returns of a signal's book by factors");
  auto given = std::make_shared<ExplainArguments>();
  command->add_option("SIGNAL", given->signal, kSignalHelp)->required();
  command->add_option("--factor-returns", given->factors, kFactorsHelp)->required();
  command->add_option("--series", given->series, kSeriesHelp)->capture_default_str();
  command->add_option("--lags", given->lags, "Lags of Newey and West; default: floor(4 (n / 100)^(2/9))")
      ->check(CLI::NonNegativeNumber);
  given->session.add_options(*command);
  command->callback([given] { explain_by_factors(*given); });
}

void add_spanning(CLI::App& app) {
  CLI::App* command = app.add_subcommand("spanning", "Test if other books or factors earn what a signal's book earns");
  auto given = std::make_shared<ExplainArguments>();
  command->add_option("SIGNAL", given->signal, kSignalHelp)->required();
  command->add_option("DIR", given->folder, "Folder of other signal files, which are run alike");
  command->add_option("--factor-returns", given->factors, kFactorsHelp);
  command->add_option("--series", given->series, kSeriesHelp)->capture_default_str();
  given->session.add_options(*command);
  command->callback([given] { explain_by_books(*given); });
}

void add_similar(CLI::App& app) {
  CLI::App* command = app.add_subcommand("similar", "Compare a signal with a folder of signals: is it new?");
  auto given = std::make_shared<ExplainArguments>();
  command->add_option("SIGNAL", given->signal, kSignalHelp)->required();
  command->add_option("DIR", given->folder, "Folder of signal files")->required();
  given->session.add_options(*command);
  command->callback([given] { compare_with_library(*given); });
}

}  // namespace fractile::cli
