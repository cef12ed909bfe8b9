// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "arrow/arrow_export.hpp"

/// Columns of Python's str or date objects, as pandas has texts, and Parquet's dates, in columns of type object.
namespace fractile::python {

/// Such a column as codes into its texts. All but the objects is Arrow's memory.
struct ObjectTexts {
  std::vector<std::int32_t> codes;  ///< by row; 0 for a missing one
  std::vector<std::uint8_t> valid;  ///< bitmap of the rows that have a text; empty if all have one
  std::shared_ptr<const ExportTexts> texts;
  bool are_dates = false;  ///< texts are those of datetime.date: 2020-01-31
  /// The objects of the column, each once. While they live, their addresses stand for their texts.
  std::vector<nanobind::object> objects;
};

/// The text of a str. `is_missing`: the row has None, NaN (a float) or an object of `missing`. `is_other`: it has anything else,
/// or a str with a lone surrogate, which UTF-8 lacks. Requires the interpreter's lock, as all below.
struct RowText {
  std::string_view text;
  bool is_missing, is_other;
};
RowText text_of(PyObject* row, const nanobind::tuple& missing) noexcept;

/// The objects that rows may have besides str, None and NaN.
struct RowTypes {
  nanobind::tuple missing;  ///< objects that stand for a missing text
  nanobind::handle date;    ///< the type datetime.date
};

/// Reads rows of texts, or of dates, and missing ones. Null if a row is something else, if all are missing, or if objects recur
/// too rarely. Columns that were read twice are cached by the addresses of their objects: a run on the same signal costs a hash
/// of these, as one of whole numbers does.
std::shared_ptr<const ObjectTexts> read_objects(std::span<PyObject* const> rows, const RowTypes& types);

}  // namespace fractile::python
