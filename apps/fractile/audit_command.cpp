// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "commands.hpp"
#include "fractile/audit.hpp"
#include "output/audit.hpp"
#include "plot.hpp"
#include "session.hpp"

namespace fractile::cli {
namespace {

constexpr int kSuspicious = 3, kLookAhead = 4;

void present(const Session& session, const Audit& audit) {
  if (!session.out().empty()) {
    write_table(checks_table(audit), session.out(), "checks");
    write_table(audit.profile, session.out(), "profile");
  }
  if (session.format() == "json")
    fmt::print("{}\n", audit_to_json(audit));
  else if (session.format() == "csv")
    fmt::print("{}", table_to_csv(checks_table(audit)));
  else
    fmt::print("{}", audit_to_text(audit));
}

}  // namespace

void add_audit(CLI::App& app) {
  CLI::App* command = app.add_subcommand("audit", "Examine a signal for look-ahead; status 3 if suspicious, 4 if it looks ahead");
  auto session = std::make_shared<Session>();
  auto signal = std::make_shared<std::string>(), previous = std::make_shared<std::string>(),
       plot = std::make_shared<std::string>();
  command->add_option("SIGNAL", *signal, "File with security_id, date_sig and the signal (.parquet, .csv, .arrow)")->required();
  command->add_option("--previous", *previous, "File with an older vintage of the signal");
  command->add_option("--plot", *plot, "File for the profile (.png, .pdf, .svg) or a page (.html), by the Python package");
  session->add_options(*command);
  command->callback([session, signal, previous, plot] {
    if (!plot->empty()) require_plotting(*plot, {".png", ".pdf", ".svg", ".html"});
    session->open();
    const Signal rows = read_signal_file(*signal, {session->sigvar()});
    std::optional<Signal> older;
    std::optional<SignalVintage> vintage;
    if (!previous->empty()) {
      older = read_signal_file(*previous, {session->sigvar()});
      vintage.emplace(SignalVintage{older->keys, older->values[0]});
    }
    const Audit audit = audit_signal(session->backtester(), rows.keys, rows.values[0], session->config(),
                                     vintage ? &*vintage : nullptr, is_interrupted);
    present(*session, audit);
    if (!plot->empty()) draw_plot("fractile.audit", audit_to_json(audit, Orient::split), *plot);
    if (audit.verdict() == AuditStatus::suspicious) throw CLI::RuntimeError(kSuspicious);
    if (audit.verdict() == AuditStatus::look_ahead) throw CLI::RuntimeError(kLookAhead);
  });
}

}  // namespace fractile::cli
