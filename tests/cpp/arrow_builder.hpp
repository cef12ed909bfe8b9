// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/arrow_abi.h"

/// A builder of Arrow arrays that exposes every field, so that tests can make odd and wrong arrays.
namespace fractile::testing {

struct Array {
  std::string format, name;
  std::int64_t length = 0, offset = 0, null_count = 0;
  std::vector<std::shared_ptr<std::vector<char>>> buffers;  ///< a null pointer is a null buffer
  std::vector<Array> children;
  std::shared_ptr<Array> dictionary;

  template <class T>
  Array& add(const std::vector<T>& values) {
    auto bytes = std::make_shared<std::vector<char>>(values.size() * sizeof(T) + 1);  // never empty
    if (!values.empty()) std::memcpy(bytes->data(), values.data(), values.size() * sizeof(T));
    buffers.push_back(std::move(bytes));
    return *this;
  }
  Array& add_null() {
    buffers.push_back(nullptr);
    return *this;
  }
  /// Adds a buffer of one bit per entry, in Arrow's packing.
  Array& add_bits(const std::vector<int>& bits) {
    std::vector<std::uint8_t> bytes(bits.size() / 8 + 1, 0);
    for (std::size_t i = 0; i < bits.size(); ++i)
      if (bits[i]) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | 1U << (i % 8));
    return add(bytes);
  }
  /// Replaces the validity bitmap.
  Array& valid(const std::vector<int>& bits) {
    add_bits(bits);
    buffers[0] = buffers.back();
    buffers.pop_back();
    null_count = -1;
    return *this;
  }
};

template <class T>
Array plain(const std::string& name, const std::string& format, const std::vector<T>& values) {
  Array array;
  array.name = name;
  array.format = format;
  array.length = static_cast<std::int64_t>(values.size());
  array.add_null().add(values);
  return array;
}

template <class Offset>
Array offset_texts(const std::string& name, const std::string& format, const std::vector<std::string>& texts) {
  Array array;
  array.name = name;
  array.format = format;
  array.length = static_cast<std::int64_t>(texts.size());
  std::vector<Offset> offsets{0};
  std::vector<char> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<Offset>(bytes.size()));
  }
  array.add_null().add(offsets).add(bytes);
  return array;
}

/// An array of 16-byte views; each long text has a buffer of its own.
inline Array view_texts(const std::string& name, const std::vector<std::string>& texts) {
  Array array;
  array.name = name;
  array.format = "vu";
  array.length = static_cast<std::int64_t>(texts.size());
  std::vector<char> views(texts.size() * 16, 0);
  std::vector<std::vector<char>> long_texts;
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto length = static_cast<std::int32_t>(texts[i].size());
    std::memcpy(&views[i * 16], &length, 4);
    if (length <= 12) {
      std::memcpy(&views[i * 16 + 4], texts[i].data(), texts[i].size());
      continue;
    }
    const auto number = static_cast<std::int32_t>(long_texts.size());
    std::memcpy(&views[i * 16 + 4], texts[i].data(), 4);
    std::memcpy(&views[i * 16 + 8], &number, 4);
    long_texts.emplace_back(texts[i].begin(), texts[i].end());
    sizes.push_back(length);
  }
  array.add_null().add(views);
  for (const auto& bytes : long_texts) array.add(bytes);
  array.add(sizes);
  return array;
}

inline Array texts(const std::string& name, const std::string& format, const std::vector<std::string>& values) {
  if (format == "u") return offset_texts<std::int32_t>(name, format, values);
  if (format == "U") return offset_texts<std::int64_t>(name, format, values);
  return view_texts(name, values);
}

/// Indices of any whole type into `values`.
template <class Index>
Array dictionary(const std::string& name, const std::string& format, const std::vector<Index>& indices, Array values) {
  Array array = plain(name, format, indices);
  array.dictionary = std::make_shared<Array>(std::move(values));
  return array;
}

