// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "arrow/arrow_column.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

[[noreturn]] void fail(ArrowArrayStream* stream, int code, const char* what) {
  const char* words = stream->get_last_error ? stream->get_last_error(stream) : nullptr;
  throw Error(ErrorCode::UNREADABLE_SIGNAL, std::string("expected a readable Arrow stream, found that its ") + what +
                                                " failed: " + (words ? words : std::strerror(code)) +
                                                ". Check the data's source.");
}

[[noreturn]] void refuse(const std::string& expected, const std::string& found, const std::string& column) {
  throw Error(ErrorCode::UNREADABLE_SIGNAL,
              "expected " + expected + ", found " + found + " in column \"" + column + "\". Check the data's source.");
}

DateUnit unit_of(char letter) {
  switch (letter) {
    case 's': return DateUnit::second;
    case 'm': return DateUnit::millisecond;
    case 'u': return DateUnit::microsecond;
    default: return DateUnit::nanosecond;
  }
}

ArrowType describe_format(const std::string& format) {
  const auto whole = [](int bits, bool is_unsigned, const char* name) {
    ArrowType type;
    type.kind = ArrowKind::integer;
    type.bits = bits;
    type.is_unsigned = is_unsigned;
    type.name = name;
    return type;
  };
  const auto plain = [](ArrowKind kind, int bits, const char* name) {
    ArrowType type;
    type.kind = kind;
    type.bits = bits;
    type.name = name;
    return type;
  };
  if (format == "c") return whole(8, false, "int8");
  if (format == "C") return whole(8, true, "uint8");
  if (format == "s") return whole(16, false, "int16");
  if (format == "S") return whole(16, true, "uint16");
  if (format == "i") return whole(32, false, "int32");
  if (format == "I") return whole(32, true, "uint32");
  if (format == "l") return whole(64, false, "int64");
  if (format == "L") return whole(64, true, "uint64");
  if (format == "e") return plain(ArrowKind::real, 16, "float16");
  if (format == "f") return plain(ArrowKind::real, 32, "float32");
  if (format == "g") return plain(ArrowKind::real, 64, "float64");
  if (format == "b") return plain(ArrowKind::boolean, 1, "bool");
  if (format == "u" || format == "U" || format == "vu") return plain(ArrowKind::text, 0, "text");
  if (format == "n") return plain(ArrowKind::other, 0, "null");
  if (format == "tdD") return plain(ArrowKind::date, 32, "date32");
  if (format == "tdm") {
    ArrowType type = plain(ArrowKind::date, 64, "date64");
    type.unit = DateUnit::millisecond;
    return type;
  }
  if (format.size() >= 4 && format.starts_with("ts") && format[3] == ':') {
    ArrowType type = plain(ArrowKind::timestamp, 64, "");
    type.unit = unit_of(format[2]);
    type.timezone = format.substr(4);
    type.name = std::string("timestamp[") + format[2] + (format[2] == 's' ? "" : "s") +
                (type.timezone.empty() ? "" : ", " + type.timezone) + "]";
    return type;
  }
  if (format.starts_with("d:")) {
    ArrowType type = plain(ArrowKind::decimal, 128, ("decimal(" + format.substr(2) + ")").c_str());
    int precision = 0;
    if (std::sscanf(format.c_str(), "d:%d,%d,%d", &precision, &type.scale, &type.bits) < 2) type.kind = ArrowKind::other;
    if (type.bits != 32 && type.bits != 64 && type.bits != 128 && type.bits != 256) type.kind = ArrowKind::other;
    return type;
  }
  constexpr std::pair<std::string_view, const char*> kRefused[] = {
      {"+s", "struct"}, {"+m", "map"},      {"+r", "run-end encoded"}, {"+w", "fixed-size list"}, {"+u", "union"},
      {"+", "list"},    {"z", "binary"},    {"Z", "large binary"},     {"vz", "binary view"},     {"w", "fixed-size binary"},
      {"tt", "time"},   {"tD", "duration"}, {"ti", "interval"}};
  for (const auto& [begin, name] : kRefused)
    if (format.starts_with(begin)) return plain(ArrowKind::other, 0, name);
  return plain(ArrowKind::other, 0, ("Arrow type \"" + format + "\"").c_str());
}

