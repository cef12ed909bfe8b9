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

/// A range of addresses into which files are mapped read-only. The destructor unmaps it. Once a file was found cut, the
/// range reads as zeros (mapping_guard.hpp).
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
  /// True once the range reads as zeros.
  bool is_damaged() const noexcept { return guard_ && guard_->is_damaged(); }
  /// Reads the pages of `bytes` from data() + at that are not in memory.
  void preload(std::size_t at, std::size_t bytes) const noexcept;
  /// Reads `bytes` of an open file into memory at data() + at. Throws CORRUPT_SNAPSHOT if the file ends before, IO_FAILURE.
  void read_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path);
  /// Maps `bytes` of an open file from `file_offset` (whole pages) to data() + at.
  void map_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path);

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::unique_ptr<GuardedRange> guard_;
};

/// The identity of a mapped file, which later shows if the file was cut or written to.
struct MappedFile {
  std::filesystem::path path;
  dev_t device;
  ino_t inode;
  std::uint64_t bytes;
  timespec modified;
  /// The last byte of the file's last page that is not zero, and its address in the mapping. It disappears if the file was cut
  /// before it, even if the file's name has changed since. (Bytes that were cut behind it were zeros, and read as zeros.)
  std::uint64_t last_offset = 0;
  std::byte last_value{};
  const std::byte* last = nullptr;
  /// `mapped`: address of the file's byte `offset`.
  void watch(const std::byte* mapped, std::uint64_t offset) noexcept {
    if (last_offset >= offset) last = mapped + (last_offset - offset);
  }
  /// False if the file was cut, or if it still has its name and has another size or was written to. A file that was removed
  /// or replaced is intact, because the mapping retains the old bytes.
  bool is_intact() const noexcept;
};

/// Completes a header with its hash, which covers every bit; opening the file checks it.
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
