// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/read_signal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "ingest/date_column.hpp"
#include "ingest/id_text_cache.hpp"
#include "ingest/ids.hpp"
#include "ingest/number_column.hpp"
#include "ingest/number_text.hpp"
#include "ingest/signal_reader.hpp"
#include "ingest/usual_names.hpp"
#include "types/ieee_arithmetic.hpp"
#include "types/nearest.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

using Chunk = ArrowBatches::Chunk;

/// The conversion of one column of a signal to contiguous memory.
struct Column {
  int index = -1;  ///< place in the stream
  /// Returns the chunk's own memory if it can be used in place, else null.
  std::function<const void*(const Chunk&)> view;
  std::function<void(const ArrowSchema&, const Chunk&, void*)> convert;
  std::function<void()> finish;                ///< after the last chunk; may be empty
  std::size_t width = 8;                       ///< bytes per converted entry
  DateUnit view_unit = DateUnit::microsecond;  ///< dates
  std::shared_ptr<ByteBuffer> converted;       ///< null: the column is used in place
  const void* data = nullptr;
  DateUnit unit = DateUnit::microsecond;
};

/// A reader of the columns of a signal: in place if one batch has all rows, else batch by batch.
class SignalReader {
 public:
  SignalReader(ArrowArrayStream* stream, const ReadOptions& options, const std::shared_ptr<ByteBuffer>& bytes)
      : batches_(std::make_shared<ArrowBatches>(stream, ArrowBatches::Read::by_batch)), options_(options), bytes_(bytes) {}

  const ArrowBatches& batches() const noexcept { return *batches_; }

  /// Reads up to the second batch with rows.
  void begin() {
    int n_full = 0;
    while (n_full < 2 && !is_at_end_) {
      const std::int64_t before = batches_->n_rows();
      is_at_end_ = !batches_->read_batch();
      n_full += batches_->n_rows() > before ? 1 : 0;
    }
    is_single_ = n_full < 2;
  }

  Column& add_ids(int index) {
    const auto reader = std::make_shared<IdReader>(batches_->schema(index));
    id_reader_ = reader;
    Column& column = add(index);
    column.width = reader->width();
    if (reader->is_text())
      column.view = [this, index](const Chunk& chunk) -> const void* {
        id_hash_ = id_text_cache::hash_texts(batches_->schema(index), chunk);
        cached_ids_ = id_hash_ ? id_text_cache::find(*id_hash_) : CodedIds{};
        return cached_ids_.codes ? cached_ids_.codes->data() : nullptr;
      };
    if (reader->is_plain())
      column.view = [reader](const Chunk& chunk) -> const void* {
        const auto* numbers = aligned_buffer<std::int64_t>(chunk);
        if (!numbers) return nullptr;
        reader->view(chunk);
        return numbers + chunk.offset;
      };
    column.convert = [reader](const ArrowSchema& schema, const Chunk& chunk, void* out) { reader->read(schema, chunk, out); };
    return column;
  }

  /// Call it after read().
  IdColumn make_ids(const Column& column, Signal& signal) const {
    IdColumn ids;
    if (!id_reader_->is_text()) {
      signal.owners.push_back(id_reader_);
      ids.numbers = static_cast<const std::int64_t*>(column.data);
      ids.valid = id_reader_->valid();
      return ids;
    }
    CodedIds coded = cached_ids_;
    if (!coded.reader) {
      coded = {id_reader_, column.converted, nullptr};
      if (id_hash_) {
        coded.hashes = id_text_cache::hash_ids(*id_reader_, *column.converted);
        id_text_cache::offer(*id_hash_, coded);
      }
    }
    signal.owners.insert(signal.owners.end(), {coded.reader, coded.codes, coded.hashes});
    ids.codes = static_cast<const std::int32_t*>(column.data);
    ids.texts = coded.reader->texts();
    ids.hashes = coded.hashes.get();
    return ids;
  }