/// The number of buffers that a reader of this type needs; 0 if it reads none.
std::int64_t needed_buffers(const ArrowSchema& schema) {
  const std::string format = schema.format ? schema.format : "";
  const ArrowType type = describe_format(format);
  if (type.kind == ArrowKind::other) return 0;
  return format == "u" || format == "U" || format == "vu" ? 3 : 2;
}

/// Checks that `n` entries of `array` after its own offset can be read.
void check_array(const ArrowSchema& schema, const ArrowArray& array, std::int64_t n, const std::string& column) {
  constexpr std::int64_t kMaxPlace = INT64_MAX / 64;  // so that places in bytes can't overflow
  if (array.length < n)
    refuse(std::to_string(n) + " rows in every column of an Arrow batch", std::to_string(array.length), column);
  if (array.offset < 0 || array.length > kMaxPlace || array.offset > kMaxPlace)
    refuse("an offset and a length of an array in memory", std::to_string(array.offset) + " and " + std::to_string(array.length),
           column);
  const std::int64_t needed = needed_buffers(schema);
  if (n > 0 && needed > 0 && (array.n_buffers < needed || !array.buffers))
    refuse(std::to_string(needed) + " buffers", std::to_string(array.buffers ? array.n_buffers : 0), column);
  if (!schema.dictionary) return;
  if (!array.dictionary || array.dictionary->length < 0)
    refuse("the values of a dictionary", array.dictionary ? "a negative number of them" : "none", column);
  check_array(*schema.dictionary, *array.dictionary, array.dictionary->length, column);
}

}  // namespace

/// A column whose validity bitmap is the conjunction of its own and that of its batch.
struct ArrowBatches::MaskedColumn {
  std::size_t batch = 0;
  int column = 0;
  ArrowArray array{};
  std::vector<std::uint8_t> validity;
  std::vector<const void*> buffers;
};

ArrowType describe_type(const ArrowSchema& schema) {
  if (!schema.dictionary) return describe_format(schema.format ? schema.format : "");
  ArrowType type = describe_format(schema.dictionary->format ? schema.dictionary->format : "");
  type.is_dictionary = true;
  type.name = "dictionary of " + type.name;
  return type;
}

ArrowBatches::ArrowBatches(ArrowArrayStream* stream, Read read) : stream_(*stream) {
  stream->release = nullptr;  // this object owns the stream now
  try {
    read_schema();
    while (read == Read::all && read_batch()) {
    }
  } catch (...) {
    release();
    throw;
  }
}

ArrowBatches::~ArrowBatches() { release(); }

void ArrowBatches::release() noexcept {
  forget_batches();
  if (schema_.release) schema_.release(&schema_);
  if (stream_.release) stream_.release(&stream_);
}

void ArrowBatches::forget_batches() noexcept {
  masked_.clear();
  for (ArrowArray& batch : batches_)
    if (batch.release) batch.release(&batch);
  batches_.clear();
  first_row_ = n_rows_;
}

void ArrowBatches::read_schema() {
  if (const int code = stream_.get_schema(&stream_, &schema_)) {
    schema_.release = nullptr;  // the producer made no schema
    fail(&stream_, code, "schema");
  }
  is_struct_ = schema_.format && std::strcmp(schema_.format, "+s") == 0;
  if (!is_struct_) {
    names_.emplace_back(schema_.name ? schema_.name : "");
    return;
  }
  for (std::int64_t c = 0; c < schema_.n_children; ++c) {
    if (!schema_.children || !schema_.children[c]) refuse("a schema for every column", "none", std::to_string(c));
    names_.emplace_back(schema_.children[c]->name ? schema_.children[c]->name : "");
  }
}

bool ArrowBatches::read_batch() {
  batches_.emplace_back();
  ArrowArray& batch = batches_.back();
  if (const int code = stream_.get_next(&stream_, &batch)) {
    batch.release = nullptr;
    fail(&stream_, code, "next batch");
  }
  if (!batch.release) {
    batches_.pop_back();
    // The stream has ended, so its resources are released.
    stream_.release(&stream_);
    stream_.release = nullptr;
    return false;
  }
  check_batch(batch);
  if (is_struct_) mask_null_rows(batches_.size() - 1);
  n_rows_ += batch.length;
  return true;
}

