// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/arrow_abi.h"
#include "fractile/signal.hpp"
#include "fractile/types.hpp"

namespace fractile {

/// The kinds of values in an Arrow column that panels and signals distinguish.
enum class ArrowKind : std::uint8_t { integer, real, decimal, boolean, text, date, timestamp, other };

struct ArrowType {
  ArrowKind kind = ArrowKind::other;
  int bits = 0;              ///< width of an integer, a real or a decimal
  int scale = 0;             ///< decimals: digits behind the point
  bool is_unsigned = false;  ///< integers
  bool is_dictionary = false;
  DateUnit unit = DateUnit::day;  ///< timestamps; date32 is day, date64 millisecond
  std::string timezone;           ///< "" if a timestamp has none
  std::string name;               ///< for messages: "int64", "timestamp[ns, UTC]", "decimal128(10, 2)"
};

/// Reads a schema's format string (that of the dictionary's values, if it has a dictionary).
ArrowType describe_type(const ArrowSchema& schema);

/// The schema and the batches of one stream, which this object owns. A stream whose schema is not a struct is
/// one column. Batches stay in order. A null row of a batch is null in every column. Lengths, offsets and
/// numbers of buffers are checked; the C interface does not show the sizes of buffers. Throws
/// UNREADABLE_SIGNAL with the producer's own words.
class ArrowBatches {
 public:
  enum class Read : std::uint8_t { all, by_batch };
  /// Takes the stream over; reads it to its end, or waits for read_batch().
  explicit ArrowBatches(ArrowArrayStream* stream, Read read = Read::all);
  ~ArrowBatches();
  ArrowBatches(const ArrowBatches&) = delete;
  ArrowBatches& operator=(const ArrowBatches&) = delete;
  /// Reads one more batch; returns false at the stream's end.
  bool read_batch();
  /// Releases the held batches; n_rows() still counts their rows.
  void forget_batches() noexcept;
  std::int64_t n_rows() const noexcept { return n_rows_; }
  const std::vector<std::string>& names() const noexcept { return names_; }
  int find(std::string_view name) const noexcept;  ///< -1 if absent; the first of equal names
  const ArrowSchema& schema(int column) const;
  /// A part of a column in one held batch. The offsets of the batch and of its child both apply; `offset` is
  /// their sum.
  struct Chunk {
    const ArrowArray* array;
    std::int64_t offset;
    std::int64_t length;
    std::int64_t first_row = 0;  ///< of the whole column; for messages
  };
  std::vector<Chunk> chunks(int column) const;

 private:
  struct MaskedColumn;

  void read_schema();
  void check_batch(const ArrowArray& batch) const;
  void mask_null_rows(std::size_t batch);
  void release() noexcept;

  ArrowArrayStream stream_;
  ArrowSchema schema_{};
  bool is_struct_ = false;
  std::vector<ArrowArray> batches_;
  std::vector<std::shared_ptr<MaskedColumn>> masked_;  ///< columns of batches that have null rows
  std::vector<std::string> names_;
  std::int64_t n_rows_ = 0;
  std::int64_t first_row_ = 0;  ///< of the batches held
};

/// Each writes chunk.length values to out; nulls become NaN, `missing`, kMissingDay, kMissingTime.
/// Integers, decimals and booleans are accepted as doubles; floats are not accepted as integers.
void read_doubles(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, double* out);
void read_integers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, std::int64_t missing, std::int64_t* out);
/// A whole number that float64 cannot hold, and its place in the chunk.
struct InexactWhole {
  std::int64_t i;
  std::string digits;
};
/// The first such number of integers, or of decimals without digits behind the point, that `skips` does not accept.
std::optional<InexactWhole> find_inexact(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk,
                                         const std::function<bool(std::string_view digits)>& skips);
/// Calls sink(i, text, is_null) for i = 0 ... length-1. Texts and dictionaries of texts.
void read_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk,
                const std::function<void(std::int64_t, std::string_view, bool)>& sink);

}  // namespace fractile
