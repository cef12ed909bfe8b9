// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <string_view>

#include "arrow/arrow_export.hpp"
#include "bind.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "fractile/read_signal.hpp"
#include "gate.hpp"
#include "ingest/ids.hpp"
#include "ingest/read_options.hpp"
#include "parallel/workers.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Shares an array's memory with a Signal. Any thread may release the array.
template <class Array>
std::shared_ptr<void> keep(const Array& array) {
  return std::shared_ptr<void>(new Array(array), [](void* kept) {
    const nb::gil_scoped_acquire lock;
    delete static_cast<Array*>(kept);
  });
}

/// Arrow's bitmap of the values that are not missing; null if none is missing.
template <class T>
const void* bits_present(const void* data, std::int64_t n_rows, std::vector<std::vector<std::uint8_t>>& kept) {
  constexpr T kMissing = std::numeric_limits<T>::min();
  static_assert(kMissingTime == std::numeric_limits<std::int64_t>::min());
  static_assert(kMissingDay == std::numeric_limits<Day>::min());
  const T* values = static_cast<const T*>(data);
  if (std::find(values, values + n_rows, kMissing) == values + n_rows) return nullptr;
  std::vector<std::uint8_t>& bits = kept.emplace_back(static_cast<std::size_t>(n_rows / 8 + 1));
  for (std::int64_t i = 0; i < n_rows; ++i)
    if (values[i] != kMissing) bits[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1 << (i % 8));
  return bits.data();
}

/// Ticks as days, which take half the bytes, if all of them are whole days; else nullopt.
template <std::int64_t kTicksPerDay>
std::optional<std::vector<Day>> whole_days(const std::int64_t* ticks, std::int64_t n_rows) {
  constexpr std::int64_t kLimit = std::numeric_limits<Day>::max();
  std::vector<Day> days(static_cast<std::size_t>(n_rows));
  for (std::int64_t i = 0; i < n_rows; ++i) {
    const std::int64_t day = ticks[i] / kTicksPerDay;
    const bool is_missing = ticks[i] == kMissingTime;
    if (!is_missing && (day * kTicksPerDay != ticks[i] || day > kLimit || day < -kLimit)) return std::nullopt;
    days[static_cast<std::size_t>(i)] = is_missing ? kMissingDay : static_cast<Day>(day);
  }
  return days;
}

std::optional<std::vector<Day>> whole_days(const DateColumn& dates, std::int64_t n_rows) {
  const auto* ticks = static_cast<const std::int64_t*>(dates.data);
  constexpr std::int64_t kSeconds = 86'400;
  switch (dates.unit) {
    case DateUnit::day: break;  // they are
    case DateUnit::second: return whole_days<kSeconds>(ticks, n_rows);
    case DateUnit::millisecond: return whole_days<kSeconds * 1'000>(ticks, n_rows);
    case DateUnit::microsecond: return whole_days<kSeconds * 1'000'000>(ticks, n_rows);
    case DateUnit::nanosecond: return whole_days<kSeconds * 1'000'000'000>(ticks, n_rows);
  }
  return std::nullopt;
}

/// Describes ids as a dictionary of texts; a row without an id has none.
ExportColumn describe_ids(const IdColumn& ids, std::int64_t n_rows, std::vector<std::vector<std::uint8_t>>& kept) {
  if (!ids.is_text()) return {"security_id", "l", {ids.valid, ids.numbers}};
  std::vector<std::uint8_t>& bits = kept.emplace_back(static_cast<std::size_t>(n_rows / 8 + 1));
  for (std::int64_t i = 0; i < n_rows; ++i)
    if (ids.codes[i] >= 0) bits[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1 << (i % 8));
  return {"security_id", "i", {bits.data(), ids.codes}, std::make_shared<ExportTexts>(ids.texts)};
}

