// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/json_body.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "arrow/arrow_export.hpp"
#include "fractile/error.hpp"
#include "ingest/ids.hpp"
#include "types/nearest.hpp"

namespace fractile::server {
namespace {

namespace od = simdjson::ondemand;

constexpr std::string_view kDates[] = {"date_sig", "date_avail", "date_ret", "date_openret"};
constexpr std::size_t kNDates = std::size(kDates);

[[noreturn]] void refuse_json(const std::string& found) {
  throw Error(ErrorCode::BAD_REQUEST,
              "expected a JSON object {\"signal\": ..., \"config\": {...}}, found " + found + ". Correct the body.");
}

/// Runs `read` and turns the parser's exceptions into our errors.
template <class Read>
auto reading(Read&& read) {
  try {
    return read();
  } catch (const simdjson::simdjson_error& error) {
    refuse_json(std::string("a fault: ") + simdjson::error_message(error.error()));
  }
}

/// A builder of a column of dates. It collects texts and converts them in steps by the reader of all other surfaces, so
/// that a text has the same meaning on each.
class DateColumnBuilder {
 public:
  bool is_present = false;

  bool has_value() const noexcept { return has_value_; }
  std::size_t size() const noexcept { return n_done_ + offsets_.size() - 1; }
  void set_name(const std::string_view& name) { name_ = name; }

  void add(std::optional<std::string_view> text) {
    const std::size_t i = offsets_.size() - 1;
    if (i % 8 == 0) valid_.push_back(0);
    if (text) {
      valid_.back() = static_cast<std::uint8_t>(valid_.back() | (1U << (i % 8)));
      characters_.append(*text);
      has_value_ = true;
    }
    offsets_.push_back(static_cast<std::int64_t>(characters_.size()));
    if (i + 1 == kStep) convert();
  }

  /// int64 microseconds since 1970-01-01, size() of them; missing: kMissingTime.
  const void* finish() {
    convert();
    return times_.data();
  }

 private:
  static constexpr std::size_t kStep = 1 << 14;

  void convert() {
    const auto n = static_cast<std::int64_t>(offsets_.size() - 1);
    ArrowSchema schema{};
    schema.format = "U";
    schema.name = name_.c_str();
    const void* buffers[] = {valid_.data(), offsets_.data(), characters_.data()};
    ArrowArray array{};
    array.length = n;
    array.null_count = -1;
    array.n_buffers = 3;
    array.buffers = buffers;
    const std::size_t size = static_cast<std::size_t>(n) * sizeof(std::int64_t);
    read_times(schema, {&array, 0, n, static_cast<std::int64_t>(n_done_)}, reinterpret_cast<std::int64_t*>(times_.prepare(size)));
    times_.commit(size);
    n_done_ += static_cast<std::size_t>(n);
    characters_.clear();
    offsets_.resize(1);
    valid_.clear();
  }

  std::string name_;
  std::string characters_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::uint8_t> valid_;
  ByteBuffer times_;
  std::size_t n_done_ = 0;
  bool has_value_ = false;
};

[[noreturn]] void refuse_type(std::string_view column, const char* expected, std::size_t row) {
  throw Error(ErrorCode::COLUMN_TYPE, "expected " + std::string(expected) + " in column \"" + std::string(column) +
                                          "\", found something else at row " + std::to_string(row) + ". Convert the column.");
}

/// Ids of one kind: all numbers or all texts.
class IdColumnBuilder {
 public:
  void add_missing() {
    if (is_text_)
      codes_.append_value(std::int32_t{-1});
    else
      numbers_.append_value(kMissingId);
    has_missing_ = true;
    add_valid(false);
  }
  void add(od::value value, std::size_t row) {
    const od::json_type type = value.type();
    if (type == od::json_type::null) return add_missing();
    if (type == od::json_type::string) {
      if (has_number_) refuse_type("security_id", "whole numbers in all rows or texts in all rows", row);
      if (!is_text_) begin_texts();
      codes_.append_value(numbering_.number(std::string_view(value.get_string())));
    } else {
      std::int64_t id = 0;
      if (is_text_) refuse_type("security_id", "whole numbers in all rows or texts in all rows", row);
      if (type != od::json_type::number || !read_whole(value, id))
        refuse_type("security_id", "whole numbers (int64) or texts", row);
      numbers_.append_value(id);
      has_number_ = true;
    }
    add_valid(true);
  }
  std::size_t size() const noexcept { return n_rows_; }
  ExportColumn make_column() const {
    const void* const valid = has_missing_ ? valid_.data() : nullptr;
    if (!is_text_) return {"security_id", "l", {valid, numbers_.data()}};
    return {"security_id", "i", {valid, codes_.data()}, std::make_shared<ExportTexts>(numbering_.texts())};
  }

