// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/column_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/mapping.hpp"

namespace fractile {
namespace {

const char* suffix_of(layout::ValueType type) {
  switch (type) {
    case layout::ValueType::float32: return ".f32";
    case layout::ValueType::float64: return ".f64";
    default: return ".i32";
  }
}

std::vector<float> narrow(const std::string& name, const std::vector<double>& numbers) {
  std::vector<float> out(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    out[i] = static_cast<float>(numbers[i]);
    if (std::isinf(out[i]))
      throw Error(ErrorCode::PANEL_INFINITE_VALUE,
                  fmt::format("expected values that float32 can hold in column \"{}\", found {}. Create the snapshot "
                              "with --dtype float64.",
                              name, numbers[i]));
  }
  return out;
}

}  // namespace

ColumnWriter::ColumnWriter(std::filesystem::path folder, StoreAs dtype, Manifest& manifest)
    : folder_(std::move(folder)), dtype_(dtype), manifest_(manifest) {
  for (std::size_t s = 0; s < manifest.segments.size(); ++s) std::filesystem::create_directories(folder_ / segment_directory(s));
}

template <class T>
std::string ColumnWriter::write_segment(std::size_t s, const std::string& name, std::span<const T> values, layout::ValueType type,
                                        std::uint32_t stride) {
  const std::string file_name = name + suffix_of(type);
  SegmentInfo& segment = manifest_.segments[s];
  const auto bytes = std::as_bytes(values);
  layout::FileHeader header = layout::make_header(layout::FileKind::column);
  header.value_type = type;
  header.stride = stride;
  header.rows = static_cast<std::uint64_t>(segment.rows);
  header.rows_padded = static_cast<std::uint64_t>(segment.rows_padded);
  header.data_bytes = bytes.size();
  seal_header(header);
  const std::array parts{std::as_bytes(std::span(&header, 1)), bytes};
  write_durably(folder_ / segment_directory(s) / file_name, parts);
  std::string hash = hash_bytes(bytes.data(), bytes.size());
  segment.files[file_name] = {sizeof header + bytes.size(), hash};
  return hash;
}

template <class T>
std::string ColumnWriter::write_values(const std::string& name, const std::vector<T>& values, layout::ValueType type,
                                       std::uint32_t stride) {
  std::string hashes;
  std::size_t at = 0;
  for (std::size_t s = 0; s < manifest_.segments.size(); ++s) {
    const std::size_t count = static_cast<std::size_t>(manifest_.segments[s].rows_padded) * stride;
    hashes += write_segment(s, name, std::span(values).subspan(at, count), type, stride);
    at += count;
  }
  return hash_text(hashes);
}

template <class T>
void ColumnWriter::add_exposure(const std::string& name, const std::vector<T>& values, std::vector<T>& block) {
  const auto k = static_cast<std::size_t>(std::find(std::begin(kExposures), std::end(kExposures), name) - kExposures);
  if (block.empty()) block.assign(values.size() * kExposureStride, std::numeric_limits<T>::quiet_NaN());
  for (std::size_t row = 0; row < values.size(); ++row) block[row * kExposureStride + k] = values[row];
}

void ColumnWriter::write_numbers(ColumnInfo column, std::vector<double> numbers, bool always_real, bool is_exposure,
                                 const std::vector<SecurityIndex>& security_of_row) {
  bool fits_integer = true;
  column.whole = true;
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    const double x = numbers[row];
    if (x != x) {
      column.missing += security_of_row[row] >= 0;
      continue;
    }
    column.whole &= x == std::floor(x);
    fits_integer &= std::fabs(x) <= 2147483647.0;  // the lowest int32 is kMissingCode
  }
  if (!always_real && column.whole && fits_integer) {
    column.kind = ColumnKind::integer;
    std::vector<std::int32_t> codes(numbers.size());
    for (std::size_t row = 0; row < numbers.size(); ++row)
      codes[row] = numbers[row] == numbers[row] ? static_cast<std::int32_t>(numbers[row]) : kMissingCode;
    column.hash = write_values(column.name, codes, layout::ValueType::int32, 1);
  } else {
    column.kind = ColumnKind::real;
    // Whole numbers beyond int32 (and beyond what float32 tells apart) keep all their digits.
    const bool needs_wide = !always_real && column.whole;
    column.float64 = dtype_ != StoreAs::float32 || needs_wide;
    column.float32 = dtype_ != StoreAs::float64 && !needs_wide;
    if (column.float32) {
      const std::vector<float> values = narrow(column.name, numbers);
      if (is_exposure) {
        if (!column.float64) add_exposure(column.name, values, exposures32_);
        column.hash = hash_bytes(values.data(), values.size() * sizeof(float));
      } else {
        column.hash = write_values(column.name, values, layout::ValueType::float32, 1);
      }
    }
    if (column.float64) {
      if (is_exposure) {
        add_exposure(column.name, numbers, exposures64_);
        column.hash += hash_bytes(numbers.data(), numbers.size() * sizeof(double));
      } else {
        column.hash += write_values(column.name, numbers, layout::ValueType::float64, 1);
      }
    }
  }
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnWriter::write_texts(ColumnInfo column, const std::vector<std::int32_t>& codes, std::vector<std::string> texts,
                               const std::vector<SecurityIndex>& security_of_row) {
  column.kind = ColumnKind::text;
  for (std::size_t row = 0; row < codes.size(); ++row) column.missing += codes[row] == kMissingCode && security_of_row[row] >= 0;
  column.hash = write_values(column.name, codes, layout::ValueType::int32, 1);
  manifest_.dictionaries[column.name] = std::move(texts);
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnWriter::finish() {
  if (!exposures32_.empty()) write_values(kExposuresFile, exposures32_, layout::ValueType::float32, kExposureStride);
  if (exposures64_.empty()) return;
  write_values(kExposuresFile, exposures64_, layout::ValueType::float64, kExposureStride);
  if (dtype_ != StoreAs::both) return;
  std::size_t at = 0;
  for (std::size_t s = 0; s < manifest_.segments.size(); ++s) {
    const std::size_t count = static_cast<std::size_t>(manifest_.segments[s].rows_padded) * kExposureStride;
    std::vector<float> narrowed(count);
    for (std::size_t k = 0; k < count; ++k) narrowed[k] = static_cast<float>(exposures64_[at + k]);
    write_segment(s, kExposuresFile, std::span<const float>(narrowed), layout::ValueType::float32, kExposureStride);
    at += count;
  }
}

}  // namespace fractile
