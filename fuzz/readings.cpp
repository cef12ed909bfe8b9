// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The targets for the readers of texts: a line of read options as JSON and a CSV that is read with them; a format and dates in
// it.
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "formats/formats.hpp"
#include "fractile/panel.hpp"
#include "ingest/date_format.hpp"
#include "ingest/number_text.hpp"
#include "ingest/read_options.hpp"
#include "ingest/return_table.hpp"
#include "ingest/signal_reader.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "targets.hpp"

namespace fractile::fuzz {

void run_read_options(Input input);
void run_date_format(Input input);

namespace {

constexpr std::size_t kMostDecoded = std::size_t{1} << 22;
constexpr std::size_t kMostLines = 200;

/// The first line, and the rest.
std::pair<std::string, std::string_view> split_first_line(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return {std::string(text), {}};
  return {std::string(text.substr(0, end)), text.substr(end + 1)};
}

std::vector<std::string_view> split_cells(std::string_view text) {
  std::vector<std::string_view> out;
  while (out.size() < kMostLines) {
    const auto end = text.find_first_of(",;\t\n");
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

void check_category(const std::optional<Error>& refusal, ErrorCategory category, const char* law) {
  if (!refusal) return;
  const ErrorCategory found = error_info(refusal->code()).category;
  ensure(found == category || found == ErrorCategory::config, law, refusal->what());
}

void check_numbers(std::string_view csv, const ReadOptions& options) {
  const ColumnRules rules = rules_of(options, "signal", "signal");
  for (const std::string_view cell : split_cells(csv)) {
    double number = 0.0;
    const NumberText kind = read_number(cell, rules, number);
    ensure(kind != NumberText::number || !std::isnan(number), "a number is no NaN", std::string(cell));
    double again = 0.0;
    ensure(read_number(trim(cell), rules, again) == kind, "spaces around a text change nothing", std::string(cell));
    if (kind == NumberText::number) ensure(number == again, "spaces around a number change nothing", std::string(cell));
    if (kind == NumberText::missing) ensure(is_missing_text(trim(cell), rules), "a missing text is one", std::string(cell));
  }
}

void read_csv(std::string_view csv, const ReadOptions& options) {
  check_category(refusal_of([&] {
                   const Signal signal = read_signal_bytes(csv.data(), csv.size(), "csv", {"signal"}, kMostDecoded, options);
                   market(0).fresh->run(signal.keys, signal.values[0], {});
                 }),
                 ErrorCategory::signal, "a wrong signal is a SignalError");
  check_category(refusal_of([&] { read_return_bytes(csv.data(), csv.size(), "csv", kMostDecoded, options); }),
                 ErrorCategory::signal, "wrong returns are a SignalError");
  const std::string& root = market_folder();
  const auto refusal = refusal_of([&] {
    ArrowArrayStream stream{};
    formats::open_bytes(csv.data(), csv.size(), "csv", options, kMostDecoded, ErrorCode::UNREADABLE_PANEL, &stream);
    const auto panel = collect_panel(&stream, "bytes");
    BuildOptions build;
    build.read = options;
    create_snapshot(root, "options", *panel, build);
  });
  check_category(refusal, ErrorCategory::snapshot, "a wrong panel is a SnapshotError");
  if (!refusal) remove_snapshot(root, "options");
}

}  // namespace

void run_read_options(Input input) {
  const auto [json, csv] = split_first_line(as_text(input));
  ReadOptions options;
  const auto refusal = refusal_of([&, &json_text = json] { options = parse_read_options(json_text); });
  if (refusal) {
    ensure(error_info(refusal->code()).category == ErrorCategory::config, "wrong options are a ConfigError", refusal->what());
    return;
  }
  check_numbers(csv, options);
  read_csv(csv, options);
}

void run_date_format(Input input) {
  const auto [format, rest] = split_first_line(as_text(input));
  const bool is_format = !refusal_of([&, &text = format] { check_date_format(text); });
  FormatGuess guess;
  std::vector<std::string_view> texts;
  for (const std::string_view cell : split_cells(rest))
    if (!trim(cell).empty()) texts.push_back(trim(cell));
  for (const std::string_view text : texts) {
    guess.see(text);
    Instant found{};
    if (is_format) parse_with_format(text, format, found);
    double number = 0.0;
    if (read_number(text, {}, number) != NumberText::number) continue;
    parse_unix(number, format, found);
    guess.see_number(number);
  }
  for (const std::string& fitting : guess.fitting()) {
    ensure(!refusal_of([&] { check_date_format(fitting); }), "a proposed format is one", fitting);
    if (fitting.starts_with("unix")) continue;
    for (const std::string_view text : texts) {
      Instant found{};
      ensure(parse_with_format(text, fitting, found), "a proposed format reads every text",
             fitting + " for " + std::string(text));
    }
  }
}

}  // namespace fractile::fuzz
