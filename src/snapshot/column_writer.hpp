// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "fractile/panel.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {

/// Writes columns into the segments of a snapshot that is being made, and describes them in its
/// manifest. Columns come in snapshot rows, padding included.
class ColumnWriter {
 public:
  ColumnWriter(std::filesystem::path folder, StoreAs dtype, Manifest& manifest);
  /// NaN is missing. Stored as integers where all are whole and `always_real` is false. Exposures
  /// are gathered and written by finish(). Throws PANEL_INFINITE_VALUE where float32 cannot hold one.
  void write_numbers(ColumnInfo column, std::vector<double> numbers, bool always_real, bool is_exposure,
                     const std::vector<SecurityIndex>& security_of_row);
  void write_texts(ColumnInfo column, const std::vector<std::int32_t>& codes, std::vector<std::string> texts,
                   const std::vector<SecurityIndex>& security_of_row);
  void finish();

 private:
  template <class T>
  std::string write_values(const std::string& name, const std::vector<T>& values, layout::ValueType type, std::uint32_t stride);
  template <class T>
  std::string write_segment(std::size_t s, const std::string& name, std::span<const T> values, layout::ValueType type,
                            std::uint32_t stride);
  template <class T>
  void add_exposure(const std::string& name, const std::vector<T>& values, std::vector<T>& block);

  std::filesystem::path folder_;
  StoreAs dtype_;
  Manifest& manifest_;
  /// By row * kExposureStride + k. One block is held, the widest that is asked for: it is the largest array of a build.
  std::vector<float> exposures32_;
  std::vector<double> exposures64_;
};

}  // namespace fractile
