// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <string>

namespace fractile {

/// Throws SNAPSHOT_EXISTS.
[[noreturn]] void refuse_existing(const std::filesystem::path& root, const std::string& id);

/// A temporary folder beside the snapshots, in which a snapshot is made. The destructor removes it unless it was published.
class BuildFolder {
 public:
  /// Makes `root` too if it is missing, and removes the folders of dead builders. Throws IO_FAILURE.
  BuildFolder(const std::filesystem::path& root, const std::string& id);
  ~BuildFolder();
  BuildFolder(const BuildFolder&) = delete;
  BuildFolder& operator=(const BuildFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Waits until all files are on disk, then renames the folder atomically. Throws SNAPSHOT_EXISTS, IO_FAILURE.
  void publish(const std::filesystem::path& root, const std::string& id);

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace fractile
