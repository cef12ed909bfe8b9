// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <string>

namespace fractile {

/// Throws SNAPSHOT_EXISTS.
[[noreturn]] void refuse_existing(const std::filesystem::path& root, const std::string& id);

/// A folder beside the snapshots in which one is made; removed again unless it became one.
class BuildFolder {
 public:
  /// Makes `root` too where it is missing, and removes what dead builders have left. Throws IO_FAILURE.
  BuildFolder(const std::filesystem::path& root, const std::string& id);
  ~BuildFolder();
  BuildFolder(const BuildFolder&) = delete;
  BuildFolder& operator=(const BuildFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Waits until everything is on disk and gives the folder its name, in one step. Throws SNAPSHOT_EXISTS, IO_FAILURE.
  void publish(const std::filesystem::path& root, const std::string& id);

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace fractile
