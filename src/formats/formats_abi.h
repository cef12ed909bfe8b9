// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The C function that the formats module exports. No Arrow C++ type crosses this interface.
#ifndef FRACTILE_FORMATS_FORMATS_ABI_H_
#define FRACTILE_FORMATS_FORMATS_ABI_H_

#include <stddef.h>
#include <stdint.h>

#include "arrow/arrow_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

// Every call returns 0, or 1 with a message (UTF-8, cut to `error_size`) in `error`. `format` is "parquet",
// "csv" or "arrow" (IPC stream or file, recognised by the first bytes). `columns` may be null: all columns. A path may be a
// folder of Parquet or CSV files. Every column of a CSV is a column of texts, none of them null.
// A name can have line ends: spreadsheets break the lines of their headers.
#define FRACTILE_FORMATS_SEPARATOR '\x1e'

struct FractileCsv {
  char delimiter;        // 0: recognised
  const char* encoding;  // "": UTF-8
};

struct FractileFormats {
  int abi_version;  // 5
  // `csv` may be null: nothing is known of it.
  int (*column_names)(const char* path, const char* format, const struct FractileCsv* csv, char** names, char* error,
                      size_t error_size);  // each name ends with FRACTILE_FORMATS_SEPARATOR; free with free_text
  int (*open_file)(const char* path, const char* format, const struct FractileCsv* csv, const char* const* columns,
                   int64_t n_columns, struct ArrowArrayStream* out, char* error, size_t error_size);
  // Decoded data beyond max_decoded_bytes is refused. The bytes must live until the stream is released.
  int (*open_bytes)(const uint8_t* data, size_t size, const char* format, const struct FractileCsv* csv, size_t max_decoded_bytes,
                    const char* const* columns, int64_t n_columns, struct ArrowArrayStream* out, char* error, size_t error_size);
  // Takes over the stream. CSV has a header line, parquet is compressed with zstd, arrow is an uncompressed IPC file.
  int (*write_file)(const char* path, const char* format, struct ArrowArrayStream* in, char* error, size_t error_size);
  // Takes over the stream. Writes an IPC stream into memory from `allocate`, which is called once with `context` and the exact
  // size; it returns null if memory is exhausted.
  int (*write_ipc_stream)(struct ArrowArrayStream* in, char* (*allocate)(void* context, size_t size), void* context, char* error,
                          size_t error_size);
  // The same for a Parquet file, compressed with zstd.
  int (*write_parquet)(struct ArrowArrayStream* in, char* (*allocate)(void* context, size_t size), void* context, char* error,
                       size_t error_size);
  void (*free_text)(char*);
};

typedef const struct FractileFormats* (*FractileFormatsEntry)(void);
// The exported symbol's name: "fractile_formats".

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // FRACTILE_FORMATS_FORMATS_ABI_H_