 private:
  /// Reads 10001 and 10001.0 alike, because a client may have only floats.
  static bool read_whole(od::value value, std::int64_t& id) {
    if (value.is_integer()) return value.get_int64().get(id) == simdjson::SUCCESS;
    constexpr double kLimit = 9007199254740992.0;
    double number = 0.0;
    if (value.get_double().get(number) != simdjson::SUCCESS || number != std::floor(number) || std::fabs(number) >= kLimit)
      return false;
    id = static_cast<std::int64_t>(number);
    return true;
  }
  void begin_texts() {
    is_text_ = true;
    for (std::size_t i = 0; i < n_rows_; ++i) codes_.append_value(std::int32_t{-1});
    numbers_ = ByteBuffer();
  }
  void add_valid(bool is_valid) {
    if (n_rows_ % 8 == 0) valid_.push_back(0xff);
    if (!is_valid) valid_.back() = static_cast<std::uint8_t>(valid_.back() & ~(1U << (n_rows_ % 8)));
    ++n_rows_;
  }

  ByteBuffer numbers_;  // int64
  ByteBuffer codes_;    // int32
  TextNumbering numbering_;
  std::vector<std::uint8_t> valid_;
  std::size_t n_rows_ = 0;
  bool is_text_ = false, has_number_ = false, has_missing_ = false;
};

/// The columns of a signal during reading; the Signal that is made of them owns them.
struct Columns {
  IdColumnBuilder ids;
  ByteBuffer values;  ///< double
  std::array<DateColumnBuilder, kNDates> dates;
  bool has_ids = false, has_values = false;

  Columns() {
    for (std::size_t k = 0; k < kNDates; ++k) dates[k].set_name(kDates[k]);
  }
  std::size_t n_values() const noexcept { return values.size() / sizeof(double); }
};

/// Releases the memory of text that has been read, after a number of rows.
class Behind {
 public:
  Behind(ByteBuffer& body, od::document& document) : body_(body), document_(document) {}
  void on_row() {
    constexpr std::size_t kStep = 1 << 15;
    const char* here = nullptr;
    if (++n_rows_ % kStep == 0 && document_.current_location().get(here) == simdjson::SUCCESS && body_.contains(here))
      body_.forget_before(here);
  }

 private:
  ByteBuffer& body_;
  od::document& document_;
  std::size_t n_rows_ = 0;
};

double read_number(od::value value, std::string_view column, std::size_t row) {
  if (value.type() == od::json_type::null) return std::numeric_limits<double>::quiet_NaN();
  if (value.type() != od::json_type::number) refuse_type(column, "numbers or null", row);
  constexpr double kMaxWhole = 9007199254740992.0;  // integers from here on are no longer told apart
  const std::string_view token = value.raw_json_token();
  double number = 0.0;
  if (value.get_double().get(number) != simdjson::SUCCESS)
    refuse_json("a number that JSON or float64 does not have, in column \"" + std::string(column) + "\" at row " +
                std::to_string(row));
  if (std::fabs(number) >= kMaxWhole && token.find_first_of(".eE") == std::string_view::npos)
    refuse_type(column, "whole numbers below 2^53, or numbers with a point,", row);
  return number;
}

void read_date(od::value value, std::string_view column, std::size_t row, DateColumnBuilder& out) {
  const od::json_type type = value.type();
  if (type == od::json_type::null) return out.add(std::nullopt);
  if (type != od::json_type::string) refuse_type(column, "dates as text, such as \"2020-01-02\", or null,", row);
  out.add(std::string_view(value.get_string()));
}

/// The reader of records, one per row. A column that a record lacks is missing in its row.
class RecordReader {
 public:
  RecordReader(const std::string& sigvar, Behind behind, Columns& out) : sigvar_(sigvar), behind_(behind), out_(out) {}

