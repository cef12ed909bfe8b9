// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/signal_preview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "arrow/arrow_column.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "ingest/date_column.hpp"
#include "ingest/number_column.hpp"
#include "ingest/usual_names.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

using Chunk = ArrowBatches::Chunk;
using Cells = std::vector<std::optional<std::string>>;

constexpr std::int64_t kShownRows = 6;
/// Rows whose values decide what a column is.
constexpr std::int64_t kSeenRows = 200;
/// Rows whose texts are read for a refusal: several days of a file that is sorted by date.
constexpr std::int64_t kJudgedRows = 16'384;
constexpr std::size_t kMaxColumns = 256;
constexpr std::size_t kMaxBytes = 80;

/// Up to kMaxBytes, cut between two characters of UTF-8.
std::string shorten(std::string_view text) {
  if (text.size() <= kMaxBytes) return std::string(text);
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

std::string format_time(std::int64_t microseconds) {
  constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000;
  const std::int64_t day = microseconds / kDay - (microseconds % kDay < 0 ? 1 : 0);
  const std::int64_t seconds = (microseconds - day * kDay) / 1'000'000;
  const std::string date = format_day(static_cast<Day>(day));
  if (seconds == 0) return date;
  return fmt::format("{} {:02}:{:02}:{:02}", date, seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/// Reads numbers or times, and writes those that are there as texts.
template <class T>
Cells to_cells(const Chunk& chunk, const std::function<void(T*)>& read, bool (*is_missing)(T), std::string (*format)(T)) {
  std::vector<T> values(static_cast<std::size_t>(chunk.length));
  read(values.data());
  Cells cells;
  for (const T value : values) cells.push_back(is_missing(value) ? std::nullopt : std::optional(format(value)));
  return cells;
}

Cells read_cells(const ArrowSchema& schema, const Chunk& chunk) {
  const ArrowType type = describe_type(schema);
  switch (type.kind) {
    case ArrowKind::text: {
      Cells cells(static_cast<std::size_t>(chunk.length));
      read_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool is_null) {
        if (!is_null) cells[static_cast<std::size_t>(i)] = shorten(text);
      });
      return cells;
    }
    case ArrowKind::integer:
      return to_cells<std::int64_t>(
          chunk, [&](std::int64_t* out) { read_integers(schema, chunk, kMissingTime, out); },
          [](std::int64_t value) { return value == kMissingTime; }, [](std::int64_t value) { return fmt::to_string(value); });
    case ArrowKind::real:
    case ArrowKind::decimal:
    case ArrowKind::boolean:
      return to_cells<double>(
          chunk, [&](double* out) { read_doubles(schema, chunk, out); }, [](double value) { return std::isnan(value); },
          [](double value) { return fmt::format("{}", value); });
    case ArrowKind::date:
    case ArrowKind::timestamp:
      return to_cells<std::int64_t>(
          chunk, [&](std::int64_t* out) { read_times(schema, chunk, out); },
          [](std::int64_t value) { return value == kMissingTime; }, format_time);
    case ArrowKind::other: break;
  }
  return Cells(static_cast<std::size_t>(chunk.length));
}

/// A column of the file and what its values can be.
struct Seen {
  std::string name;
  bool is_number = false, is_date = false, is_text = false;
};

/// True if `read` accepts all values and finds one or more.
bool accepts(const std::function<bool()>& read) {
  try {
    return read();
  } catch (const Error&) {
    return false;
  }
}

Seen examine(const ArrowSchema& schema, const Chunk& chunk, const std::string& name, const ReadOptions& options) {
  Seen seen{.name = name};
  const ArrowKind kind = describe_type(schema).kind;
  const auto n = static_cast<std::size_t>(chunk.length);
  const bool is_instant = kind == ArrowKind::date || kind == ArrowKind::timestamp;
  if (kind == ArrowKind::other) return seen;
  seen.is_number = !is_instant && accepts([&] {
    std::vector<double> values(n);
    read_numbers(schema, chunk, rules_of(options, "signal", name), values.data());
    return std::any_of(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
  });
  seen.is_date = is_instant || (kind == ArrowKind::text && accepts([&] {
                                  std::vector<std::int64_t> times(n);
                                  DateColumnReader reader(rules_of(options, "date_sig", name));
                                  reader.read_times(schema, chunk, times.data());
                                  reader.finish();
                                  return std::any_of(times.begin(), times.end(), [](auto time) { return time != kMissingTime; });
                                }));
  seen.is_text = kind == ArrowKind::text && !seen.is_number && !seen.is_date;
  return seen;
}

/// The refusal of `read`; "" if it accepts the values.
std::string refusal_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Finds the refusals that a run with these options would meet, so that a page can offer their remedies before the run.
void judge(const ArrowSchema& schema, const Chunk& chunk, const ReadOptions& options, SignalPreview::Column& column) {
  if (describe_type(schema).kind != ArrowKind::text) return;
  const auto n = static_cast<std::size_t>(chunk.length);
  column.date_refusal = refusal_of([&] {
    std::vector<std::int64_t> times(n);
    DateColumnReader reader(rules_of(options, "date_sig", column.name));
    reader.read_times(schema, chunk, times.data());
    reader.finish();
  });
  column.number_refusal = refusal_of([&] {
    std::vector<double> values(n);
    // A page names the column of values by sigvar, so a run knows it by this name.
    read_numbers(schema, chunk, rules_of(options, column.name, column.name), values.data());
  });
}

/// By the names first, because a whole number can be an id, a date or a value.
void recognise(const std::vector<Seen>& columns, const ReadOptions& options, SignalPreview& out) {
  std::vector<std::string> names;
  for (const Seen& column : columns) names.push_back(column.name);
  const auto by_name = [&](const char* ours) {
    const auto mapped = options.map.find(ours);
    return mapped != options.map.end() ? mapped->second : find_usual_name(ours, names);
  };
  out.security_id = by_name("security_id");
  out.date_sig = by_name("date_sig");
  out.value = find_usual_value(names);
  const auto by_values = [&](std::string& found, bool Seen::* can_be) {
    for (const Seen& column : columns)
      if (const std::string& name = column.name; found.empty() && column.*can_be && !is_index_column(name) && name != out.value &&
                                                 name != out.security_id && name != out.date_sig && !name.starts_with("date_"))
        found = name;
  };
  by_values(out.date_sig, &Seen::is_date);
  by_values(out.security_id, &Seen::is_text);
  by_values(out.value, &Seen::is_number);
}

}  // namespace

SignalPreview preview_signal(const void* data, std::size_t size, const std::string& format, std::size_t max_decoded_bytes,
                             const ReadOptions& options) {
  ArrowArrayStream stream{};
  formats::open_bytes(data, size, format, options, max_decoded_bytes, ErrorCode::UNREADABLE_SIGNAL, &stream);
  ArrowBatches batches(&stream, ArrowBatches::Read::by_batch);
  while (batches.n_rows() == 0 && batches.read_batch()) {
  }
  SignalPreview out;
  std::vector<Seen> seen;
  for (std::size_t i = 0; i < batches.names().size() && out.columns.size() < kMaxColumns; ++i) {
    const std::string name(trim(batches.names()[i]));
    if (std::find(options.drop.begin(), options.drop.end(), name) != options.drop.end()) continue;
    const ArrowSchema& schema = batches.schema(static_cast<int>(i));
    SignalPreview::Column& column = out.columns.emplace_back(name, describe_type(schema).name);
    seen.push_back({.name = name});
    for (Chunk chunk : batches.chunks(static_cast<int>(i))) {
      if (chunk.length == 0) continue;
      chunk.length = std::min(chunk.length, kJudgedRows);
      judge(schema, chunk, options, column);
      chunk.length = std::min(chunk.length, kSeenRows);
      seen.back() = examine(schema, chunk, name, options);
      chunk.length = std::min(chunk.length, kShownRows);
      column.cells = read_cells(schema, chunk);
      break;
    }
  }
  recognise(seen, options, out);
  return out;
}

}  // namespace fractile