inline Array batch(std::vector<Array> columns, std::int64_t length = -1) {
  Array array;
  array.format = "+s";
  array.length = length >= 0 ? length : columns.empty() ? 0 : columns[0].length;
  array.children = std::move(columns);
  array.add_null();
  return array;
}

namespace detail {

inline int& live_count() {
  static int count = 0;
  return count;
}

inline void fill(const Array& from, ArrowSchema* out);
inline void fill(const Array& from, ArrowArray* out);

/// Gives a C structure its children, its dictionary and its release function, all owned by `held`.
template <class Held, class Out>
void own_children(Held* held, Out* out) {
  held->children.resize(held->array.children.size());
  for (std::size_t c = 0; c < held->children.size(); ++c) {
    fill(held->array.children[c], &held->children[c]);
    held->child_pointers.push_back(&held->children[c]);
  }
  out->n_children = static_cast<std::int64_t>(held->children.size());
  out->children = held->child_pointers.data();
  if (held->array.dictionary) {
    fill(*held->array.dictionary, &held->dictionary);
    out->dictionary = &held->dictionary;
  }
  out->private_data = held;
  out->release = [](Out* released) {
    auto* mine = static_cast<Held*>(released->private_data);
    for (Out& child : mine->children)
      if (child.release) child.release(&child);
    if (mine->dictionary.release) mine->dictionary.release(&mine->dictionary);
    released->release = nullptr;
    delete mine;
    --live_count();
  };
}

struct HeldSchema {
  Array array;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
  ArrowSchema dictionary{};
};

inline void fill(const Array& from, ArrowSchema* out) {
  auto* held = new HeldSchema{from, {}, {}, {}};
  ++live_count();
  *out = {};
  out->format = held->array.format.c_str();
  out->name = held->array.name.c_str();
  out->flags = ARROW_FLAG_NULLABLE;
  own_children(held, out);
}

struct HeldArray {
  Array array;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
  ArrowArray dictionary{};
};

inline void fill(const Array& from, ArrowArray* out) {
  auto* held = new HeldArray{from, {}, {}, {}, {}};
  ++live_count();
  *out = {};
  out->length = from.length;
  out->offset = from.offset;
  out->null_count = from.null_count;
  for (const auto& buffer : held->array.buffers) held->buffers.push_back(buffer ? buffer->data() : nullptr);
  out->n_buffers = static_cast<std::int64_t>(held->buffers.size());
  out->buffers = held->buffers.data();
  own_children(held, out);
}

struct HeldStream {
  Array schema;
  std::vector<Array> batches;
  std::size_t next = 0;
  std::string error;  ///< if not empty, the stream ends with this error
};

}  // namespace detail

/// Number of schemas, arrays and streams that are not yet released, in the whole process.
inline int live_count() { return detail::live_count(); }

/// `error`: the error with which the stream ends; "" for a normal end.
inline ArrowArrayStream stream_of(std::vector<Array> batches, const std::string& error = "") {
  ArrowArrayStream stream{};
  Array schema = batches.at(0);
  stream.private_data = new detail::HeldStream{std::move(schema), std::move(batches), 0, error};
  ++detail::live_count();
  stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    detail::fill(static_cast<detail::HeldStream*>(self->private_data)->schema, out);
    return 0;
  };
  stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
    auto* held = static_cast<detail::HeldStream*>(self->private_data);
    *out = {};
    if (held->next < held->batches.size())
      detail::fill(held->batches[held->next++], out);
    else if (!held->error.empty())
      return EIO;
    return 0;
  };
  stream.get_last_error = [](ArrowArrayStream* self) -> const char* {
    return static_cast<detail::HeldStream*>(self->private_data)->error.c_str();
  };
  stream.release = [](ArrowArrayStream* self) {
    delete static_cast<detail::HeldStream*>(self->private_data);
    self->release = nullptr;
    --detail::live_count();
  };
  return stream;
}

}  // namespace fractile::testing
