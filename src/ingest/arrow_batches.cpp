// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <cstring>

#include "fractile/error.hpp"
#include "ingest/arrow_column.hpp"

namespace fractile {
namespace {

struct StreamGuard {
  ArrowArrayStream* stream;
  ~StreamGuard() {
    if (stream->release) stream->release(stream);
  }
};

[[noreturn]] void fail(ArrowArrayStream* stream, int code, const char* what) {
  const char* words = stream->get_last_error ? stream->get_last_error(stream) : nullptr;
  throw Error(ErrorCode::UNREADABLE_SIGNAL, std::string("expected a readable Arrow stream, found that its ") + what +
                                                " failed: " + (words ? words : std::strerror(code)) +
                                                ". Check the data's source.");
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
  if (format.starts_with("d:")) return plain(ArrowKind::other, 0, ("decimal(" + format.substr(2) + ")").c_str());
  return plain(ArrowKind::other, 0, ("Arrow type \"" + format + "\"").c_str());
}

}  // namespace

ArrowType describe_type(const ArrowSchema& schema) {
  if (!schema.dictionary) return describe_format(schema.format ? schema.format : "");
  ArrowType type = describe_format(schema.dictionary->format ? schema.dictionary->format : "");
  type.is_dictionary = true;
  type.name = "dictionary of " + type.name;
  return type;
}

ArrowBatches::ArrowBatches(ArrowArrayStream* stream) {
  const StreamGuard guard{stream};
  if (const int code = stream->get_schema(stream, &schema_)) fail(stream, code, "schema");
  const bool is_struct = schema_.format && std::strcmp(schema_.format, "+s") == 0;
  if (is_struct)
    for (std::int64_t c = 0; c < schema_.n_children; ++c)
      names_.emplace_back(schema_.children[c]->name ? schema_.children[c]->name : "");
  else
    names_.emplace_back(schema_.name ? schema_.name : "");
  try {
    while (true) {
      ArrowArray batch{};
      if (const int code = stream->get_next(stream, &batch)) fail(stream, code, "next batch");
      if (!batch.release) break;
      batches_.push_back(batch);
      n_rows_ += batch.length;
      if (is_struct && batch.n_children != schema_.n_children)
        throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected Arrow batches of " + std::to_string(schema_.n_children) +
                                                      " columns, found one of " + std::to_string(batch.n_children) +
                                                      ". Check the data's source.");
    }
  } catch (...) {
    for (ArrowArray& batch : batches_) batch.release(&batch);
    if (schema_.release) schema_.release(&schema_);
    throw;
  }
}

ArrowBatches::~ArrowBatches() {
  for (ArrowArray& batch : batches_)
    if (batch.release) batch.release(&batch);
  if (schema_.release) schema_.release(&schema_);
}

int ArrowBatches::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name) return static_cast<int>(i);
  return -1;
}

const ArrowSchema& ArrowBatches::schema(int column) const {
  return schema_.n_children > 0 ? *schema_.children[column] : schema_;
}

std::vector<ArrowBatches::Chunk> ArrowBatches::chunks(int column) const {
  std::vector<Chunk> out;
  for (const ArrowArray& batch : batches_) {
    if (batch.length == 0) continue;
    const ArrowArray* array = schema_.n_children > 0 ? batch.children[column] : &batch;
    const std::int64_t offset = array->offset + (array == &batch ? 0 : batch.offset);
    if (array != &batch && array->length < batch.offset + batch.length)
      throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected columns of " + std::to_string(batch.length) +
                                                    " rows in an Arrow batch, found " + std::to_string(array->length) +
                                                    " in column \"" + names_[static_cast<std::size_t>(column)] +
                                                    "\". Check the data's source.");
    out.push_back({array, offset, batch.length});
  }
  return out;
}

}  // namespace fractile