/// Writes the signal's columns as an Arrow IPC stream into memory from `allocate`.
void write_signal(const Signal& signal, const std::function<char*(std::size_t)>& allocate) {
  const SignalKeys& keys = signal.keys;
  std::vector<std::vector<std::uint8_t>> kept_bits;
  std::deque<std::vector<Day>> kept_days;
  std::vector<ExportColumn> columns;
  columns.push_back(describe_ids(keys.security_id, keys.n_rows, kept_bits));
  const auto add_dates = [&](const char* name, DateColumn dates) {
    if (!dates) return;
    if (auto days = whole_days(dates, keys.n_rows)) dates = {kept_days.emplace_back(*std::move(days)).data(), DateUnit::day};
    constexpr const char* kFormats[] = {"tdD", "tss:", "tsm:", "tsu:", "tsn:"};
    const void* present = dates.unit == DateUnit::day ? bits_present<Day>(dates.data, keys.n_rows, kept_bits)
                                                      : bits_present<std::int64_t>(dates.data, keys.n_rows, kept_bits);
    columns.push_back({name, kFormats[static_cast<std::size_t>(dates.unit)], {present, dates.data}});
  };
  add_dates("date_sig", keys.date_sig);
  add_dates("date_avail", keys.date_avail);
  add_dates("date_ret", keys.date_ret);
  add_dates("date_openret", keys.date_openret);
  for (std::size_t i = 0; i < signal.names.size(); ++i) columns.push_back({signal.names[i], "g", {nullptr, signal.values[i]}});
  ArrowArrayStream stream{};
  export_table(std::move(columns), keys.n_rows, nullptr, &stream);
  formats::write_ipc_stream(&stream, allocate);
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
  // A list: one binding after the other.
  nb::class_<Signal>(module, "Signal", "The rows of a signal, ready for the engine.")
      .def_prop_ro(
          "n_rows", [](const Signal& signal) { return signal.keys.n_rows; }, "Rows given.")
      .def_prop_ro("names", [](const Signal& signal) { return signal.names; }, "Names of the value columns.");
  module.def(
      "read_options",
      [] {
        nb::list out;
        for (const ReadOptionInfo& info : read_option_table()) {
          nb::dict entry;
          entry["name"] = std::string(info.name);
          entry["doc"] = std::string(info.doc);
          entry["is_for_panels"] = info.is_for_panels;
          out.append(entry);
        }
        return out;
      },
      "Every option of reading, in order.");
  module.def(
      "signal_from_arrow",
      [](nb::handle object, const std::vector<std::string>& sigvars, const std::string& reading) {
        const ReadOptions options = parse_read_options(reading);
        ArrowArrayStream stream = take_stream(object);
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal(&stream, sigvars, options); });
        return signal;
      },
      nb::arg("source"), nb::arg("sigvars"), nb::arg("reading") = "{}", "A signal from anything with __arrow_c_stream__.");
  module.def(
      "signal_from_file",
      [](const std::string& path, const std::vector<std::string>& sigvars, const std::string& reading) {
        const ReadOptions options = parse_read_options(reading);
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal_file(path, sigvars, options); });
        return signal;
      },
      nb::arg("path"), nb::arg("sigvars"), nb::arg("reading") = "{}", "A signal from a Parquet, CSV or Arrow file.");
  module.def(
      "signal_from_bytes",
      [](const Bytes& data, const std::string& format, const std::vector<std::string>& sigvars, const std::string& reading) {
        const ReadOptions options = parse_read_options(reading);
        Signal signal;
        run_released([&](const Interrupt&) {
          signal = read_signal_bytes(data.data(), data.shape(0), format, sigvars, SIZE_MAX, options);
        });
        // Numbers may be views into the bytes.
        signal.owners.push_back(keep(data));
        return signal;
      },
      nb::arg("data"), nb::arg("format"), nb::arg("sigvars"), nb::arg("reading") = "{}",
      "A signal from Arrow IPC bytes in any buffer, which it may keep and view.");
  module.def(
      "signal_digests",
      [](const Signal& signal) {
        std::vector<std::string> digests;
        run_released([&](const Interrupt&) { digests = digest_columns(signal, default_threads()); });
        return digests;
      },
      nb::arg("signal"), "Hashes of the content of each value column with the keys.");
  module.def(
      "signal_to_bytes",
      [](const Signal& signal) {
        nb::bytes bytes;
        const auto allocate = [&bytes](std::size_t size) {
          const nb::gil_scoped_acquire lock;
          bytes = nb::steal<nb::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
          if (!bytes.is_valid()) {
            PyErr_Clear();
            throw std::bad_alloc();
          }
          return PyBytes_AS_STRING(bytes.ptr());
        };
        run_released([&](const Interrupt&) { write_signal(signal, allocate); });
        return bytes;
      },
      nb::arg("signal"), "The bytes of an Arrow IPC stream with the signal's columns.");
}

}  // namespace fractile::python
