// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "arrow/arrow_abi.h"
#include "fractile/error.hpp"
#include "fractile/read_options.hpp"

namespace fractile::formats {

/// Parquet, CSV and Arrow IPC through the formats module, which is loaded on first use from
/// $FRACTILE_FORMATS, else from the folder of this code's file, else from its ../_libs folder.
/// Throws FORMATS_NOT_AVAILABLE if the module is missing (naming the searched places and the CMake
/// option FRACTILE_FORMATS). Failures of the module are thrown with the code `failure`.

/// "parquet", "csv" or "arrow" by extension (.parquet .pq .csv .tsv .txt .arrow .feather .ipc .arrows; a CSV also with .gz or
/// .zst behind it); for a folder, by the extension of its files. Throws `failure` on another extension, with the line of pandas
/// that reads it if there is one.
std::string format_of_path(const std::string& path, ErrorCode failure);
std::vector<std::string> column_names(const std::string& path, const ReadOptions& options, ErrorCode failure);
/// `columns` empty: all.
void open_file(const std::string& path, const std::vector<std::string>& columns, const ReadOptions& options, ErrorCode failure,
               ArrowArrayStream* out);
void open_bytes(const void* data, std::size_t size, const std::string& format, const ReadOptions& options,
                std::size_t max_decoded_bytes, ErrorCode failure, ArrowArrayStream* out);
void write_file(const std::string& path, ArrowArrayStream* in);  ///< throws IO_FAILURE
/// Takes over the stream. Writes an IPC stream into memory from `allocate`, which is called once with the exact size.
void write_ipc_stream(ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate);
std::vector<std::uint8_t> write_ipc_stream(ArrowArrayStream* in);
/// The same for a Parquet file.
void write_parquet(ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate);

}  // namespace fractile::formats
