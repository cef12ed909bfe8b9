// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "config/config_file.hpp"
#include "config/options.hpp"
#include "fractile/config.hpp"
#include "service/run_options.hpp"

namespace nb = nanobind;

namespace fractile::python {

namespace {

/// The keywords of BacktestService.get() that the file or the environment sets.
nb::dict service_arguments(const ConfigFile& file) {
  nb::dict out;
  const auto set = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  set("snapshot", file.snapshot);
  set("start_date", file.start_date);
  set("end_date", file.end_date);
  set("compact", file.compact);
  set("use_mmap", file.use_mmap);
  set("preload", file.preload);
  set("cache_size", file.cache_size);
  return out;
}

}  // namespace

void bind_config(nb::module_& module) {
  nb::class_<RunConfig>(module, "RunConfig", "The options of a run, checked.")
      .def("to_json", [](const RunConfig& config) { return config_to_json(config); }, "All options as canonical JSON.");
  module.def(
      "parse_config", [](const std::string& json) { return parse_config(json); }, nb::arg("json"),
      "Checks options given as a JSON object. Raises ConfigError.");
  module.def(
      "read_config",
      [](const std::optional<std::string>& path, const std::string& packaged) {
        const ConfigFile file = read_config_file(path, packaged);
        return nb::make_tuple(service_arguments(file), file.defaults);
      },
      nb::arg("path").none(), nb::arg("packaged"),
      "Reads the configuration file and the environment: arguments of BacktestService.get, and run options as JSON texts. "
      "Raises ConfigError.");
  module.def(
      "make_suite",
      [](const std::string& options, const std::string& lags, const std::string& resid_modes) {
        nb::list out;
        for (SuiteCell& cell : make_suite_cells(options, lags, resid_modes))
          out.append(nb::make_tuple(cell.name, std::move(cell.config)));
        return out;
      },
      nb::arg("options"), nb::arg("lags"), nb::arg("resid_modes"),
      "Name and options of every pair of lag and resid mode; all given as JSON. Raises ConfigError.");
  module.def(
      "options",
      [] {
        nb::list out;
        for (const OptionInfo& option : run_options()) {
          nb::dict entry;
          entry["name"] = option.name;
          entry["default"] = option.default_text;
          entry["type"] = option_type_name(option.type);
          entry["choices"] = option.choices;
          entry["zero_name"] = option.zero_name;
          entry["min"] = option.min;
          entry["max"] = option.max;
          entry["doc"] = option.doc;
          out.append(entry);
        }
        return out;
      },
      "Every option of a run: name, type, default (JSON), choices, zero_name (a word beside the numbers), min and max (equal: "
      "unbounded), doc.");
  module.def(
      "nearest_name",
      [](const std::string& name, const std::vector<std::string>& names) {
        return nearest_name(name, std::vector<std::string_view>(names.begin(), names.end()));
      },
      nb::arg("name"), nb::arg("names"), "The nearest of names by edit distance.");
}

}  // namespace fractile::python
