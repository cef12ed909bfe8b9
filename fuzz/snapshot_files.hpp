// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace fractile::fuzz {

/// A snapshot of market 0's panel that a target damages and restores.
class SnapshotFiles {
 public:
  SnapshotFiles();
  const std::filesystem::path& root() const noexcept { return root_; }
  static constexpr const char* kId = "damaged";
  std::filesystem::path path(const std::string& file) const { return root_ / kId / file; }
  /// The undamaged bytes by relative path.
  const std::map<std::string, std::string>& whole() const noexcept { return whole_; }
  const std::string& read(const std::string& path) const { return now_.at(path); }
  void write(const std::string& path, const std::string& bytes);
  void remove(const std::string& path);
  /// Undoes all damage.
  void restore();

 private:
  std::filesystem::path root_;
  std::map<std::string, std::string> whole_, now_;
};

/// The text of a manifest with the id of SnapshotFiles and a matching hash; "" if the text is not a JSON object.
std::string seal_manifest(const std::string& text);

/// Calls every accessor of days and securities; ends the process if an index points outside.
void check_snapshot(const std::filesystem::path& root, const std::string& id);

/// Runs a signal on the snapshot.
std::string run_on(const std::filesystem::path& root, const std::string& id);

}  // namespace fractile::fuzz
