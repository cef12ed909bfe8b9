// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arrow/arrow_abi.h"
#include "ingest/read_options.hpp"

/// A table whose cells all came as texts, in little memory.
namespace fractile {

/// Opens a stream of columns of texts; all of them where `names` is empty.
using OpenTexts = std::function<void(const std::vector<std::string>& names, ArrowArrayStream* out)>;

/// The columns of a CSV. A column whose texts all are numbers or missing is held as float64; another one as codes into its texts,
/// exactly. Either is what a reader of columns makes of the texts themselves, so holding them changes nothing.
class TextTable : public std::enable_shared_from_this<TextTable> {
 public:
  /// Reads the stream block by block, and once more for the columns that turn out to be texts late. `as_texts`: columns whose
  /// texts are wanted whatever they look like.
  static std::shared_ptr<TextTable> read(const OpenTexts& open, const std::vector<std::string>& names, const ReadOptions& options,
                                         const std::vector<std::string>& as_texts);
  ~TextTable();
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// Columns by number, without a copy.
  void open_columns(const std::vector<std::size_t>& columns, ArrowArrayStream* out);

 private:
  struct Column;
  TextTable() = default;
  void read_stream(ArrowArrayStream* stream, const std::vector<std::size_t>& columns);

  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Column>> columns_;
  std::int64_t n_rows_ = 0;
};

}  // namespace fractile
