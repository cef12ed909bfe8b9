// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/column_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/known_columns.hpp"
#include "snapshot/mapping.hpp"
#include "snapshot/parent_files.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

template <class T>
constexpr layout::ValueType value_type_of() noexcept {
  if constexpr (std::is_same_v<T, float>) return layout::ValueType::float32;
  if constexpr (std::is_same_v<T, double>) return layout::ValueType::float64;
  return layout::ValueType::int32;
}

template <class T>
constexpr const char* suffix_of() noexcept {
  return std::is_same_v<T, float> ? ".f32" : std::is_same_v<T, double> ? ".f64" : ".i32";
}

constexpr double kLargestInteger = 2147483647.0;

}  // namespace

void NumberTraits::see(double x) noexcept {
  is_whole &= x == std::floor(x);
  fits_integer &= std::fabs(x) <= kLargestInteger;
}

void NumberTraits::see(std::span<const double> numbers, std::int64_t padding) noexcept {
  // Sums in place of branches, so that several numbers are looked at at once.
  std::int64_t absent = 0, broken = 0, large = 0;
  for (const double x : numbers) {
    absent += x != x;
    broken += (x == x) & (x != std::floor(x));
    large += std::fabs(x) > kLargestInteger;
  }
  is_whole &= broken == 0;
  fits_integer &= large == 0;
  missing += absent - padding;
}

void choose_storage(const NumberTraits& traits, bool always_real, StoreAs dtype, ColumnInfo& column) noexcept {
  column.whole = traits.is_whole;
  column.missing = traits.missing;
  column.float32 = column.float64 = false;
  if (!always_real && traits.is_whole && traits.fits_integer) {
    column.kind = ColumnKind::integer;
    return;
  }
  column.kind = ColumnKind::real;
  // Whole numbers beyond int32 are stored as float64, because float32 would lose digits of large ones.
  const bool needs_wide = !always_real && traits.is_whole;
  column.float64 = dtype != StoreAs::float32 || needs_wide;
  column.float32 = dtype != StoreAs::float64 && !needs_wide;
}