  Column& add_values(const std::string& ours, int index) {
    const ArrowType type = describe_type(batches_->schema(index));
    const bool is_number = type.kind == ArrowKind::integer || type.kind == ArrowKind::real || type.kind == ArrowKind::decimal;
    if (!is_number && type.kind != ArrowKind::text && type.name != "null")
      refuse(index, type, "numbers", "Convert it to float64 first.");
    const ColumnRules rules = rules_of(options_, ours, name(index));
    Column& column = add(index);
    const bool is_plain = rules.scale == 1.0 && rules.null_numbers.empty();
    if (is_plain && type.kind == ArrowKind::real && type.bits == 64 && !type.is_dictionary)
      column.view = make_view<double>(std::numeric_limits<double>::quiet_NaN());
    column.convert = [rules](const ArrowSchema& schema, const Chunk& chunk, void* out) {
      read_numbers(schema, chunk, rules, static_cast<double*>(out));
    };
    return column;
  }

  /// Adds a column of dates; returns null for a column without any value.
  Column* add_dates(const std::string& ours, int index) {
    const ArrowType type = describe_type(batches_->schema(index));
    if (type.name == "null") return nullptr;
    if (type.kind == ArrowKind::other || type.kind == ArrowKind::boolean)
      refuse(index, type, "dates", "Convert it, for example pd.to_datetime(df[\"" + name(index) + "\"]).");
    Column& column = add(index);
    if (!type.is_dictionary && type.timezone.empty() && (type.kind == ArrowKind::date || type.kind == ArrowKind::timestamp)) {
      const bool is_days = type.kind == ArrowKind::date && type.bits == 32;
      column.view = is_days ? make_view<Day>(kMissingDay) : make_view<std::int64_t>(kMissingTime);
      column.view_unit = is_days ? DateUnit::day : type.unit;
    }
    const auto reader = std::make_shared<DateColumnReader>(rules_of(options_, ours, name(index)));
    column.convert = [reader](const ArrowSchema& schema, const Chunk& chunk, void* out) {
      reader->read_times(schema, chunk, static_cast<std::int64_t*>(out));
    };
    column.finish = [reader] { reader->finish(); };
    return &column;
  }

  /// Fills all columns; `signal` becomes the owner of their memory.
  void read(Signal& signal) {
    bool is_viewed = false;
    for (Column& column : columns_) {
      const std::vector<Chunk> chunks = batches_->chunks(column.index);
      column.data = is_single_ && column.view ? column.view(chunks.front()) : nullptr;
      column.unit = column.data ? column.view_unit : DateUnit::microsecond;
      is_viewed |= column.data != nullptr;
      if (!column.data) column.converted = std::make_shared<ByteBuffer>();
    }
    convert_held();
    while (!is_at_end_) {
      give_back();
      is_at_end_ = !batches_->read_batch();
      convert_held();
    }
    for (Column& column : columns_) {
      if (!column.converted) continue;
      if (column.finish) column.finish();
      column.data = column.converted->data();
      signal.owners.push_back(column.converted);
    }
    if (!is_viewed) return;
    signal.owners.push_back(batches_);
    if (bytes_) signal.owners.push_back(bytes_);
  }

 private:
  std::string name(int column) const { return batches_->names()[static_cast<std::size_t>(column)]; }

  Column& add(int index) {
    Column& column = columns_.emplace_back();
    column.index = index;
    return column;
  }

  [[noreturn]] void refuse(int column, const ArrowType& type, const char* expected, const std::string& remedy) const {
    throw Error(ErrorCode::COLUMN_TYPE,
                std::string("expected ") + expected + " in column \"" + name(column) + "\", found " + type.name + ". " + remedy);
  }

