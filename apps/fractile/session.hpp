// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "fractile/backtest.hpp"
#include "ledger/ledger.hpp"
#include "read_flags.hpp"
#include "service/run_options.hpp"
#include "stats/inference.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace fractile::cli {

/// The common state of run, suite and batch: the snapshot and the options of a run. Options come from arguments,
/// the environment, the configuration file and defaults, in this order.
class Session {
 public:
  /// Adds --snapshot, --root, --start-date, ..., and a flag for every run option.
  void add_options(CLI::App& command);
  /// Opens the snapshot. Call after parsing.
  void open();
  const Backtester& backtester() const { return *backtester_; }
  double load_seconds() const noexcept { return load_seconds_; }
  const std::string& sigvar() const noexcept { return sigvar_; }
  /// How the signal is read.
  ReadOptions reading() const { return read_flags_.options(); }
  const std::string& format() const noexcept { return format_; }
  const std::string& out() const noexcept { return out_; }
  /// The run options as a JSON object, defaults included. Call after open().
  const std::string& options() const noexcept { return options_; }
  RunConfig config() const { return parse_config(options_); }
  /// One run, which its study counts.
  Result run(const Signal& signal, std::size_t column, const RunConfig& config) const;
  /// The signal and the dates as typed, for the command that a tear sheet shows.
  RunPlace place(const std::string& signal) const;
  /// The cells of a suite on one signal, with progress on stderr.
  std::vector<Result> run_suite(const Signal& signal, const std::vector<SuiteCell>& suite) const;
  const InferenceOptions& inference() const noexcept { return inference_; }
  bool has_inference() const noexcept { return has_inference_; }
  /// The result among the trials of its study; none without a study.
  std::optional<ledger::Deflation> deflate(const Result& result) const;

 private:
  void read_settings();
  void accept(const Result& result) const;

  ReadFlags read_flags_;
  std::map<std::string, std::string> given_;  ///< run options as typed, by name
  OptionTexts defaults_;                      ///< of the configuration file
  std::string options_;
  std::optional<std::string> snapshot_, root_, start_date_, end_date_, config_path_;
  std::optional<std::string> given_study_;
  std::string study_;                 ///< "": none
  ledger::Ledger* ledger_ = nullptr;  ///< of the study
  InferenceOptions inference_;
  bool has_inference_ = false;
  std::optional<bool> compact_;
  Residence residence_ = Residence::mapped;
  int cache_size_ = kDefaultCacheSize;
  std::string sigvar_ = "signal", format_ = "table", out_;
  std::unique_ptr<Backtester> backtester_;
  double load_seconds_ = 0.0;
};

/// Prints a result in the form of --format and writes --out. `name` labels the result if there are several.
void present(const Session& session, Result result, const std::string& name);
/// Writes a table to folder/name.parquet and .csv, and makes the folder. Throws IO_FAILURE.
void write_table(const Table& table, const std::filesystem::path& folder, const std::string& name);

}  // namespace fractile::cli
