// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "object_texts.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "parallel/hash_arrays.hpp"
#include "types/byte_cache.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

constexpr std::int32_t kMissing = -1;

/// The columns that were read twice; the interpreter's lock guards them.
ByteCache<std::shared_ptr<const ObjectTexts>>& cache() {
  constexpr std::size_t kMaxBytes = std::size_t{128} << 20;  // as that of text ids
  // Never destroyed: its objects must not be released after the end of the interpreter.
  static auto& only = *new ByteCache<std::shared_ptr<const ObjectTexts>>(kMaxBytes);
  return only;
}

std::size_t bytes_of(const ObjectTexts& column) {
  constexpr std::size_t kPerObject = 64;  // a str of a dozen characters
  return column.codes.size() * sizeof(std::int32_t) + column.valid.size() + column.texts->bytes.size() +
         column.objects.size() * kPerObject;
}

/// A numbering of objects by their addresses.
class Numbering {
 public:
  explicit Numbering(const RowTypes& types) : types_(types) {}

  /// Writes the code of each row. False if read_objects() returns null for them.
  bool number(std::span<PyObject* const> rows, std::vector<std::int32_t>& codes) {
    // Rows of one security follow each other, or days list the securities in one order.
    std::int32_t before = kMissing;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::size_t& next = next_[static_cast<std::size_t>(before + 1)];
      if (next >= objects_.size() || objects_[next].ptr() != rows[i]) {
        const std::size_t place = place_of(rows[i]);
        if (place == kRefused || place > kFewObjects + i / kRowsPerObject) return false;
        next_[static_cast<std::size_t>(before + 1)] = place;
        before = codes_[place];
      } else {
        before = codes_[next];
      }
      codes[i] = before;
    }
    return !texts_.empty();
  }
  bool are_dates() const noexcept { return !dates_.empty(); }

  std::vector<nb::object> take_objects() { return std::move(objects_); }
  std::span<const std::string_view> texts() const noexcept { return texts_; }

 private:
  static constexpr std::size_t kRefused = static_cast<std::size_t>(-1);
  // More objects than so many, and one in so many rows, do not recur.
  static constexpr std::size_t kFewObjects = std::size_t{1} << 16, kRowsPerObject = 4;

  std::size_t place_of(PyObject* object) {
    const auto found = places_.find(object);
    if (found != places_.end()) return found->second;
    const std::size_t place = objects_.size();
    RowText row = text_of(object, types_.missing);
    if (row.is_other) {
      if (reinterpret_cast<PyObject*>(Py_TYPE(object)) != types_.date.ptr() || texts_.size() > dates_.size()) return kRefused;
      row = {dates_.emplace_back(nb::str(nb::handle(object)).c_str()), false, false};
    } else if (!row.is_missing && are_dates()) {
      return kRefused;
    }
    if (!row.is_missing) {
      texts_.push_back(row.text);
      next_.push_back(0);
    }
    objects_.push_back(nb::borrow(object));
    codes_.push_back(row.is_missing ? kMissing : static_cast<std::int32_t>(texts_.size() - 1));
    places_.emplace(object, place);
    return place;
  }

  const RowTypes& types_;
  std::unordered_map<PyObject*, std::size_t> places_;
  // By place.
  std::vector<nb::object> objects_;
  std::vector<std::int32_t> codes_;
  // By code.
  std::vector<std::string_view> texts_;
  std::deque<std::string> dates_;     // those of dates; empty if the rows are texts
  std::vector<std::size_t> next_{0};  // by code + 1: the place of the object that followed last
};

/// Arrow has missing rows in a bitmap.
void mark_missing(ObjectTexts& column) {
  std::int32_t lowest = 0;
  for (const std::int32_t code : column.codes) lowest = std::min(lowest, code);
  if (lowest >= 0) return;
  column.valid.assign((column.codes.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < column.codes.size(); ++i) {
    const bool is_there = column.codes[i] != kMissing;
    column.valid[i / 8] = static_cast<std::uint8_t>(column.valid[i / 8] | unsigned{is_there} << (i % 8));
    if (!is_there) column.codes[i] = 0;
  }
}

}  // namespace

RowText text_of(PyObject* row, const nb::tuple& missing) noexcept {
  constexpr RowText kMissingRow{{}, true, false}, kOther{{}, false, true};
  if (!row) return kOther;
  if (PyUnicode_CheckExact(row)) {
    Py_ssize_t size = 0;
    const char* const characters = PyUnicode_AsUTF8AndSize(row, &size);
    if (characters) return {{characters, static_cast<std::size_t>(size)}, false, false};
    PyErr_Clear();  // a lone surrogate
    return kOther;
  }
  if (row == Py_None) return kMissingRow;
  if (PyFloat_CheckExact(row)) return PyFloat_AS_DOUBLE(row) != PyFloat_AS_DOUBLE(row) ? kMissingRow : kOther;
  for (std::size_t i = 0; i < missing.size(); ++i)
    if (PyTuple_GET_ITEM(missing.ptr(), static_cast<Py_ssize_t>(i)) == row) return kMissingRow;
  return kOther;
}

std::shared_ptr<const ObjectTexts> read_objects(std::span<PyObject* const> rows, const RowTypes& types) {
  const std::array arrays{std::as_bytes(rows)};
  const Hash128 key = hash_arrays(arrays);
  if (auto known = cache().find(key)) return known;
  ObjectTexts column;
  column.codes.resize(rows.size());
  Numbering numbering(types);
  if (!numbering.number(rows, column.codes)) return nullptr;
  mark_missing(column);
  column.texts = std::make_shared<ExportTexts>(numbering.texts());
  column.are_dates = numbering.are_dates();
  column.objects = numbering.take_objects();
  // Released with the interpreter's lock, wherever the last owner is.
  const std::shared_ptr<const ObjectTexts> out(new ObjectTexts(std::move(column)), [](const ObjectTexts* released) {
    const nb::gil_scoped_acquire lock;
    delete released;
  });
  cache().offer(key, out, bytes_of(*out));
  return out;
}

}  // namespace fractile::python