  template <class T>
  static bool is_missing(T value, T missing) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
    return value == missing;
  }

  /// True if every null of the chunk has the missing value in its place; if the memory may be written, it writes these values.
  template <class T>
  bool marks_nulls(const Chunk& chunk, const T* values, T missing) const {
    const ArrowArray& array = *chunk.array;
    const auto* valid = array.null_count == 0 ? nullptr : arrow::buffer<std::uint8_t>(array, 0);
    if (!valid) return true;
    const std::int64_t end = chunk.offset + chunk.length;
    // Reads whole bytes of the bitmap, because nearly all have no null.
    for (std::int64_t byte = chunk.offset / 8; byte * 8 < end; ++byte)
      for (unsigned nulls = 0xffU & ~unsigned{valid[byte]}; nulls != 0; nulls &= nulls - 1) {
        const std::int64_t at = byte * 8 + std::countr_zero(nulls);
        if (at < chunk.offset || at >= end || is_missing(values[at], missing)) continue;
        if (!bytes_) return false;
        const_cast<T*>(values)[at] = missing;
      }
    return true;
  }

  /// Returns null if the chunk has no buffer, or if its values are not aligned for T.
  template <class T>
  static const T* aligned_buffer(const Chunk& chunk) {
    const auto* values = arrow::buffer<T>(*chunk.array, 1);
    return reinterpret_cast<std::uintptr_t>(values) % alignof(T) == 0 ? values : nullptr;
  }

  template <class T>
  std::function<const void*(const Chunk&)> make_view(T missing) {
    return [this, missing](const Chunk& chunk) -> const void* {
      const auto* values = aligned_buffer<T>(chunk);
      if (!values) return nullptr;
      return marks_nulls(chunk, values, missing) ? values + chunk.offset : nullptr;
    };
  }

  void convert_held() {
    for (Column& column : columns_) {
      if (!column.converted) continue;
      for (const Chunk& chunk : batches_->chunks(column.index)) {
        check_order(chunk);
        const std::size_t size = static_cast<std::size_t>(chunk.length) * column.width;
        column.convert(batches_->schema(column.index), chunk, column.converted->prepare(size));
        column.converted->commit(size);
      }
    }
  }

  /// Releases the held batches and the bytes before them, which the reader does not need any more.
  void give_back() {
    const void* last = nullptr;
    bool has_dictionary = false;
    for (int c = 0; c < static_cast<int>(batches_->names().size()); ++c) {
      has_dictionary |= batches_->schema(c).dictionary != nullptr;
      for (const Chunk& chunk : batches_->chunks(c))
        for (std::int64_t b = 0; b < chunk.array->n_buffers; ++b)
          if (const void* place = chunk.array->buffers[b]; bytes_ && bytes_->contains(place)) last = std::max(last, place);
    }
    batches_->forget_batches();
    if (last && !has_dictionary) bytes_->forget_before(last);
  }

  /// A file may list its batches in any order. A batch whose memory is already released must not be read.
  void check_order(const Chunk& chunk) const {
    for (std::int64_t b = 0; bytes_ && b < chunk.array->n_buffers; ++b)
      if (bytes_->is_forgotten(chunk.array->buffers[b]))
        throw Error(ErrorCode::UNREADABLE_SIGNAL,
                    "expected an Arrow file's batches in the order of their places, found an earlier one later. Send it as a "
                    "stream.");
  }

  const std::shared_ptr<ArrowBatches> batches_;
  const ReadOptions& options_;
  const std::shared_ptr<ByteBuffer> bytes_;
  std::deque<Column> columns_;
  std::shared_ptr<const IdReader> id_reader_;
  std::optional<Hash128> id_hash_;  // of text ids in one batch
  CodedIds cached_ids_;             // null pointers: the ids were read
  bool is_at_end_ = false;
  bool is_single_ = false;
};

constexpr const char* kSignalDates[] = {"date_sig", "date_avail", "date_ret", "date_openret"};

/// The column that `sigvar` likely means: one with a usual name, else the first without a meaning; "" if there is none.
std::string guess_value(const std::vector<std::string>& names, const std::vector<std::string>& missing,
                        const ReadOptions& options) {
  std::vector<std::string> free;
  for (const std::string& name : names) {
    const bool is_mapped = std::any_of(options.map.begin(), options.map.end(), [&](const auto& e) { return e.second == name; });
    const bool is_key = std::any_of(missing.begin(), missing.end(),
                                    [&](const std::string& ours) { return find_usual_name(ours, {name}) == name; });
    if (!is_mapped && !is_key && name != "security_id" && !name.starts_with("date_") && !is_index_column(name))
      free.push_back(name);
  }
  const std::string usual = find_usual_value(free);
  return usual.empty() && !free.empty() ? free.front() : usual;
}

/// Maps and sigvar for the `missing` columns, all in one answer; "" if no name is likely.
std::string propose_names(const std::vector<std::string>& names, const std::vector<std::string>& missing,
                          const std::vector<std::string>& sigvars, const ReadOptions& options) {
  const std::string map = propose_map(missing, names);
  const bool lacks_value = std::find(sigvars.begin(), sigvars.end(), missing.back()) != sigvars.end();
  const std::string value = lacks_value ? guess_value(names, missing, options) : "";
  std::string remedy = map.empty() ? "" : "Name the columns: " + map;
  if (!value.empty())
    remedy +=
        (remedy.empty() ? "Pass sigvar=\"" : ", and pass sigvar=\"") + value + "\" (--sigvar " + quote_for_shell(value) + ")";
  return remedy;
}

