// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "fractile/fama_macbeth.hpp"
#include "fractile/read_signal.hpp"
#include "output/fama_macbeth.hpp"
#include "session.hpp"

namespace fractile::cli {
namespace {

struct RegressionArguments {
  Session session;
  std::string signal;
  std::vector<std::string> signals;
  FamaMacBethOptions options;
};

void present(const Session& session, const FamaMacBeth& found) {
  if (!session.out().empty()) {
    write_table(found.table, session.out(), "fama_macbeth");
    write_table(found.daily, session.out(), "daily");
    write_manifest(fama_macbeth_to_json(found), session.out());
  }
  if (session.format() == "json")
    fmt::print("{}\n", fama_macbeth_to_json(found));
  else if (session.format() == "csv")
    fmt::print("{}", table_to_csv(found.table));
  else
    fmt::print("{}", fama_macbeth_to_text(found));
}

}  // namespace

void add_fama_macbeth(CLI::App& app) {
  CLI::App* command = app.add_subcommand("fama-macbeth", "Regress returns on a signal and controls, day by day");
  auto given = std::make_shared<RegressionArguments>();
  command->add_option("SIGNAL", given->signal, "File with security_id, date_sig and the signal (.parquet, .csv, .arrow)")
      ->required();
  command->add_option("--signals", given->signals, "Value columns of SIGNAL, separated by commas; default: sigvar")
      ->delimiter(',');
  command->add_option("--controls", given->options.controls, "Panel columns, separated by commas; categories become dummies")
      ->delimiter(',');
  command->add_flag("--standardize", given->options.standardize, "Less the mean of the day, over its standard deviation");
  command->add_option("--winsorize", given->options.winsorize, "Percent: clip each day to the quantiles p and 100 - p");
  command->add_option("--lags", given->options.lags, "Lags of Newey and West; default: floor(4 (T / 100)^(2/9))");
  command->add_option("--min-names", given->options.min_names, "Names that a day needs; default: max(10, regressors + 2)");
  given->session.add_options(*command);
  command->callback([given] {
    const Session& session = given->session;
    given->session.open();
    const std::vector<std::string> columns = given->signals.empty() ? std::vector<std::string>{session.sigvar()} : given->signals;
    const Signal rows = read_signal_file(given->signal, columns, session.reading());
    std::vector<NamedValues> signals;
    for (std::size_t k = 0; k < columns.size(); ++k) signals.push_back({columns[k], rows.values[k]});
    present(session, fama_macbeth(session.backtester(), rows.keys, signals, session.config(), given->options, is_interrupted));
  });
}

}  // namespace fractile::cli
