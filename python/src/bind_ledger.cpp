// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>
#include <utility>

#include "bind.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "fractile/snapshot.hpp"
#include "ledger/ledger.hpp"
#include "output/output.hpp"

/// The trial ledger as fractile.studies calls it. Files are paths.
namespace fractile::python {
namespace {

namespace nb = nanobind;

using ledger::Ledger;
/// A contiguous array of one dimension.
template <class T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Moments = std::array<double, 4>;  // ratio per period, periods, skewness, kurtosis

/// A result whose tables are the one given.
RawResult hold(const char* name, Table table) {
  auto result = std::make_shared<Result>();
  result->tables.add(name, std::move(table));
  return RawResult{std::move(result)};
}

SharpeMoments to_moments(const Moments& m) { return {m[0], m[1], m[2], m[3]}; }

template <class T>
nb::object to_array(std::vector<T> values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const nb::capsule owner(owned.get(), [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  std::vector<T>& array = *owned.release();
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(array.data(), {array.size()}, owner));
}

}  // namespace

void bind_ledger(nb::module_& module) {
  // A list: one binding after the other.
  nb::module_ ledger = module.def_submodule("ledger", "The trials of studies, in a file that processes share.");
  using Released = nb::call_guard<nb::gil_scoped_release>;
  ledger.def(
      "file", [](const std::string& root) { return ledger::ledger_file(root).string(); }, nb::arg("root"),
      "$FRACTILE_LEDGER, else ledger.sqlite in the folder of snapshots.");
  ledger.def("study_name", &ledger::study_name, nb::arg("given").none(),
             "The study given, else $FRACTILE_STUDY; \"\" is none. Raises ConfigError.");
  ledger.def(
      "require_writable", [](const std::string& file) { Ledger::at(file).require_writable(); }, nb::arg("file"), Released(),
      "Opens the ledger, before a run. Raises FractileError if it cannot be written.");
  ledger.def(
      "record",
      [](const std::string& file, const std::string& study, const RawResult& raw) {
        Ledger::at(file).record(ledger::make_record(study, *raw.result));
      },
      nb::arg("file"), nb::arg("study"), nb::arg("raw"), Released(), "Queues a result as a trial of the study.");
  ledger.def(
      "record_series",
      [](const std::string& file, const std::string& study, const std::string& run_id, const std::string& snapshot,
         const std::string& config, int periods_per_year, const Array<Day>& days, const Array<double>& ret,
         const std::optional<Array<double>>& ret_net) {
        if (ret.size() != days.size() || (ret_net && ret_net->size() != days.size()))
          throw Error(ErrorCode::INVALID_VALUE,
                      fmt::format("expected as many returns as days, found {} and {}.", ret.size(), days.size()));
        ledger::TrialRecord record;
        record.trial.run_id = run_id;
        record.trial.periods_per_year = periods_per_year;
        record.study = study;
        record.snapshot = snapshot;
        record.config = config;
        record.days.assign(days.data(), days.data() + days.size());
        record.ret.assign(ret.data(), ret.data() + ret.size());
        if (ret_net) record.ret_net.assign(ret_net->data(), ret_net->data() + ret_net->size());
        const nb::gil_scoped_release released;
        Ledger::at(file).record(ledger::complete_record(std::move(record)));
      },
      nb::arg("file"), nb::arg("study"), nb::arg("run_id"), nb::arg("snapshot"), nb::arg("config"), nb::arg("periods_per_year"),
      nb::arg("days"), nb::arg("ret"), nb::arg("ret_net").none(),
      "Queues returns that no run has as a trial: days since 1970-01-01, and returns as long. Raises ConfigError.");
  ledger.def("flush_all", &ledger::flush_all, Released(), "Waits until all trials of this process are in their files.");
  ledger.def(
      "studies", [](const std::string& file) { return hold("studies", Ledger::at(file).studies()); }, nb::arg("file"), Released(),
      "Table \"studies\": one row per study.");
  ledger.def(
      "trials", [](const std::string& file, const std::string& study) { return hold("trials", Ledger::at(file).trials(study)); },
      nb::arg("file"), nb::arg("study"), Released(), "Table \"trials\": one row per trial. Raises ConfigError.");
  ledger.def(
      "export",
      [](const std::string& file, const std::string& study, const std::string& path) {
        const Table trials = Ledger::at(file).trials(study);
        ArrowArrayStream stream{};
        table_to_arrow(trials, &stream);
        formats::write_file(path, &stream);
      },
      nb::arg("file"), nb::arg("study"), nb::arg("path"), Released(), "Writes the trials to a Parquet or CSV file.");
  ledger.def(
      "returns",
      [](const std::string& file, const std::string& study, bool is_net) {
        std::vector<std::pair<std::string, ledger::DatedReturns>> found;
        {
          const nb::gil_scoped_release released;
          found = Ledger::at(file).returns(study, is_net);
        }
        nb::list out;
        for (auto& [run_id, returns] : found)
          out.append(nb::make_tuple(run_id, to_array(std::move(returns.days)), to_array(std::move(returns.values))));
        return out;
      },
      nb::arg("file"), nb::arg("study"), nb::arg("is_net"), "(run_id, days, returns) of each stored trial.");
  ledger.def(
      "deflate",
      [](const std::string& file, const std::string& study, const std::string& run_id, int periods_per_year, const Moments& ret,
         const Moments& ret_net) {
        ledger::Deflation found;
        {
          const nb::gil_scoped_release released;
          found = Ledger::at(file).deflate(study, {run_id, periods_per_year, to_moments(ret), to_moments(ret_net)});
        }
        nb::dict out;
        out["study"] = found.study;
        out["trials"] = found.trials;
        out["trials_effective"] = found.effective;
        out["variance"] = found.variance;
        out["variance_net"] = found.variance_net;
        out["dsr"] = found.dsr;
        out["dsr_net"] = found.dsr_net;
        out["is_best"] = found.is_best;
        out["text"] = ledger::to_sentence(found);
        return out;
      },
      nb::arg("file"), nb::arg("study"), nb::arg("run_id"), nb::arg("periods_per_year"), nb::arg("ret"), nb::arg("ret_net"),
      "A trial among the trials of a study. Raises ConfigError.");
  ledger.def(
      "forget", [](const std::string& file, const std::string& study) { return Ledger::at(file).forget(study); }, nb::arg("file"),
      nb::arg("study"), Released(), "Deletes a study's trials; returns how many. Raises ConfigError.");
}

}  // namespace fractile::python