  void read(od::array records) {
    for (od::object record : records) {
      for (od::field field : record) read_field(field);
      fill();
      behind_.on_row();
      ++row_;
    }
  }

 private:
  enum Place : unsigned { kId = 0, kFirstDate = 1, kValue = kFirstDate + kNDates, kNone };

  Place find_place(std::string_view key) const {
    if (key == sigvar_) return kValue;
    if (key == "security_id") return kId;
    for (std::size_t k = 0; k < kNDates; ++k)
      if (key == kDates[k]) return static_cast<Place>(kFirstDate + k);
    return kNone;
  }

  void read_field(od::field field) {
    const std::string_view key = field.unescaped_key();
    const Place place = find_place(key);
    if (place == kNone) return;
    if ((seen_ >> place & 1) != 0) refuse_json("the key \"" + std::string(key) + "\" twice in record " + std::to_string(row_));
    seen_ |= 1U << place;
    od::value value = field.value();
    if (place == kId) {
      out_.ids.add(value, row_);
      out_.has_ids = true;
    } else if (place == kValue) {
      out_.values.append_value(read_number(value, sigvar_, row_));
      out_.has_values = true;
    } else {
      DateColumnBuilder& column = out_.dates[place - kFirstDate];
      while (column.size() < row_) column.add(std::nullopt);  // a column may appear late
      read_date(value, kDates[place - kFirstDate], row_, column);
      column.is_present = true;
    }
  }

  void fill() {
    if ((seen_ >> kId & 1) == 0) out_.ids.add_missing();
    if ((seen_ >> kValue & 1) == 0) out_.values.append_value(std::numeric_limits<double>::quiet_NaN());
    for (std::size_t k = 0; k < kNDates; ++k)
      if ((seen_ >> (kFirstDate + k) & 1) == 0 && out_.dates[k].is_present) out_.dates[k].add(std::nullopt);
    seen_ = 0;
  }

