// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "fractile/panel.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {

class ParentFiles;

/// The properties of a column's numbers that decide how they are stored.
struct NumberTraits {
  bool is_whole = true;
  bool fits_integer = true;  ///< all fit int32 without its lowest value, which is kMissingCode
  std::int64_t missing = 0;  ///< rows with a security and no number
  void see(double x) noexcept;
  /// Adds numbers. NaN is missing; so many of them are rows of padding.
  void see(std::span<const double> numbers, std::int64_t padding) noexcept;
};

/// Sets kind, float32, float64, whole and missing: integer if all are whole and within int32, unless `always_real`.
void choose_storage(const NumberTraits& traits, bool always_real, StoreAs dtype, ColumnInfo& column) noexcept;

/// Converts to float32. Throws PANEL_INFINITE_VALUE if a number is out of its range.
std::vector<float> narrow(const std::string& name, std::span<const double> numbers);

/// A column's hash, computed from the hashes of its files in the order of segments.
class ColumnHash {
 public:
  void add(const std::string& file_name, const std::string& hash);
  std::string digest() const;

 private:
  std::string narrow_, wide_;  // hashes of .f32 and .i32 files, and of .f64 files
};

/// The writer of segment files in the folder of a new snapshot; it lists them in the manifest. If a file would equal the same
/// file of `parent` (null: none), it is shared instead.
class SegmentWriter {
 public:
  SegmentWriter(std::filesystem::path folder, Manifest& manifest, ParentFiles* parent);
  /// Writes the values of the rows of segment s, padding included, to one or two files, as `column` says. Throws
  /// PANEL_INFINITE_VALUE, IO_FAILURE.
  void write_numbers(std::size_t s, const ColumnInfo& column, std::span<const double> numbers, ColumnHash& hash);
  void write_codes(std::size_t s, const std::string& name, std::span<const std::int32_t> codes, ColumnHash& hash);
  /// Values by row * kExposureStride + k.
  void write_exposures(std::size_t s, std::span<const float> block);
  void write_exposures(std::size_t s, std::span<const double> block);
  /// Shares the parent's file.
  void share(std::size_t s, const std::string& file_name, ColumnHash& hash);
  std::int64_t bytes_written() const noexcept { return bytes_written_; }

 private:
  template <class T>
  void write(std::size_t s, const std::string& name, std::span<const T> values, std::uint32_t stride, ColumnHash& hash);

  std::filesystem::path folder_;
  Manifest& manifest_;
  ParentFiles* parent_;
  std::int64_t bytes_written_ = 0;
};

/// File names of a column or of the exposures' block, by how it is stored.
std::vector<std::string> files_of(const ColumnInfo& column);

/// The writer of whole columns of a snapshot that is made at once. Columns are by snapshot row, padding included.
class ColumnWriter {
 public:
  ColumnWriter(const std::filesystem::path& folder, StoreAs dtype, Manifest& manifest);
  /// finish() writes all exposures together. Throws PANEL_INFINITE_VALUE.
  /// `padding`: rows without a security.
  void write_numbers(ColumnInfo column, const std::vector<double>& numbers, std::int64_t padding);
  void write_texts(ColumnInfo column, const std::vector<std::int32_t>& codes, std::vector<std::string> texts,
                   std::int64_t padding);
  void finish();

 private:
  template <class Write>
  void each_segment(std::size_t stride, Write&& write) const;

  StoreAs dtype_;
  Manifest& manifest_;
  SegmentWriter writer_;
  /// By row * kExposureStride + k. Only the block of the widest requested type is stored: it is a build's largest array.
  std::vector<float> exposures32_;
  std::vector<double> exposures64_;
};

/// Number of an exposure in its block.
std::size_t exposure_number(std::string_view name) noexcept;

}  // namespace fractile
