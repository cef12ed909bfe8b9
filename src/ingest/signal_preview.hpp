// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "fractile/read_options.hpp"

/// The first rows of a signal file, and which of its columns are which.
namespace fractile {

struct SignalPreview {
  struct Column {
    std::string name;
    std::string type;                               ///< of Arrow, such as "int64"; a CSV's columns are texts
    std::vector<std::optional<std::string>> cells;  ///< one per row, up to 80 bytes of text; missing: no value
    // The refusal of a run that reads the column so; "": none in the first rows, or the file says the type itself.
    std::string date_refusal;
    std::string number_refusal;
  };
  std::vector<Column> columns;  ///< the first 256, in the order of the file, without those that `options` drop
  // Names of columns; "": none was recognised.
  std::string security_id;
  std::string date_sig;
  std::string value;
};

/// The first rows, up to six, of a file in memory. `format`: "csv", "parquet" or "arrow". A column is recognised by its name,
/// else by its values. Decoded data beyond `max_decoded_bytes` are refused. Throws UNREADABLE_SIGNAL, SIGNAL_TOO_LARGE,
/// FORMATS_NOT_AVAILABLE.
SignalPreview preview_signal(const void* data, std::size_t size, const std::string& format, std::size_t max_decoded_bytes,
                             const ReadOptions& options);

}  // namespace fractile