std::vector<float> narrow(const std::string& name, std::span<const double> numbers) {
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

void ColumnHash::add(const std::string& file_name, const std::string& hash) {
  (file_name.ends_with(".f64") ? wide_ : narrow_) += hash;
}

std::string ColumnHash::digest() const {
  return (narrow_.empty() ? "" : hash_text(narrow_)) + (wide_.empty() ? "" : hash_text(wide_));
}

std::vector<std::string> files_of(const ColumnInfo& column) {
  const std::string name = is_exposure(column.name) ? kExposuresFile : column.name;
  if (column.kind != ColumnKind::real) return {name + ".i32"};
  std::vector<std::string> out;
  if (column.float32) out.push_back(name + ".f32");
  if (column.float64) out.push_back(name + ".f64");
  return out;
}

std::size_t exposure_number(std::string_view name) noexcept {
  return static_cast<std::size_t>(std::find(std::begin(kExposures), std::end(kExposures), name) - kExposures);
}

SegmentWriter::SegmentWriter(std::filesystem::path folder, Manifest& manifest, ParentFiles* parent)
    : folder_(std::move(folder)), manifest_(manifest), parent_(parent) {
  for (std::size_t s = 0; s < manifest.segments.size(); ++s) std::filesystem::create_directories(folder_ / segment_directory(s));
}

template <class T>
void SegmentWriter::write(std::size_t s, const std::string& name, std::span<const T> values, std::uint32_t stride,
                          ColumnHash& hash) {
  const std::string file_name = name + suffix_of<T>();
  SegmentInfo& segment = manifest_.segments[s];
  const auto bytes = std::as_bytes(values);
  const SegmentFile file{layout::kPageBytes + bytes.size(), to_hex(hash_bytes(bytes.data(), bytes.size()))};
  if (parent_ && parent_->holds(s, file_name, segment, file)) return share(s, file_name, hash);
  const layout::FileHeader header = make_column_header(value_type_of<T>(), stride, segment.rows, segment.rows_padded);
  const std::array parts{std::as_bytes(std::span(&header, 1)), bytes};
  write_durably(folder_ / segment_directory(s) / file_name, parts);
  bytes_written_ += static_cast<std::int64_t>(file.bytes);
  hash.add(file_name, file.hash);
  segment.files[file_name] = file;
}

void SegmentWriter::share(std::size_t s, const std::string& file_name, ColumnHash& hash) {
  const SegmentFile& file = parent_->share(s, file_name, folder_ / segment_directory(s) / file_name);
  hash.add(file_name, file.hash);
  manifest_.segments[s].files[file_name] = file;
}

void SegmentWriter::write_numbers(std::size_t s, const ColumnInfo& column, std::span<const double> numbers, ColumnHash& hash) {
  if (column.kind == ColumnKind::integer) {
    std::vector<std::int32_t> codes(numbers.size());
    for (std::size_t row = 0; row < numbers.size(); ++row)
      codes[row] = numbers[row] == numbers[row] ? static_cast<std::int32_t>(numbers[row]) : kMissingCode;
    return write_codes(s, column.name, codes, hash);
  }
  if (column.float32) write<float>(s, column.name, narrow(column.name, numbers), 1, hash);
  if (column.float64) write<double>(s, column.name, numbers, 1, hash);
}

void SegmentWriter::write_codes(std::size_t s, const std::string& name, std::span<const std::int32_t> codes, ColumnHash& hash) {
  write<std::int32_t>(s, name, codes, 1, hash);
}

void SegmentWriter::write_exposures(std::size_t s, std::span<const float> block) {
  ColumnHash of_block;  // an exposure's hash is over its own values
  write<float>(s, kExposuresFile, block, kExposureStride, of_block);
}

void SegmentWriter::write_exposures(std::size_t s, std::span<const double> block) {
  ColumnHash of_block;
  write<double>(s, kExposuresFile, block, kExposureStride, of_block);
}

ColumnWriter::ColumnWriter(const std::filesystem::path& folder, StoreAs dtype, Manifest& manifest)
    : dtype_(dtype), manifest_(manifest), writer_(folder, manifest, nullptr) {}

/// Calls write(s, first, count) with the place and number of a segment's values.
template <class Write>
void ColumnWriter::each_segment(std::size_t stride, Write&& write) const {
  std::size_t at = 0;
  for (std::size_t s = 0; s < manifest_.segments.size(); ++s) {
    const std::size_t count = static_cast<std::size_t>(manifest_.segments[s].rows_padded) * stride;
    write(s, at, count);
    at += count;
  }
}

void ColumnWriter::write_numbers(ColumnInfo column, const std::vector<double>& numbers, std::int64_t padding) {
  NumberTraits traits;
  traits.see(numbers, padding);
  choose_storage(traits, is_always_real(column.name), dtype_, column);
  if (is_exposure(column.name)) {
    const auto add = [&](const auto& values, auto& block) {
      using T = std::decay_t<decltype(values[0])>;
      const std::size_t k = exposure_number(column.name);
      column.hash += to_hex(hash_bytes(values.data(), values.size() * sizeof(T)));
      if (block.empty()) block.assign(values.size() * kExposureStride, std::numeric_limits<T>::quiet_NaN());
      for (std::size_t row = 0; row < values.size(); ++row) block[row * kExposureStride + k] = values[row];
    };
    if (column.float32) {
      const std::vector<float> values = narrow(column.name, numbers);
      if (column.float64)
        column.hash = to_hex(hash_bytes(values.data(), values.size() * sizeof(float)));
      else
        add(values, exposures32_);
    }
    if (column.float64) add(numbers, exposures64_);
  } else {
    ColumnHash hash;
    each_segment(1, [&](std::size_t s, std::size_t first, std::size_t count) {
      writer_.write_numbers(s, column, std::span(numbers).subspan(first, count), hash);
    });
    column.hash = hash.digest();
  }
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnWriter::write_texts(ColumnInfo column, const std::vector<std::int32_t>& codes, std::vector<std::string> texts,
                               std::int64_t padding) {
  column.kind = ColumnKind::text;
  column.missing = std::count(codes.begin(), codes.end(), kMissingCode) - padding;
  ColumnHash hash;
  each_segment(1, [&](std::size_t s, std::size_t first, std::size_t count) {
    writer_.write_codes(s, column.name, std::span(codes).subspan(first, count), hash);
  });
  column.hash = hash.digest();
  manifest_.dictionaries[column.name] = std::move(texts);
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnWriter::finish() {
  each_segment(kExposureStride, [&](std::size_t s, std::size_t first, std::size_t count) {
    if (!exposures32_.empty()) writer_.write_exposures(s, std::span<const float>(exposures32_).subspan(first, count));
    if (exposures64_.empty()) return;
    const auto wide = std::span<const double>(exposures64_).subspan(first, count);
    writer_.write_exposures(s, wide);
    if (dtype_ != StoreAs::both) return;
    std::vector<float> narrowed(count);
    for (std::size_t k = 0; k < count; ++k) narrowed[k] = static_cast<float>(wide[k]);
    writer_.write_exposures(s, std::span<const float>(narrowed));
  });
}

}  // namespace fractile
