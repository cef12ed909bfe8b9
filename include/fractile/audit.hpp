// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/backtest.hpp"

namespace fractile {

/// The outcome of one check, from good to bad. The first three are not a fault.
enum class AuditStatus : std::uint8_t { pass, not_applicable, note, suspicious, look_ahead };
/// "pass", "not applicable", "note", "suspicious", "look-ahead".
std::string_view to_text(AuditStatus status) noexcept;

struct AuditCheck {
  std::string check;
  AuditStatus status = AuditStatus::pass;
  double value;                  ///< NaN if the check lacks what it needs
  double threshold;              ///< NaN if there is none
  std::string meaning;           ///< one or two sentences
  std::vector<RowExample> rows;  ///< the first offending rows in input order
};

/// The findings about one signal: docs/how_to_audit.md.
struct Audit {
  std::vector<AuditCheck> checks;  ///< in the order of docs/how_to_audit.md
  /// By k from -10 to 10: k, ic, t_nw, days, names, share.
  Table profile;
  int first_k = 2;  ///< the first k whose return can be earned
  std::string config_json;
  std::string snapshot;
  int periods_per_year = 0;  ///< of the snapshot, or of the option
  double elapsed_seconds = 0.0;
  /// The worst status.
  AuditStatus verdict() const noexcept;
};

/// The checks as a table: check, status, value, threshold, meaning, rows (a text).
Table checks_table(const Audit& audit);

/// Another vintage of a signal.
struct SignalVintage {
  const SignalKeys& keys;
  const double* values;
};

/// Examines a signal for look-ahead, with the options of a run. `previous`: an older vintage, or null. Rows with impossible dates
/// are a finding. Throws as Backtester::run() otherwise.
Audit audit_signal(const Backtester& backtester, const SignalKeys& keys, const double* values, const RunConfig& config,
                   const SignalVintage* previous = nullptr, const Interrupt& interrupt = {});

}  // namespace fractile
