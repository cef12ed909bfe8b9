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
#include "fractile/signal.hpp"
#include "gate.hpp"
#include "ingest/ids.hpp"
#include "types/date_text.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

using Int64s = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Int32s = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Shares an array's memory with a Signal. Any thread may release the array.
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

/// Texts of a signal, and views of them.
struct HeldTexts {
  std::vector<std::string> texts;
  std::vector<std::string_view> views;
};

IdColumn read_ids(const Int64s& numbers, const std::optional<Bytes>& valid, Signal& signal) {
  IdColumn ids(numbers.data());
  signal.owners.push_back(keep(numbers));
  if (!valid) return ids;
  if (valid->shape(0) < (numbers.shape(0) + 7) / 8)
    throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected a bit per row in the bitmap of ids, found fewer. Give one for each.");
  ids.valid = valid->data();
  signal.owners.push_back(keep(*valid));
  return ids;
}

IdColumn read_ids(const Int32s& codes, std::vector<std::string> texts, Signal& signal) {
  const std::int32_t* const begin = codes.data();
  const auto n_texts = static_cast<std::int32_t>(texts.size());
  if (std::any_of(begin, begin + codes.shape(0), [n_texts](std::int32_t code) { return code >= n_texts; }))
    throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected codes of ids below " + std::to_string(n_texts) +
                                                  ", found a larger one. "
                                                  "Give codes into the texts.");
  auto held = std::make_shared<HeldTexts>();
  held->texts = std::move(texts);
  for (const std::string& text : held->texts) held->views.push_back(check_id(text));
  IdColumn ids;
  ids.codes = begin;
  ids.texts = held->views;
  signal.owners.push_back(keep(codes));
  signal.owners.push_back(held);
  return ids;
}

using NumpyDates = std::map<std::string, std::pair<Int64s, std::string>>;
using NumpyValues = std::vector<std::pair<std::string, Doubles>>;

/// Columns of numpy arrays, all of one length: ids, dates as (int64 ticks, unit), values float64.
Signal make_signal(Signal signal, std::size_t n_rows, const NumpyDates& dates, const NumpyValues& values) {
  const auto check = [n_rows](const std::string& name, std::size_t found) {
    if (found != n_rows)
      throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected " + std::to_string(n_rows) + " values in column \"" + name +
                                                    "\", found " + std::to_string(found) + ". Give columns of one length.");
  };
  signal.keys.n_rows = static_cast<std::int64_t>(n_rows);
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

/// Arrow's bitmap of the values that are there; null where all are.
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

/// Microseconds since 1970-01-01 of ISO texts, an empty one missing; and the place of the first that is no date, else -1.
std::pair<std::vector<std::int64_t>, std::int64_t> read_date_texts(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> micros;
  for (const std::string& text : texts) {
    Instant instant;
    if (!text.empty() && !parse_instant(text, instant)) return {{}, static_cast<std::int64_t>(micros.size())};
    micros.push_back(text.empty() ? kMissingTime : to_micros(instant));
  }
  return {micros, -1};
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
  module.def(
      "signal_from_numbers",
      [](const Int64s& numbers, const std::optional<Bytes>& valid, const NumpyDates& dates, const NumpyValues& values) {
        Signal signal;
        signal.keys.security_id = read_ids(numbers, valid, signal);
        return make_signal(std::move(signal), numbers.shape(0), dates, values);
      },
      nb::arg("security_id"), nb::arg("valid").none(), nb::arg("dates"), nb::arg("values"),
      "A signal over numpy memory, without a copy. `valid`: a bit per row, 0 for a missing id; None: every row has one.");
  module.def(
      "signal_from_texts",
      [](const Int32s& codes, std::vector<std::string> texts, const NumpyDates& dates, const NumpyValues& values) {
        Signal signal;
        signal.keys.security_id = read_ids(codes, std::move(texts), signal);
        return make_signal(std::move(signal), codes.shape(0), dates, values);
      },
      nb::arg("codes"), nb::arg("texts"), nb::arg("dates"), nb::arg("values"),
      "The same with ids that are texts: codes into `texts`, negative where the id is missing.");
  module.def(
      "read_date_texts", &read_date_texts, nb::arg("texts"),
      "Microseconds since 1970 of ISO texts (missing: the smallest int64), and the place of the first that is none or -1.");
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
      [](const Bytes& data, const std::string& format, const std::vector<std::string>& sigvars) {
        Signal signal;
        run_released([&](const Interrupt&) { signal = read_signal_bytes(data.data(), data.shape(0), format, sigvars); });
        // Numbers may be views into the bytes.
        signal.owners.push_back(keep(data));
        return signal;
      },
      nb::arg("data"), nb::arg("format"), nb::arg("sigvars"),
      "A signal from Arrow IPC bytes in any buffer, which it may keep and view.");
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
