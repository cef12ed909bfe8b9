// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fractile/snapshot.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot/mapping.hpp"
#include "snapshot/text_ids.hpp"

/// The internals of an open snapshot, for code that reads a snapshot to make or describe another.
namespace fractile {

struct Snapshot::Impl {
  std::filesystem::path path;
  Manifest manifest;
  Mapping index;
  layout::FileHeader header;
  // Data per day and per security is small, and leads to all other data. It is copied before it is checked, so that a file that
  // changes later leads no reader outside.
  std::vector<Day> dates;
  std::vector<std::int64_t> security_ids;
  TextIds texts;
  std::vector<RowIndex> row_begin, row_end;
  std::vector<DateIndex> first_day, last_day;
  std::vector<std::int32_t> row_of_begin;
  std::map<std::string, Mapping, std::less<>> files;  ///< by file name without segment: "ret.f32"
  std::vector<MappedFile> mapped;
  RowIndex row_capacity = 0;
  Residence residence = Residence::mapped;
  std::optional<Storage> storage;
  std::atomic<bool> is_changed{false};  ///< a mapped file was found cut or written to; never reset

  static const Impl& of(const Snapshot& snapshot) noexcept { return *snapshot.impl_; }

  template <class T>
  std::span<const T> section(layout::IndexSection which) const {
    const layout::Section& at = header.sections[which];
    return {reinterpret_cast<const T*>(index.data() + at.offset), at.count};
  }

  void open(Verify verify);
  /// Maps or reads `bytes` of a file into a mapping, by residence.
  void bring(const SnapshotFile& file, std::uint64_t offset, std::uint64_t bytes, Mapping& mapping, std::size_t at,
             Residence how);
  /// The residence of the column file `name`.
  Residence residence_of(const std::string& name) const;
  void open_index();
  void open_texts();
  void open_segments();
  void check_index() const;
  void check_columns() const;
  [[noreturn]] void refuse(const std::string& expected, const std::string& found) const;
};

}  // namespace fractile
