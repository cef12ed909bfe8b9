// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/analysis_module.hpp"

namespace fractile {

#define FRACTILE_ANALYSIS(name) AnalysisModule name##_module();
#include "schema/analysis_modules.def"
#undef FRACTILE_ANALYSIS
AnalysisModule weights_module();

const std::vector<AnalysisModule>& analysis_modules() {
  static const std::vector<AnalysisModule> modules{
#define FRACTILE_ANALYSIS(name) name##_module(),
#include "schema/analysis_modules.def"
#undef FRACTILE_ANALYSIS
      weights_module(),
  };
  return modules;
}

Analyses::Analyses(const AnalysisContext& context) {
  for (const AnalysisModule& module : analysis_modules())
    if (module.is_asked(context.config)) runs_.push_back(module.start(context));
}

bool Analyses::need_names() const noexcept {
  for (const auto& run : runs_)
    if (run->needs_names()) return true;
  return false;
}

std::vector<std::unique_ptr<DayObserver>> Analyses::make_observers(int slot) {
  std::vector<std::unique_ptr<DayObserver>> out;
  for (const auto& run : runs_) out.push_back(run->make_observer(slot));
  return out;
}

void Analyses::finish(TableSet& tables) {
  for (const auto& run : runs_) run->finish(tables);
}

}  // namespace fractile
