// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "bind.hpp"
#include "fractile/error.hpp"
#include "fractile/signal.hpp"
#include "gate.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

using Int64s = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Gives an array's memory to a Signal. The array may be released by any thread.
template <class Array>
std::shared_ptr<void> keep(const Array& array) {
  return std::shared_ptr<void>(new Array(array), [](void* kept) {
    const nb::gil_scoped_acquire lock;
    delete static_cast<Array*>(kept);
  });
}

DateUnit unit_of(const std::string& unit) {
  if (unit == "s") return DateUnit::second;
  if (unit == "ms") return DateUnit::millisecond;
  if (unit == "us") return DateUnit::microsecond;
  return DateUnit::nanosecond;
}

/// Columns of numpy arrays, all of one length: ids int64, dates as (int64 ticks, unit), values float64.
Signal make_signal(const Int64s& security_id, const std::map<std::string, std::pair<Int64s, std::string>>& dates,
                   const std::vector<std::pair<std::string, Doubles>>& values) {
  Signal signal;
  const std::size_t n_rows = security_id.shape(0);
  const auto check = [n_rows](const std::string& name, std::size_t found) {
    if (found != n_rows)
      throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected " + std::to_string(n_rows) + " values in column \"" + name +
                                                    "\", found " + std::to_string(found) + ". Give columns of one length.");
  };
  signal.keys.n_rows = static_cast<std::int64_t>(n_rows);
  signal.keys.security_id = security_id.data();
  signal.owners.push_back(keep(security_id));
  for (const auto& [name, column] : dates) {
    check(name, column.first.shape(0));
    const DateColumn view{column.first.data(), unit_of(column.second)};
    if (name == "date_sig") signal.keys.date_sig = view;
    if (name == "date_avail") signal.keys.date_avail = view;
    if (name == "date_ret") signal.keys.date_ret = view;
    if (name == "date_openret") signal.keys.date_openret = view;
    signal.owners.push_back(keep(column.first));
  }
  for (const auto& [name, column] : values) {
    check(name, column.shape(0));
    signal.names.push_back(name);
    signal.values.push_back(column.data());
    signal.owners.push_back(keep(column));
  }
  return signal;
}

}  // namespace

ArrowArrayStream take_stream(nb::handle object) {
  const nb::object capsule = object.attr("__arrow_c_stream__")();
  auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule.ptr(), "arrow_array_stream"));
  if (!stream) throw nb::python_error();
  const ArrowArrayStream taken = *stream;
  stream->release = nullptr;
  return taken;
}

void bind_signal(nb::module_& module) {
  nb::class_<Signal>(module, "Signal", "The rows of a signal, ready for the engine.")
      .def_prop_ro(
          "n_rows", [](const Signal& signal) { return signal.keys.n_rows; }, "Rows given.")
      .def_prop_ro("names", [](const Signal& signal) { return signal.names; }, "Names of the value columns.");
  module.def("signal_from_numpy", &make_signal, nb::arg("security_id"), nb::arg("dates"), nb::arg("values"),
             "A signal over numpy memory, without a copy.");
  module.def(
      "signal_from_arrow",
      [](nb::handle object, const std::vector<std::string>& sigvars) {
        ArrowArrayStream stream = take_stream(object);
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal(&stream, sigvars); });
        return signal;
      },
      nb::arg("source"), nb::arg("sigvars"), "A signal from anything with __arrow_c_stream__.");
  module.def(
      "signal_from_file",
      [](const std::string& path, const std::vector<std::string>& sigvars) {
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal_file(path, sigvars); });
        return signal;
      },
      nb::arg("path"), nb::arg("sigvars"), "A signal from a .parquet, .csv, .arrow or .feather file.");
  module.def(
      "signal_from_bytes",
      [](const nb::bytes& data, const std::string& format, const std::vector<std::string>& sigvars) {
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal_bytes(data.c_str(), data.size(), format, sigvars); });
        // Numbers may be views into the bytes.
        signal.owners.push_back(keep(data));
        return signal;
      },
      nb::arg("data"), nb::arg("format"), nb::arg("sigvars"), "A signal from Arrow IPC bytes.");
}

}  // namespace fractile::python
