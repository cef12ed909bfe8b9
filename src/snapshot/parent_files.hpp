// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "snapshot/manifest.hpp"
#include "snapshot/mapping.hpp"
#include "snapshot/snapshot_impl.hpp"

namespace fractile {

/// The files of an open snapshot that a later snapshot may share.
class ParentFiles {
 public:
  explicit ParentFiles(const Snapshot::Impl& parent);
  /// True if the parent's file of this name in segment s has these rows and this content.
  bool holds(std::size_t s, const std::string& name, const SegmentInfo& rows, const SegmentFile& content) const;
  bool has(std::size_t s, const std::string& name) const;
  /// Makes a hard link to the parent's file, or a copy of the mapped bytes if the file system cannot link or if the parent's
  /// folder was replaced. Throws IO_FAILURE, CORRUPT_SNAPSHOT (a copy of damaged bytes).
  const SegmentFile& share(std::size_t s, const std::string& name, const std::filesystem::path& to);
  void share_index(const std::filesystem::path& to);
  /// Throws CORRUPT_SNAPSHOT if a mapped file differs from its hash: data read from it would get a new, matching hash.
  void check(std::size_t s, const std::string& name) const;
  void check_index() const;
  std::int64_t bytes_linked() const noexcept { return bytes_linked_; }
  std::int64_t bytes_copied() const noexcept { return bytes_copied_; }

 private:
  std::span<const std::byte> data_of(std::size_t s, const std::string& name) const;
  bool link(const std::filesystem::path& from, const std::filesystem::path& to);
  [[noreturn]] void refuse(const std::filesystem::path& path) const;

  const Snapshot::Impl& parent_;
  std::map<std::filesystem::path, const MappedFile*> mapped_;
  std::int64_t bytes_linked_ = 0, bytes_copied_ = 0;
};

}  // namespace fractile