void ArrowBatches::check_batch(const ArrowArray& batch) const {
  if (batch.length < 0 || batch.offset < 0 || batch.length > INT64_MAX / 64 || batch.offset > INT64_MAX / 64)
    throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected an offset and a length of a batch in memory, found " +
                                                  std::to_string(batch.offset) + " and " + std::to_string(batch.length) +
                                                  " in an Arrow batch. " + "Check the data's source.");
  if (!is_struct_) return check_array(schema_, batch, batch.length, names_[0]);
  if (batch.n_children != schema_.n_children)
    throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected Arrow batches of " + std::to_string(schema_.n_children) +
                                                  " columns, found one of " + std::to_string(batch.n_children) +
                                                  ". Check the data's source.");
  for (std::int64_t c = 0; c < batch.n_children; ++c) {
    const std::string& name = names_[static_cast<std::size_t>(c)];
    if (!batch.children || !batch.children[c]) refuse("an array for every column", "none", name);
    check_array(*schema_.children[c], *batch.children[c], batch.offset + batch.length, name);
  }
}

void ArrowBatches::mask_null_rows(std::size_t b) {
  const ArrowArray& batch = batches_[b];
  if (batch.null_count == 0 || batch.n_buffers < 1 || !batch.buffers || !batch.buffers[0]) return;
  const auto bit = [](const void* bits, std::int64_t at) {
    return (static_cast<const std::uint8_t*>(bits)[at / 8] >> (at % 8) & 1) != 0;
  };
  bool has_null = false;
  for (std::int64_t i = 0; i < batch.length && !has_null; ++i) has_null = !bit(batch.buffers[0], batch.offset + i);
  if (!has_null) return;
  for (std::int64_t c = 0; c < batch.n_children; ++c) {
    const ArrowArray& child = *batch.children[c];
    if (child.n_buffers < 1 || !child.buffers) continue;
    auto masked = std::make_shared<MaskedColumn>();
    masked->batch = b;
    masked->column = static_cast<int>(c);
    masked->array = child;
    masked->array.null_count = -1;
    const std::int64_t begin = child.offset + batch.offset;
    masked->validity.assign(static_cast<std::size_t>((begin + batch.length) / 8 + 1), 0);
    const bool has_own = child.null_count != 0 && child.buffers[0];
    for (std::int64_t i = 0; i < batch.length; ++i)
      if (bit(batch.buffers[0], batch.offset + i) && (!has_own || bit(child.buffers[0], begin + i))) {
        auto& byte = masked->validity[static_cast<std::size_t>((begin + i) / 8)];
        byte = static_cast<std::uint8_t>(byte | 1U << ((begin + i) % 8));
      }
    masked->buffers.assign(child.buffers, child.buffers + child.n_buffers);
    masked->buffers[0] = masked->validity.data();
    masked->array.buffers = masked->buffers.data();
    masked_.push_back(std::move(masked));
  }
}

int ArrowBatches::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name) return static_cast<int>(i);
  return -1;
}

const ArrowSchema& ArrowBatches::schema(int column) const { return is_struct_ ? *schema_.children[column] : schema_; }

std::vector<ArrowBatches::Chunk> ArrowBatches::chunks(int column) const {
  std::vector<Chunk> out;
  std::int64_t first_row = first_row_;
  for (std::size_t b = 0; b < batches_.size(); ++b) {
    const ArrowArray& batch = batches_[b];
    if (batch.length == 0) continue;
    const ArrowArray* array = is_struct_ ? batch.children[column] : &batch;
    const std::int64_t offset = array->offset + (is_struct_ ? batch.offset : 0);
    for (const auto& masked : masked_)
      if (masked->batch == b && masked->column == column) array = &masked->array;
    out.push_back({array, offset, batch.length, first_row});
    first_row += batch.length;
  }
  return out;
}

}  // namespace fractile
