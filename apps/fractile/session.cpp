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
#include "config/options.hpp"
#include "config_file.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "output/output.hpp"
#include "service/run_options.hpp"

namespace fractile::cli {
namespace {

using Json = nlohmann::json;

std::string flag_of(std::string_view option) {
  std::string flag(option);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return "--" + flag;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// A typed number as JSON; other text stays text, so that the option's own check names it.
Json number_or_text(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() ? parsed : Json(text);
}

/// An option as typed on the command line, in the JSON of every other surface.
std::string to_json(const OptionInfo& option, const std::string& text) {
  switch (option.type) {
    case OptionType::texts: {
      Json list = Json::array();
      for (const std::string& part : split(text, ','))
        if (!part.empty()) list.push_back(part);
      return list.dump();
    }
    case OptionType::two_reals: {
      Json list = Json::array();
      for (const std::string& part : split(text, ',')) list.push_back(number_or_text(part));
      return list.dump();
    }
    case OptionType::bps_map: {
      Json map = Json::object();
      for (const std::string& part : split(text, ',')) {
        const auto equals = part.find('=');
        map[part.substr(0, equals)] = equals == std::string::npos ? Json() : number_or_text(part.substr(equals + 1));
      }
      return map.dump();
    }
    case OptionType::universe: {
      const Json parsed = Json::parse(text, nullptr, false);
      return parsed.is_discarded() ? Json(text).dump() : text;
    }
    case OptionType::boolean:
    case OptionType::whole:
    case OptionType::real: return number_or_text(text).dump();
    case OptionType::resid:
    case OptionType::choice:
    case OptionType::text: break;
  }
  return text == "true" || text == "false" ? text : Json(text).dump();
}

}  // namespace

void Session::add_options(CLI::App& command) {
  command.add_option("--snapshot", snapshot_, "Snapshot id; default: the newest");
  command.add_option("--root", root_, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  command.add_option("--start-date", start_date_, "First return day, inclusive");
  command.add_option("--end-date", end_date_, "Last return day, inclusive");
  command.add_flag_function(
      "--compact,!--no-compact", [this](std::int64_t count) { compact_ = count > 0; },
      "Read float32 where it is stored (default); else float64");
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

void Session::read_config_file() {
  const ConfigFile file = read_config(config_path_);
  defaults_ = file.defaults;
  if (!snapshot_) snapshot_ = file.snapshot;
  if (!start_date_) start_date_ = file.start_date;
  if (!end_date_) end_date_ = file.end_date;
  if (!compact_) compact_ = file.compact;
  residence_ = file.residence();
  cache_size_ = file.cache_size.value_or(kDefaultCacheSize);
}

void Session::open() {
  read_config_file();
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
  std::ofstream(folder / "manifest.json") << manifest.dump(2) << "\n";
}

/// The columns of the summary that fit a terminal.
Table short_summary(const Result& result) {
  Table out;
  for (const char* name : {"byvar", "group", "num_date", "numcos_l", "numcos_s", "ret_ann", "ret_std", "sharpe_ret",
                           "sharpe_ret_net", "maxdd", "turnover", "tc_ann", "t_stat_nw"})
    if (const Column* column = result.tables["summary"].find(name)) out.columns.push_back(*column);
  return out;
}

void print_csv(const Table& table) {
  for (std::size_t c = 0; c < table.columns.size(); ++c) fmt::print("{}{}", c ? "," : "", table.columns[c].name);
  fmt::print("\n");
  const std::string json = table_to_json(table);
  for (const auto& record : nlohmann::ordered_json::parse(json)) {
    bool is_first = true;
    for (const auto& [name, value] : record.items()) {
      fmt::print("{}{}", is_first ? "" : ",", value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump());
      is_first = false;
    }
    fmt::print("\n");
  }
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
    print_csv(result.tables["summary"]);
    return;
  }
  if (!name.empty()) fmt::print("{}\n", name);
  fmt::print("{}", table_to_text(short_summary(result)));
  fmt::print(stderr, "{} of {} rows used, load {:.1f} ms, run {:.1f} ms, run_id {}\n", result.diagnostics["rows_used"],
             result.diagnostics["rows_given"], session.load_seconds() * 1e3, result.elapsed_seconds * 1e3, result.run_id);
}

}  // namespace fractile::cli