/// Pairs of our name and a source's.
using Renames = std::vector<std::pair<std::string, std::string>>;

/// Remedies for maps of columns that the source lacks: no map if the source has our name, else the likely column.
std::string propose_other_maps(const std::vector<std::string>& names, const Renames& absent,
                               const std::vector<std::string>& sigvars, const ReadOptions& options) {
  std::string needless, likely, unknown;
  for (const auto& [ours, theirs] : absent) {
    const bool is_value = std::find(sigvars.begin(), sigvars.end(), ours) != sigvars.end();
    const std::string found = is_value ? guess_value(names, {"security_id", "date_sig"}, options) : find_usual_name(ours, names);
    if (std::find(names.begin(), names.end(), ours) != names.end())
      needless += " --map " + quote_for_shell(ours + "=" + theirs);
    else if (!found.empty())
      likely += " --map " + quote_for_shell(ours + "=" + found);
    else
      unknown += " --map " + quote_for_shell(ours + "=" + theirs);
  }
  std::string out;
  for (const auto& [verb, maps] :
       {std::pair("Leave out", needless), std::pair("Correct the map:", likely), std::pair("Correct", unknown)})
    if (!maps.empty()) out += (out.empty() ? "" : ". ") + (verb + maps);
  return out;
}

/// Refuses a signal that lacks the `missing` columns, or columns of a map (`absent`).
[[noreturn]] void refuse_missing(const std::vector<std::string>& names, const std::vector<std::string>& missing,
                                 const Renames& absent, const std::vector<std::string>& sigvars, const ReadOptions& options) {
  std::vector<std::string> wanted;
  for (const auto& [ours, theirs] : absent) wanted.push_back("\"" + theirs + "\" for " + ours + " (map)");
  for (const std::string& ours : missing) wanted.push_back("\"" + ours + "\"");
  std::string all;
  for (const std::string& one : wanted) all += (all.empty() ? "" : &one == &wanted.back() ? " and " : ", ") + one;
  std::string remedy = absent.empty() ? "" : propose_other_maps(names, absent, sigvars, options);
  if (const std::string more = missing.empty() ? "" : propose_names(names, missing, sigvars, options); !more.empty())
    remedy += (remedy.empty() ? "" : ". ") + more;
  if (has_header_rows(names))
    remedy =
        "The source has several header rows: read it with pd.read_csv(path, header=[0, 1], index_col=0) and give "
        "fractile.from_wide(frame[\"Close\"])";
  if (const std::string delimiter = propose_delimiter(names); !delimiter.empty()) remedy = "Name the delimiter: " + delimiter;
  if (remedy.empty()) remedy = "Rename the column, or name the one that holds it: --map " + missing.front() + "=Name";
  throw Error(ErrorCode::UNKNOWN_COLUMN, std::string("expected ") + (wanted.size() > 1 ? "the columns " : "a column ") + all +
                                             ", found " + (names.empty() ? "no columns" : join(names)) + ". " + remedy + ".");
}

}  // namespace

void check_signal_options(const ReadOptions& options, const std::vector<std::string>& sigvars) {
  if (!options.columns.empty() || options.abs_price || options.drop_duplicates)
    throw Error(ErrorCode::UNKNOWN_OPTION, std::string("expected options of reading a signal, found \"") +
                                               (options.abs_price         ? "abs_price"
                                                : options.drop_duplicates ? "drop_duplicates"
                                                                          : "columns") +
                                               "\", which is for panels. Leave it out.");
  std::vector<std::string> names{"security_id"};
  names.insert(names.end(), std::begin(kSignalDates), std::end(kSignalDates));
  names.insert(names.end(), sigvars.begin(), sigvars.end());
  for (const auto& [ours, theirs] : options.map)
    if (std::find(names.begin(), names.end(), ours) == names.end()) {
      const std::vector<std::string_view> all(names.begin(), names.end());
      throw Error(ErrorCode::UNKNOWN_OPTION, "expected the name of a column of a signal for map, found \"" + ours.substr(0, 80) +
                                                 "\". Did you mean \"" + std::string(nearest_name(ours.substr(0, 80), all)) +
                                                 "\"?");
    }
  for (const auto& [ours, theirs] : options.map) names.push_back(theirs);
  require_known_columns(options, names);
}

