// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "snapshot/layout.hpp"
#include "snapshot/mapping_guard.hpp"

namespace fractile {

/// A range of addresses into which files are mapped, read-only; unmapped when it goes. Reads as zeros from the moment on
/// when a file is found cut (mapping_guard.hpp).
class Mapping {
 public:
  Mapping() = default;
  /// Reserves addresses without memory behind them. Throws IO_FAILURE.
  explicit Mapping(std::size_t bytes);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return bytes_; }
  /// True once it reads as zeros.
  bool is_damaged() const noexcept { return guard_ && guard_->is_damaged(); }
  /// Reads the pages of `bytes` from data() + at that are not in memory.
  void preload(std::size_t at, std::size_t bytes) const noexcept;
  /// Reads `bytes` of an open file into memory at data() + at. Throws CORRUPT_SNAPSHOT where the file ends before, IO_FAILURE.
  void read_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path);
  /// Maps `bytes` of an open file from `file_offset` (whole pages) to data() + at.
  void map_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path);

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::unique_ptr<GuardedRange> guard_;
};

/// What identifies a file that was mapped, to tell later whether it was cut or written to.
struct MappedFile {
  std::filesystem::path path;
  dev_t device;
  ino_t inode;
  std::uint64_t bytes;
  timespec modified;
  /// The last byte of its last page that is not zero, and where it is mapped: gone where the file was cut before it, whatever
  /// became of the file's name since. (What is cut behind it was zeros, and reads as zeros.)
  std::uint64_t last_offset = 0;
  std::byte last_value{};
  const std::byte* last = nullptr;
  /// `mapped`: where the file's byte `offset` is.
  void watch(const std::byte* mapped, std::uint64_t offset) noexcept {
    if (last_offset >= offset) last = mapped + (last_offset - offset);
  }
  /// False where the file was cut, or where it still has its name and now has another size or was written to. One that was
  /// removed or replaced is intact: the mapping keeps the old bytes.
  bool is_intact() const noexcept;
};

/// Completes a header: every bit of it is checked when the file is opened.
void seal_header(layout::FileHeader& header) noexcept;
/// The sealed header of a segment's column file.
layout::FileHeader make_column_header(layout::ValueType type, std::uint32_t stride, std::int64_t rows,
                                      std::int64_t rows_padded) noexcept;

/// An open snapshot file whose header and size were checked. Throws CORRUPT_SNAPSHOT.
class SnapshotFile {
 public:
  SnapshotFile(const std::filesystem::path& path, layout::FileKind kind, std::uint64_t expected_bytes);
  ~SnapshotFile();
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;
  int fd() const noexcept { return fd_; }
  const layout::FileHeader& header() const noexcept { return header_; }
  const MappedFile& mapped() const noexcept { return mapped_; }

 private:
  int fd_ = -1;
  layout::FileHeader header_;
  MappedFile mapped_;
};

}  // namespace fractile
