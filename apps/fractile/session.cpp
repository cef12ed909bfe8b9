// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
#include "ingest/read_options.hpp"
#include "output/output.hpp"
#include "parallel/workers.hpp"
#include "report/diagnostics.hpp"
#include "report/inference.hpp"
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

/// The names that an option accepts, for its help.
std::string describe_choices(const OptionInfo& option) {
  const std::string names = fmt::format("{}", fmt::join(option.choices, ", "));
  if (option.type == OptionType::choice) return fmt::format(" One of {}.", names);
  if (option.type == OptionType::resid) return fmt::format(" One of {}, true, false.", names);
  if (option.type == OptionType::texts && !names.empty()) return fmt::format(" Any of {}.", names);
  return {};
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
    case OptionType::switch_:
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
  command.add_option("--study", given_study_, "Count the run as a trial of this study; default $FRACTILE_STUDY");
  command.add_flag("--inference", has_inference_, "Add errors, intervals and tests of each portfolio's Sharpe ratio");
  command.add_option("--draws", inference_.draws, "Draws of --inference")->check(CLI::Range(1, 1000000))->capture_default_str();
  command.add_option("--level", inference_.level, "Level of its intervals")
      ->check(CLI::Range(0.001, 0.999))
      ->capture_default_str();
  command.add_option("--seed", inference_.seed, "Seed of its draws")->capture_default_str();
  command.add_option("--out", out_, "Folder to write all tables into, as Parquet and CSV, with manifest.json");
  read_flags_.add_to(command, false);
  for (const OptionInfo& option : run_options()) {
    const std::string name(option.name), flag = flag_of(option.name);
    const std::string doc = fmt::format("{}{} [{}]", option.doc, describe_choices(option), option.default_text);
    if (option.type == OptionType::boolean) {
      command
          .add_flag_function(
              flag + ",!--no-" + flag.substr(2),
              [this, name](std::int64_t count) { given_[name] = count > 0 ? "true" : "false"; }, doc)
          ->group("Run options");
    } else if (option.type == OptionType::switch_) {
      // A value follows "=" alone, so that a file name behind the flag is not taken for one.
      command.add_flag(flag + "{true},--no-" + flag.substr(2) + "{false}", doc)
          ->each([this, name](const std::string& text) { given_[name] = text; })
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
  study_ = ledger::study_name(given_study_);
  const auto began = std::chrono::steady_clock::now();
  const std::filesystem::path root = snapshot_root(root_ ? std::optional<std::filesystem::path>(*root_) : std::nullopt);
  const std::string id = snapshot_ ? *snapshot_ : newest_snapshot(root);
  if (!study_.empty()) {
    ledger_ = &ledger::Ledger::at(ledger::ledger_file(root));
    ledger_->require_writable();
  }
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
  accept(result);
  return result;
}

void Session::accept(const Result& result) const {
  if (ledger_) ledger_->record(ledger::make_record(study_, result));
  for (const std::string& warning : result.diagnostics.warnings) fmt::print(stderr, "warning: {}\n", warning);
}

std::optional<ledger::Deflation> Session::deflate(const Result& result) const {
  if (!ledger_) return std::nullopt;
  return ledger_->deflate(study_, ledger::make_trial(result));
}

RunPlace Session::place(const std::string& signal) const {
  return {signal,
          sigvar_,
          root_.value_or(""),
          start_date_.value_or(""),
          end_date_.value_or(""),
          compact_.value_or(true),
          read_options_to_json(reading())};
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
    accept(results.back());
  }
  return results;
}

void write_manifest(const std::string& json, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "manifest.json";
  std::ofstream file(path);
  if (!(file << json << "\n" << std::flush))
    throw Error(ErrorCode::IO_FAILURE,
                fmt::format("expected to write \"{}\", found that it failed. Check space and permissions.", path.string()));
  show_written("Tables", folder.string());
}

void write_table(const Table& table, const std::filesystem::path& folder, const std::string& name) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    throw Error(ErrorCode::IO_FAILURE, fmt::format("expected to create \"{}\", found: {}. Check space and permissions.",
                                                   folder.string(), failed.message()));
  for (const char* extension : {".parquet", ".csv"}) {
    ArrowArrayStream stream{};
    table_to_arrow(table, &stream);
    formats::write_file((folder / (name + extension)).string(), &stream);
  }
}

namespace {

void write_tables(const Result& result, const std::filesystem::path& folder) {
  for (const TableSet::Entry& entry : result.tables) write_table(entry.table, folder, entry.name);
  Json manifest = {{"run_id", result.run_id}, {"snapshot", result.snapshot}, {"config", Json::parse(result.config_json)}};
  for (const Diagnostics::Count& count : result.diagnostics.counts) manifest["diagnostics"][count.name] = count.count;
  write_manifest(manifest.dump(2), folder);
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
    fmt::print(stderr, "Sharpe ratio before costs {:.2f}, 95 % interval {:.2f} to {:.2f}\n",
               annualised_sharpe(ret, result.periods_per_year), interval.low, interval.high);
}

}  // namespace

void present(const Session& session, Result result, const std::string& name) {
  const std::optional<ledger::Deflation> deflation = session.deflate(result);
  if (session.has_inference()) {
    TriedBySeries tried;
    if (deflation) {
      const auto n = static_cast<double>(deflation->trials);
      tried = {TriedBefore{n, deflation->effective, deflation->variance},
               TriedBefore{n, deflation->effective, deflation->variance_net}};
    }
    const Workers workers{default_threads(), [] {
                            if (is_interrupted())
                              throw Error(ErrorCode::CANCELLED,
                                          "expected to finish the inference, found that it was interrupted.");
                          }};
    result.tables.add("inference", infer_result(result, session.inference(), {}, tried, workers));
  }
  if (!session.out().empty()) {
    const std::filesystem::path folder(session.out());
    write_tables(result, name.empty() ? folder : folder / name);
  }
  if (session.format() == "json") {
    std::string body = result_to_json(result);
    if (deflation) {
      body.pop_back();
      body += fmt::format(",\"study\":\"{}\",\"deflation\":{}}}", deflation->study, ledger::to_json(*deflation));
    }
    fmt::print("{}\n", body);
    return;
  }
  if (session.format() == "csv") {
    fmt::print("{}", table_to_csv(result.tables[session.has_inference() ? "inference" : "summary"]));
    return;
  }
  if (!name.empty()) fmt::print("{}\n", name);
  fmt::print("{}", table_to_text(short_summary(result)));
  if (session.has_inference()) fmt::print("{}", table_to_text(result.tables["inference"]));
  print_sharpe_interval(result);
  if (deflation) fmt::print(stderr, "study {}: {}\n", deflation->study, ledger::to_sentence(*deflation));
  fmt::print(stderr, "{} of {} rows used{}, load {:.1f} ms, run {:.1f} ms, run_id {}\n", result.diagnostics["rows_used"],
             result.diagnostics["rows_given"], describe_drops(result.diagnostics), session.load_seconds() * 1e3,
             result.elapsed_seconds * 1e3, result.run_id);
}

}  // namespace fractile::cli
