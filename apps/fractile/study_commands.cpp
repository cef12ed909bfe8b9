// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "commands.hpp"
#include "formats/formats.hpp"
#include "fractile/snapshot.hpp"
#include "ledger/ledger.hpp"
#include "output/output.hpp"

namespace fractile::cli {
namespace {

struct StudyArguments {
  std::string name, file, format = "table";
  std::optional<std::string> root;
  ledger::Ledger& ledger() const {
    return ledger::Ledger::at(
        ledger::ledger_file(snapshot_root(root ? std::optional<std::filesystem::path>(*root) : std::nullopt)));
  }
};

CLI::App* add_study_command(CLI::App& group, const char* name, const char* doc, const std::shared_ptr<StudyArguments>& given,
                            bool with_name) {
  CLI::App* command = group.add_subcommand(name, doc);
  if (with_name) command->add_option("NAME", given->name, "The study")->required();
  command->add_option("--root", given->root,
                      "Folder of the snapshots, which holds the ledger; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  return command;
}

void add_study_format(CLI::App& command, const std::shared_ptr<StudyArguments>& given) {
  command.add_option("--format", given->format, "table, json or csv")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
}

void print_table(const Table& table, const std::string& format) {
  if (format == "json")
    fmt::print("{}\n", table_to_json(table));
  else
    fmt::print("{}", format == "csv" ? table_to_csv(table) : table_to_text(table));
}

/// The columns that fit a terminal; the run_id and the configuration are long.
Table shorten(const Table& trials) {
  Table out;
  for (const char* const name : {"time", "snapshot", "periods", "periods_per_year", "sr", "sr_net", "run_id"})
    out.columns.push_back(*trials.find(name));
  return out;
}

}  // namespace

void add_study(CLI::App& app) {
  CLI::App* group = app.add_subcommand("study", "The trials that the ledger has counted");
  group->require_subcommand(1);

  auto listed = std::make_shared<StudyArguments>();
  CLI::App* list =
      add_study_command(*group, "list", "List studies: trials, first, last, and how many were forgotten", listed, false);
  add_study_format(*list, listed);
  list->callback([listed] { print_table(listed->ledger().studies(), listed->format); });

  auto shown = std::make_shared<StudyArguments>();
  CLI::App* show = add_study_command(*group, "show", "Print the trials of a study, in the order of time", shown, true);
  add_study_format(*show, shown);
  show->callback([shown] {
    const Table trials = shown->ledger().trials(shown->name);
    print_table(shown->format == "table" ? shorten(trials) : trials, shown->format);
  });

  auto exported = std::make_shared<StudyArguments>();
  CLI::App* command = add_study_command(*group, "export", "Write the trials of a study to a file", exported, true);
  command->add_option("FILE", exported->file, ".parquet or .csv")->required();
  command->callback([exported] {
    const Table trials = exported->ledger().trials(exported->name);
    ArrowArrayStream stream{};
    table_to_arrow(trials, &stream);
    formats::write_file(exported->file, &stream);
    fmt::print("{}: {} trials written to {}\n", exported->name, trials.n_rows(), exported->file);
  });

  auto forgotten = std::make_shared<StudyArguments>();
  add_study_command(*group, "forget", "Delete the trials of a study; their number stays in the list", forgotten, true)
      ->callback(
          [forgotten] { fmt::print("{}: {} trials forgotten\n", forgotten->name, forgotten->ledger().forget(forgotten->name)); });
}

}  // namespace fractile::cli
