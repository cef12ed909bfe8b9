// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "config/config_file.hpp"
#include "config/options.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "output/output.hpp"
#include "service/run_options.hpp"
#include "stats/moments.hpp"
#include "stats/sharpe.hpp"

namespace fractile::cli {
namespace {

using Json = nlohmann::json;

std::string flag_of(std::string_view option) {
  std::string flag(option);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return "--" + flag;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\n"), last = text.find_last_not_of(" \t\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// The parts of a list, without the spaces around them.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    out.push_back(trimmed(text.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

std::string json_text(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Returns a typed number as JSON. Other text stays text, so that the check of the option names it.
std::string number_or_text(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() ? parsed.dump() : json_text(text);
}

/// Converts one part of a list or map, "big=1" or "20". A part without "=" is a key without a level.
std::string part_to_json(OptionType type, const std::string& part) {
  if (type == OptionType::texts) return json_text(part);
  if (type == OptionType::wholes || type == OptionType::numbers || type == OptionType::two_reals) return number_or_text(part);
  const auto equals = part.find('=');
  const std::string level = equals == std::string::npos ? "null" : number_or_text(trimmed(part.substr(equals + 1)));
  return fmt::format("{}:{}", json_text(trimmed(part.substr(0, equals))), level);
}

/// Converts an option from its form on the command line to the JSON of every other surface.
std::string to_json(const OptionInfo& option, const std::string& typed) {
  const std::string text = trimmed(typed);
  const bool is_json = !Json::parse(text, nullptr, false).is_discarded();
  switch (option.type) {
    case OptionType::texts:
    case OptionType::wholes:
    case OptionType::numbers:
    case OptionType::two_reals:
    case OptionType::bps_map: {
      if (is_json && (text.starts_with('[') || text.starts_with('{'))) return text;
      std::string parts;
      for (const std::string& part : split(text, ','))
        if (!part.empty() || option.type != OptionType::texts)
          parts += (parts.empty() ? "" : ",") + part_to_json(option.type, part);
      return option.type == OptionType::bps_map ? "{" + parts + "}" : "[" + parts + "]";
    }
    case OptionType::universe: return is_json ? text : json_text(text);
    case OptionType::boolean:
    case OptionType::whole:
    case OptionType::real: return number_or_text(text);
    case OptionType::resid: return text == "true" || text == "false" ? text : json_text(text);
    case OptionType::choice: return json_text(text);
    case OptionType::text: break;
  }
  return json_text(typed);
}

}  // namespace

void Session::add_options(CLI::App& command) {
  command.add_option("--snapshot", snapshot_, "Snapshot id; default: the newest");
  command.add_option("--root", root_, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  command.add_option("--start-date", start_date_, "First return day, inclusive");
  command.add_option("--end-date", end_date_, "Last return day, inclusive");
  command.add_flag_function(
      "--compact,!--no-compact", [this](std::int64_t count) { compact_ = count > 0; },
      "Read float32 if it is stored (default); else float64");
  command.add_option("--config", config_path_,
                     "Configuration file; default $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else the packaged one");
  command.add_option("--format", format_, "table, json or csv")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  command.add_option("--out", out_, "Folder to write all tables into, as Parquet and CSV, with manifest.json");
  for (const OptionInfo& option : run_options()) {
    const std::string name(option.name), flag = flag_of(option.name);
    const std::string doc = fmt::format("{} [{}]", option.doc, option.default_text);
    if (option.type == OptionType::boolean) {
      command
          .add_flag_function(
              flag + ",!--no-" + flag.substr(2),
              [this, name](std::int64_t count) { given_[name] = count > 0 ? "true" : "false"; }, doc)
          ->group("Run options");
    } else {
      command.add_option_function<std::string>(
                 flag, [this, name](const std::string& text) { given_[name] = text; }, doc)
          ->group("Run options");
    }
  }
}

void Session::read_settings() {
  const ConfigFile file = read_config_file(config_path_, packaged_config());
  defaults_ = file.defaults;
  if (!snapshot_) snapshot_ = file.snapshot;
  if (!start_date_) start_date_ = file.start_date;
  if (!end_date_) end_date_ = file.end_date;
  if (!compact_) compact_ = file.compact;
  residence_ = file.residence();
  cache_size_ = file.cache_size.value_or(kDefaultCacheSize);
}

void Session::open() {
  read_settings();
  std::string given;
  for (const auto& [name, text] : given_)
    given += fmt::format("{}\"{}\":{}", given.empty() ? "" : ",", name, to_json(*find_option(name), text));
  given = "{" + given + "}";
  parse_config(given, &sigvar_);  // refuses wrong options before any work
  const auto began = std::chrono::steady_clock::now();
  const std::filesystem::path root = snapshot_root(root_ ? std::optional<std::filesystem::path>(*root_) : std::nullopt);
  const std::string id = snapshot_ ? *snapshot_ : newest_snapshot(root);
  const bool compact = compact_.value_or(true);
  const auto snapshot = Snapshot::open(root, id, Verify::layout, residence_, compact ? Storage::float32 : Storage::float64);
  backtester_ = std::make_unique<Backtester>(
      make_view(snapshot, read_date(start_date_, "start_date"), read_date(end_date_, "end_date"), compact), cache_size_);
  load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  options_ = complete_options(given, defaults_, *snapshot);
  parse_config(options_, &sigvar_);
}

Result Session::run(const Signal& signal, std::size_t column, const RunConfig& config) const {
  Result result = backtester_->run(signal.keys, signal.values[column], config, is_interrupted);
  for (const std::string& warning : result.diagnostics.warnings) fmt::print(stderr, "warning: {}\n", warning);
  return result;
}

std::vector<Result> Session::run_suite(const Signal& signal, const std::vector<SuiteCell>& suite) const {
  std::vector<RunCell> cells;
  for (const SuiteCell& cell : suite) cells.push_back({signal.values[0], cell.config});
  const auto show = [&](std::size_t n_done) {
    show_progress(fmt::format("{} of {}", n_done, cells.size()), static_cast<double>(n_done) / static_cast<double>(cells.size()));
  };
  std::vector<RunOutcome> outcomes = backtester_->run_many(signal.keys, cells, true, is_interrupted, show);
  for (const RunOutcome& outcome : outcomes)
    if (outcome.error) std::rethrow_exception(outcome.error);
  std::vector<Result> results;
  for (RunOutcome& outcome : outcomes) {
    results.push_back(*std::move(outcome.result));
    for (const std::string& warning : results.back().diagnostics.warnings) fmt::print(stderr, "warning: {}\n", warning);
  }
  return results;
}

namespace {

void write_tables(const Result& result, const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    throw Error(ErrorCode::IO_FAILURE, fmt::format("expected to create \"{}\", found: {}. Check space and permissions.",
                                                   folder.string(), failed.message()));
  for (const TableSet::Entry& entry : result.tables) {
    for (const char* extension : {".parquet", ".csv"}) {
      ArrowArrayStream stream{};
      table_to_arrow(entry.table, &stream);
      formats::write_file((folder / (entry.name + extension)).string(), &stream);
    }
  }
  Json manifest = {{"run_id", result.run_id}, {"snapshot", result.snapshot}, {"config", Json::parse(result.config_json)}};
  for (const Diagnostics::Count& count : result.diagnostics.counts) manifest["diagnostics"][count.name] = count.count;
  const std::filesystem::path path = folder / "manifest.json";
  std::ofstream file(path);
  if (!(file << manifest.dump(2) << "\n" << std::flush))
    throw Error(ErrorCode::IO_FAILURE,
                fmt::format("expected to write \"{}\", found that it failed. Check space and permissions.", path.string()));
}

/// The columns of the summary that fit a terminal.
Table short_summary(const Result& result) {
  Table out;
  for (const char* name : {"byvar", "group", "num_date", "numcos_l", "numcos_s", "ret_ann", "ret_std", "sharpe_ret",
                           "sharpe_ret_net", "maxdd", "turnover", "tc_ann", "t_stat_nw"})
    if (const Column* column = result.tables["summary"].find(name)) out.columns.push_back(*column);
  return out;
}

}  // namespace

namespace {

/// Prints the ratio with its interval, to stderr so that stdout has only the table.
void print_sharpe_interval(const Result& result) {
  const Column* column = result.tables["daily"].find("ret");
  if (column == nullptr) return;
  const auto& ret = std::get<std::vector<double>>(column->values);
  const SharpeInterval interval = sharpe_interval(ret, result.periods_per_year);
  if (interval.low == interval.low)
    fmt::print(stderr, "Sharpe ratio {:.2f}, 95 % interval {:.2f} to {:.2f}\n", annualised_sharpe(ret, result.periods_per_year),
               interval.low, interval.high);
}

}  // namespace

void present(const Session& session, const Result& result, const std::string& name) {
  if (!session.out().empty()) {
    const std::filesystem::path folder(session.out());
    write_tables(result, name.empty() ? folder : folder / name);
  }
  if (session.format() == "json") {
    fmt::print("{}\n", result_to_json(result));
    return;
  }
  if (session.format() == "csv") {
    fmt::print("{}", table_to_csv(result.tables["summary"]));
    return;
  }
  if (!name.empty()) fmt::print("{}\n", name);
  fmt::print("{}", table_to_text(short_summary(result)));
  print_sharpe_interval(result);
  fmt::print(stderr, "{} of {} rows used, load {:.1f} ms, run {:.1f} ms, run_id {}\n", result.diagnostics["rows_used"],
             result.diagnostics["rows_given"], session.load_seconds() * 1e3, result.elapsed_seconds * 1e3, result.run_id);
}

}  // namespace fractile::cli
