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
#include "config/options.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "ingest/date_column.hpp"
#include "ingest/ids.hpp"
#include "ingest/number_text.hpp"
#include "ingest/read_options.hpp"
#include "ingest/signal_reader.hpp"
#include "types/nearest.hpp"
#include "types/quoted_text.hpp"

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
  void set_rules(ColumnRules rules) {
    name_ = rules.column;
    reader_.emplace(std::move(rules));
  }

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
    reader_->finish();
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
    reader_->read_times(schema, {&array, 0, n, static_cast<std::int64_t>(n_done_)},
                        reinterpret_cast<std::int64_t*>(times_.prepare(size)));
    times_.commit(size);
    n_done_ += static_cast<std::size_t>(n);
    characters_.clear();
    offsets_.resize(1);
    valid_.clear();
  }

  std::string name_;
  std::optional<DateColumnReader> reader_;
  std::string characters_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::uint8_t> valid_;
  ByteBuffer times_;
  std::size_t n_done_ = 0;
  bool has_value_ = false;
};

/// `token`: the value as the body has it, read before the value is.
[[noreturn]] void refuse_type(std::string_view column, const char* expected, std::string_view token, std::size_t row) {
  token = trim(token.substr(0, token.find_last_not_of("\r\n \t") + 1));
  if (token.size() > 1 && token.front() == '"' && token.back() == '"') token = token.substr(1, token.size() - 2);
  const bool is_nested = token == "[" || token == "{";
  throw Error(ErrorCode::COLUMN_TYPE, "expected " + std::string(expected) + " in column \"" + std::string(column) + "\", found " +
                                          (is_nested ? token == "[" ? "a list" : "an object" : show_text(token)) + " at row " +
                                          std::to_string(row) + ". Convert the column.");
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
      if (has_number_) refuse_type("security_id", "whole numbers in all rows or texts in all rows", value.raw_json_token(), row);
      if (!is_text_) begin_texts();
      codes_.append_value(numbering_.number(std::string_view(value.get_string())));
    } else {
      std::int64_t id = 0;
      const std::string_view token = value.raw_json_token();
      if (is_text_) refuse_type("security_id", "whole numbers in all rows or texts in all rows", token, row);
      if (type != od::json_type::number || !read_whole(value, id))
        refuse_type("security_id", "whole numbers (int64) or texts", token, row);
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
  /// No key of a body is this: it is not UTF-8.
  static constexpr const char* kNoKey = "\xff";
  IdColumnBuilder ids;
  ByteBuffer values;  ///< double
  std::array<DateColumnBuilder, kNDates> dates;
  bool has_ids = false, has_values = false;
  ColumnRules value_rules;
  /// Keys of the body by our name: id, dates, value.
  std::array<std::string, kNDates + 2> keys;

  /// Names of ours that the map gives to other keys: a body must not have both.
  std::vector<std::string> shadowed;
  bool has_shadowed = false;
  std::array<bool, kNDates> is_needed{true};  ///< date_sig, and what the map names
  /// Other keys of the body (of records: of the first), for messages.
  std::vector<std::string> others;

  bool is_other(std::string_view key) const { return std::find(others.begin(), others.end(), key) != others.end(); }
  void note_other(std::string_view key) {
    constexpr std::size_t kMost = 100, kMostBytes = 80;
    if (others.size() < kMost && !is_other(key)) others.emplace_back(key.substr(0, kMostBytes));
  }
  /// The keys that were read, then the others.
  std::vector<std::string> found() const {
    std::vector<std::string> out;
    if (has_ids) out.push_back(keys.front());
    for (std::size_t k = 0; k < kNDates; ++k)
      if (dates[k].is_present) out.push_back(keys[k + 1]);
    if (has_values) out.push_back(keys.back());
    out.insert(out.end(), others.begin(), others.end());
    return out;
  }

  Columns(const std::string& sigvar, const ReadOptions& options) {
    check_signal_options(options, {sigvar});
    const auto is_dropped = [&](const std::string& name) {
      return std::find(options.drop.begin(), options.drop.end(), name) != options.drop.end();
    };
    for (const auto& [ours, theirs] : options.map)
      if (ours != theirs && !is_dropped(ours)) shadowed.push_back(ours);
    const auto source_of = [&](const std::string& ours) {
      const auto mapped = options.map.find(ours);
      return mapped == options.map.end() ? ours : mapped->second;
    };
    keys.front() = source_of("security_id");
    keys.back() = source_of(sigvar);
    value_rules = rules_of(options, sigvar, keys.back());
    for (std::size_t k = 0; k < kNDates; ++k) {
      const std::string ours(kDates[k]);
      keys[k + 1] = source_of(ours);
      if (keys[k + 1] == ours && is_dropped(ours)) keys[k + 1] = kNoKey;
      dates[k].set_rules(rules_of(options, ours, keys[k + 1]));
      is_needed[k] |= options.map.contains(ours);
    }
  }
  /// The place of a key among `keys`, or its end.
  std::size_t find(std::string_view key) {
    if (std::find(shadowed.begin(), shadowed.end(), key) != shadowed.end()) {
      has_shadowed = true;
      if (!is_other(key)) others.emplace(others.begin(), key);  // whichever record has it, and however many others there are
    }
    return static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
  }
  /// False if a body lacks a column, or has one under two names.
  bool is_complete() const noexcept {
    bool out = has_ids && has_values && !has_shadowed;
    for (std::size_t k = 0; k < kNDates; ++k) out &= dates[k].is_present || !is_needed[k];
    return out;
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

/// Python's json.dumps writes NaN for a missing number, which JSON does not have.
void refuse_literals(od::value& value, std::string_view column, std::size_t row) {
  const std::string_view token = value.raw_json_token();
  for (const std::string_view literal : {"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"})
    if (token.starts_with(literal))
      refuse_json(std::string(literal) + ", which JSON does not have, in column \"" + std::string(column) + "\" at row " +
                  std::to_string(row) +
                  ". Send null for a missing value: json.loads(frame.to_json(orient=\"records\", "
                  "date_format=\"iso\")) has it");
}

double read_value(od::value value, const ColumnRules& rules, std::size_t row) {
  refuse_literals(value, rules.column, row);
  const od::json_type type = value.type();
  if (type == od::json_type::null) return kNaN;
  double number = 0.0;
  if (type == od::json_type::string) {
    const std::string_view text = value.get_string();
    const NumberText kind = read_number(text, rules, number);
    if (kind == NumberText::missing) return kNaN;
    if (kind == NumberText::text || kind == NumberText::inexact)
      throw Error(ErrorCode::COLUMN_TYPE, "expected numbers or null in column \"" + rules.column + "\", found " +
                                              show_text(text) + " at row " + std::to_string(row) + ". " +
                                              number_remedy(text, rules) + ".");
    return number * rules.scale;
  }
  if (type != od::json_type::number) refuse_type(rules.column, "numbers or null", value.raw_json_token(), row);
  const std::string_view token = trim(value.raw_json_token());
  if (value.get_double().get(number) != simdjson::SUCCESS)
    refuse_json("a number that JSON or float64 does not have, in column \"" + rules.column + "\" at row " + std::to_string(row));
  double exact = 0.0;
  if (std::fabs(number) >= kFirstInexact && read_number(token, rules, exact) == NumberText::inexact)
    throw Error(ErrorCode::COLUMN_TYPE, "expected whole numbers that float64 holds (all below 2^53) in column \"" + rules.column +
                                            "\", found " + std::string(token) + " at row " + std::to_string(row) +
                                            ". Rank or scale them, or send them with a point.");
  return rules.is_null_number(number) ? kNaN : number * rules.scale;
}

/// Texts, and numbers such as 20200102 as their texts.
void read_date(od::value value, std::string_view column, std::size_t row, DateColumnBuilder& out) {
  refuse_literals(value, column, row);
  const od::json_type type = value.type();
  if (type == od::json_type::null) return out.add(std::nullopt);
  if (type == od::json_type::number) {
    const std::string_view token = trim(value.raw_json_token());
    (void)value.get_double().value();  // refuses a malformed one
    return out.add(token);
  }
  if (type != od::json_type::string)
    refuse_type(column, "dates as text, such as \"2020-01-02\", or null,", value.raw_json_token(), row);
  out.add(std::string_view(value.get_string()));
}

/// The reader of records, one per row. A column that a record lacks is missing in its row.
class RecordReader {
 public:
  RecordReader(Behind behind, Columns& out) : behind_(behind), out_(out) {}

  void read(od::array records) {
    for (od::object record : records) {
      for (od::field field : record) read_field(field);
      fill();
      behind_.on_row();
      ++row_;
    }
  }

 private:
  static constexpr std::size_t kId = 0, kFirstDate = 1, kValue = kFirstDate + kNDates;

  void read_field(od::field field) {
    const std::string_view key = field.unescaped_key();
    const std::size_t place = out_.find(key);
    if (place > kValue) {
      if (row_ == 0) out_.note_other(key);
      return;
    }
    if ((seen_ >> place & 1) != 0) refuse_json("the key \"" + std::string(key) + "\" twice in record " + std::to_string(row_));
    seen_ |= 1U << place;
    od::value value = field.value();
    if (place == kId) {
      out_.ids.add(value, row_);
      out_.has_ids = true;
    } else if (place == kValue) {
      out_.values.append_value(read_value(value, out_.value_rules, row_));
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

  Behind behind_;
  Columns& out_;
  std::size_t row_ = 0;
  unsigned seen_ = 0;
};

void read_columns(od::object columns, Behind behind, Columns& out) {
  std::optional<std::size_t> n_rows;
  const auto check_length = [&](std::string_view name, std::size_t length) {
    if (n_rows.value_or(length) != length)
      refuse_json("columns of " + std::to_string(*n_rows) + " and of " + std::to_string(length) + " entries (\"" +
                  std::string(name) + "\")");
    n_rows = length;
  };
  for (auto field : columns) {
    const std::string key(std::string_view(field.unescaped_key()));
    const std::size_t place = out.find(key);
    if (place == out.keys.size()) {
      out.note_other(key);
      continue;
    }
    od::value value = field.value();
    if (value.type() == od::json_type::object)
      refuse_json("an object in column \"" + key + "\", as to_json() writes by default. Send lists: frame.to_dict(\"list\")");
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
    if (place == out.keys.size() - 1)
      read_all(out.has_values,
               [&](od::value entry, std::size_t row) { out.values.append_value(read_value(entry, out.value_rules, row)); });
    else if (place == 0)
      read_all(out.has_ids, [&](od::value entry, std::size_t row) { out.ids.add(entry, row); });
    else {
      DateColumnBuilder& column = out.dates[place - 1];
      read_all(column.is_present, [&](od::value entry, std::size_t row) { read_date(entry, key, row, column); });
    }
  }
  if (!n_rows && out.is_other("columns") && out.is_other("data"))
    refuse_json(
        "the keys \"columns\" and \"data\" of orient=\"split\" instead of columns such as security_id. Send "
        "frame.to_json(orient=\"records\", date_format=\"iso\")");
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
      const bool is_option = find_option(key) || find_read_option(key);
      if (is_option && std::find(known.begin(), known.end(), key) == known.end())
        throw Error(ErrorCode::UNKNOWN_OPTION, "expected options in \"config\", found \"" + key +
                                                   "\" beside \"signal\". Put it in config: {\"config\": {\"" + key +
                                                   "\": ...}}.");
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
        if (value.type() != od::json_type::string) refuse_json("a signal_path that is not text");
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

Signal JsonBody::read_signal(const std::string& sigvar, const ReadOptions& options) {
  const auto columns = std::make_shared<Columns>(sigvar, options);
  reading([&] {
    parser_->document.rewind();
    od::value signal = parser_->document.get_object().find_field_unordered("signal");
    if (signal.type() == od::json_type::array)
      RecordReader({body_, parser_->document}, *columns).read(signal.get_array());
    else if (signal.type() == od::json_type::object)
      read_columns(signal.get_object(), {body_, parser_->document}, *columns);
    else
      refuse_json("a signal that is neither records nor columns");
    return 0;
  });
  // Refuses a missing column as a file without it is refused: with what the body has, and the map that it may need.
  if (!columns->is_complete() && (!columns->others.empty() || columns->ids.size() > 0))
    match_signal_names(columns->found(), {sigvar}, options);
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