std::vector<std::pair<std::string, std::size_t>> match_signal_names(const std::vector<std::string>& given,
                                                                    const std::vector<std::string>& sigvars,
                                                                    const ReadOptions& options) {
  check_signal_options(options, sigvars);
  std::vector<std::string> names;
  for (const std::string& name : given) names.emplace_back(trim(name));
  for (const std::string& name : options.drop)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorCode::UNKNOWN_COLUMN,
                  "expected a column \"" + name + "\" to drop, found " + join(names) + ". Correct --drop.");
  const auto is_dropped = [&](const std::string& name) {
    return std::find(options.drop.begin(), options.drop.end(), name) != options.drop.end();
  };
  const auto find = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  std::vector<std::pair<std::string, std::size_t>> out;
  std::vector<std::string> missing;
  Renames absent;
  const auto add = [&](const std::string& ours, bool is_needed) {
    const auto mapped = options.map.find(ours);
    const std::string& source = mapped == options.map.end() ? ours : mapped->second;
    const std::size_t place = find(source);
    if (place < names.size() && (mapped != options.map.end() || !is_dropped(source))) {
      const bool is_twice = std::count(names.begin(), names.end(), source) > 1;
      if (is_twice || (source != ours && find(ours) < names.size() && !is_dropped(ours)))
        throw Error(ErrorCode::UNKNOWN_COLUMN,
                    "expected one column \"" + ours + "\", found " +
                        (is_twice ? "\"" + source + "\" twice. Drop or rename one in the source."
                                  : "it and \"" + source + "\", which map names so. Leave it out: --drop " +
                                        quote_for_shell(ours) + "."));
      out.emplace_back(ours, place);
    } else if (mapped != options.map.end()) {
      absent.emplace_back(ours, source);
    } else if (is_needed) {
      missing.push_back(ours);
    }
  };
  add("security_id", true);
  for (const char* date : kSignalDates) add(date, date == kSignalDates[0]);
  for (const std::string& sigvar : sigvars) add(sigvar, true);
  if (!missing.empty() || !absent.empty()) refuse_missing(names, missing, absent, sigvars, options);
  return out;
}

Signal read_signal_stream(ArrowArrayStream* stream, const std::vector<std::string>& sigvars, const ReadOptions& options,
                          const std::shared_ptr<ByteBuffer>& bytes) {
  const IeeeArithmetic arithmetic;
  SignalReader reader(stream, options, bytes);
  const ArrowBatches& batches = reader.batches();
  const auto columns = match_signal_names(batches.names(), sigvars, options);
  const auto find = [&](const std::string& ours) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.first == ours; });
    return found == columns.end() ? -1 : static_cast<int>(found->second);
  };
  reader.begin();
  if (batches.n_rows() == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected one row or more in the signal, found 0. Pass a signal with rows.");
  const Column& ids = reader.add_ids(find("security_id"));
  std::array<const Column*, std::size(kSignalDates)> dates{};
  dates[0] = reader.add_dates("date_sig", find("date_sig"));
  if (!dates[0])
    throw Error(ErrorCode::NO_USABLE_ROWS, "expected dates in column \"date_sig\", found only missing values. Fill it.");
  for (std::size_t k = 1; k < dates.size(); ++k)
    if (const int column = find(kSignalDates[k]); column >= 0) dates[k] = reader.add_dates(kSignalDates[k], column);
  std::vector<const Column*> values;
  for (const std::string& sigvar : sigvars) values.push_back(&reader.add_values(sigvar, find(sigvar)));

  Signal signal;
  reader.read(signal);
  signal.keys.n_rows = batches.n_rows();
  signal.keys.security_id = reader.make_ids(ids, signal);
  const auto date_of = [&](std::size_t k) { return dates[k] ? DateColumn{dates[k]->data, dates[k]->unit} : DateColumn{}; };
  signal.keys.date_sig = date_of(0);
  signal.keys.date_avail = date_of(1);
  signal.keys.date_ret = date_of(2);
  signal.keys.date_openret = date_of(3);
  for (std::size_t k = 0; k < sigvars.size(); ++k) {
    signal.names.push_back(sigvars[k]);
    signal.values.push_back(static_cast<const double*>(values[k]->data));
  }
  return signal;
}

Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars) { return read_signal(stream, sigvars, {}); }

Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars, const ReadOptions& options) {
  return read_signal_stream(stream, sigvars, options, nullptr);
}

}  // namespace fractile