  const std::string& sigvar_;
  Behind behind_;
  Columns& out_;
  std::size_t row_ = 0;
  unsigned seen_ = 0;
};

void read_columns(od::object columns, const std::string& sigvar, Behind behind, Columns& out) {
  std::optional<std::size_t> n_rows;
  const auto check_length = [&](std::string_view name, std::size_t length) {
    if (n_rows.value_or(length) != length)
      refuse_json("columns of " + std::to_string(*n_rows) + " and of " + std::to_string(length) + " entries (\"" +
                  std::string(name) + "\")");
    n_rows = length;
  };
  for (auto field : columns) {
    const std::string key(std::string_view(field.unescaped_key()));
    const auto* const date = std::find(std::begin(kDates), std::end(kDates), key);
    if (key != sigvar && key != "security_id" && date == std::end(kDates)) continue;
    od::value value = field.value();
    if (value.type() != od::json_type::array) refuse_json("no array in column \"" + key + "\"");
    const auto read_all = [&](bool& is_present, auto&& read) {
      if (is_present) refuse_json("the column \"" + key + "\" twice");
      is_present = true;
      std::size_t row = 0;
      for (od::value entry : value.get_array()) {
        read(entry, row++);
        behind.on_row();
      }
      check_length(key, row);
    };
    if (key == sigvar)
      read_all(out.has_values,
               [&](od::value entry, std::size_t row) { out.values.append_value(read_number(entry, sigvar, row)); });
    else if (key == "security_id")
      read_all(out.has_ids, [&](od::value entry, std::size_t row) { out.ids.add(entry, row); });
    else {
      DateColumnBuilder& column = out.dates[static_cast<std::size_t>(date - kDates)];
      read_all(column.is_present, [&](od::value entry, std::size_t row) { read_date(entry, key, row, column); });
    }
  }
}

Signal make_signal(std::shared_ptr<Columns> columns, const std::string& sigvar) {
  std::vector<ExportColumn> out;
  if (columns->has_ids) out.push_back(columns->ids.make_column());
  for (std::size_t k = 0; k < kNDates; ++k) {
    DateColumnBuilder& column = columns->dates[k];
    const bool is_needed = k == 0 ? column.is_present : column.has_value();
    if (is_needed) out.push_back({std::string(kDates[k]), "tsu:", {nullptr, column.finish()}});
  }
  if (columns->has_values) out.push_back({sigvar, "g", {nullptr, columns->values.data()}});
  std::size_t n_rows = columns->ids.size();
  if (!columns->has_ids) n_rows = columns->has_values ? columns->n_values() : columns->dates[0].size();
  ArrowArrayStream stream{};
  export_table(std::move(out), static_cast<std::int64_t>(n_rows), columns, &stream);
  return fractile::read_signal(&stream, {sigvar});
}

std::string raw_text(od::value value) { return std::string(std::string_view(simdjson::to_json_string(value))); }

std::string list_names(const std::vector<std::string_view>& names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

}  // namespace

struct JsonBody::Parser {
  od::parser parser;
  od::document document;
};

JsonBody::JsonBody(ByteBuffer body, std::span<const std::string_view> more)
    : body_(std::move(body)), parser_(std::make_unique<Parser>()) {
  if (body_.size() == 0) refuse_json("an empty body");
  reading([&] {
    parser_->document = parser_->parser.iterate(std::as_const(body_).data(), body_.size(), body_.size() + ByteBuffer::kPadding);
    if (parser_->document.type() != od::json_type::object) refuse_json("another value");
    std::vector<std::string_view> known{"signal", "signal_path", "config"};
    known.insert(known.end(), more.begin(), more.end());
    std::vector<std::string> seen;
    for (auto field : parser_->document.get_object()) {
      const std::string key(std::string_view(field.unescaped_key()));
      if (std::find(known.begin(), known.end(), key) == known.end())
        throw Error(ErrorCode::UNKNOWN_OPTION, "expected keys among " + list_names(known) + ", found \"" + key.substr(0, 40) +
                                                   "\". Did you mean \"" + std::string(nearest_name(key.substr(0, 40), known)) +
                                                   "\"?");
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) refuse_json("the key \"" + key + "\" twice");
      seen.push_back(key);
      od::value value = field.value();
      if (key == "signal") {
        has_signal_ = true;
      } else if (key == "signal_path") {
        if (value.type() != od::json_type::string) refuse_json("a signal_path that is no text");
        signal_path_ = std::string(std::string_view(value.get_string()));
      } else {
        const std::string text = raw_text(value);
        check_depth(text);
        (key == "config" ? config_ : more_[key]) = text;
      }
    }
    const char* rest = nullptr;
    if (parser_->document.current_location().get(rest) == simdjson::SUCCESS) refuse_json("more text behind the object");
    return 0;
  });
  if (has_signal_ == signal_path_.has_value())
    refuse_json(has_signal_ ? "both signal and signal_path" : "neither signal nor signal_path");
}

JsonBody::~JsonBody() = default;

Signal JsonBody::read_signal(const std::string& sigvar) {
  const auto columns = std::make_shared<Columns>();
  reading([&] {
    parser_->document.rewind();
    od::value signal = parser_->document.get_object().find_field_unordered("signal");
    if (signal.type() == od::json_type::array)
      RecordReader(sigvar, {body_, parser_->document}, *columns).read(signal.get_array());
    else if (signal.type() == od::json_type::object)
      read_columns(signal.get_object(), sigvar, {body_, parser_->document}, *columns);
    else
      refuse_json("a signal that is neither records nor columns");
    return 0;
  });
  if (columns->ids.size() == 0 && columns->n_values() == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected one row or more in the signal, found 0. Send a signal with rows.");
  return make_signal(columns, sigvar);
}

void check_depth(std::string_view json) {
  constexpr int kMaxDepth = 16;
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kMaxDepth) refuse_json("options nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  if (json.size() > kMaxBytes) refuse_json("options longer than " + std::to_string(kMaxBytes) + " bytes");
}

}  // namespace fractile::server
