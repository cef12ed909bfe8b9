// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/day_observer.hpp"
#include "engine/portfolio/portfolio_return.hpp"
#include "fractile/result.hpp"
#include "schema/table_schema.hpp"
#include "types/byte_buffer.hpp"

/// Analysis modules: tables that a run makes on request. A file has one module: its tables, its observer and its finish.
namespace fractile {

/// The inputs that all modules of one run share.
struct AnalysisContext {
  const PanelView& panel;
  const RunConfig& config;
  const PortfolioReturn& returns;
  int n_days = 0;   ///< loaded trading days
  int n_slots = 1;  ///< threads of the run: each has one observer
  /// By slot: memory that the next run uses again, because the first touch of a page costs more than the work on it. For one
  /// module, which clears it.
  std::span<ByteBuffer> memory;
  double periods_per_year = 252.0;
  /// Runs the same signal with other options and returns its tables, without exposures; none if no row of it can be used.
  std::function<TableSet(const RunConfig& config)> run_again;
  /// As Alignment has them, from the first day on.
  std::function<bool()> knows_later_names;
  std::function<void(DateIndex n, std::vector<NamedSignal>& out)> read_later_names;
  std::size_t days() const noexcept { return static_cast<std::size_t>(n_days); }
};

/// One module in one run: the storage that observers write to and finish() reads.
class AnalysisRun {
 public:
  virtual ~AnalysisRun() = default;
  /// True if observers read ObservedDay::rows and values. The run then lists all names of each day, which costs time.
  virtual bool needs_names() const noexcept { return true; }
  /// Returns the observer of thread `slot`. Called once per slot or never, by several threads at once.
  virtual std::unique_ptr<DayObserver> make_observer(int slot) = 0;
  /// Adds the module's tables, after all days.
  virtual void finish(TableSet& tables) = 0;
};

struct AnalysisModule {
  std::string_view name;  ///< as in `analysis`; "" for a module that another option asks for
  bool (*is_asked)(const RunConfig& config);
  std::vector<TableSchema> tables;
  std::unique_ptr<AnalysisRun> (*start)(const AnalysisContext& context);
};

/// All modules, in the order of their tables.
const std::vector<AnalysisModule>& analysis_modules();

/// The modules that one run asks for.
class Analyses {
 public:
  explicit Analyses(const AnalysisContext& context);
  bool need_names() const noexcept;
  std::vector<std::unique_ptr<DayObserver>> make_observers(int slot);
  void finish(TableSet& tables);

 private:
  std::vector<std::unique_ptr<AnalysisRun>> runs_;
};

}  // namespace fractile
