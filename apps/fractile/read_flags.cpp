// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "read_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "ingest/read_options.hpp"
#include "types/quoted_text.hpp"

namespace fractile::cli {

void ReadFlags::add_to(CLI::App& command, bool for_panel) {
  for (const ReadOptionInfo& info : read_option_table()) {
    if (info.is_for_panels && !for_panel) continue;
    const std::string name(info.name), doc(info.doc);
    std::string flag = "--" + name;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (info.type == ReadOptionType::boolean) {
      command.add_flag_function(flag, [this, name](std::int64_t) { set_[name] = true; }, doc)->group("Reading");
      continue;
    }
    command
        .add_option_function<std::vector<std::string>>(
            flag, [this, name](const std::vector<std::string>& texts) { given_[name] = texts; }, doc)
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group("Reading");
  }
}

ReadOptions ReadFlags::options() const {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [name, texts] : given_) all[name]["each"] = texts;
  for (const auto& [name, is_set] : set_) all[name] = is_set;
  return parse_read_options(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string flags_for_signals(const ReadOptions& options) {
  std::string out;
  const auto add = [&out](const std::string& flag, const std::string& value) {
    out += " --" + flag + " " + quote_for_shell(value);
  };
  for (const auto& [panels, signals] : {std::pair("security_id", "security_id"), std::pair("date", "date_sig")})
    if (const auto named = options.map.find(panels); named != options.map.end())
      add("map", std::string(signals) + "=" + escape_commas(named->second));
  if (!options.date_format.empty()) add("date-format", options.date_format);
  if (!options.delimiter.empty()) add("delimiter", options.delimiter == "\t" ? "tab" : options.delimiter);
  if (options.decimal != ReadOptions().decimal) add("decimal", options.decimal);
  if (!options.encoding.empty()) add("encoding", options.encoding);
  return out;
}

std::string describe_signal_columns(const ReadOptions& options) {
  const auto name_of = [&](const char* panels, const char* signals) {
    const auto named = options.map.find(panels);
    return named == options.map.end() ? std::string(signals) : named->second;
  };
  return fmt::format("A signal has the columns {}, {} and signal; give other names by --map date_sig=NAME and --sigvar NAME.",
                     name_of("security_id", "security_id"), name_of("date", "date_sig"));
}

}  // namespace fractile::cli
