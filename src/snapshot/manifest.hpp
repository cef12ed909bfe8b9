// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/data_report.hpp"
#include "fractile/snapshot.hpp"

namespace fractile {

/// A file that the manifest lists.
struct SegmentFile {
  std::uint64_t bytes = 0;  ///< of the whole file
  std::string hash;         ///< of the bytes behind the header
};

struct SegmentInfo {
  std::int64_t first_day = 0;  ///< number of its first trading day
  std::int64_t days = 0;
  std::int64_t rows = 0;
  std::int64_t rows_padded = 0;
  std::map<std::string, SegmentFile> files;  ///< by file name, such as "ret.f32"
};

/// The contents of manifest.json.
struct Manifest {
  SnapshotInfo info;
  bool has_report = false;  ///< false in a manifest that is older than reports
  DataReport report;
  std::uint64_t index_bytes = 0;
  std::string index_hash;
  SegmentFile ids;  ///< the texts of the ids; 0 bytes if ids are integers
  std::vector<SegmentInfo> segments;
  std::map<std::string, std::vector<std::string>> dictionaries;  ///< by text column
};

std::string segment_directory(std::size_t number);
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kIndexFile = "index.bin";
inline constexpr const char* kIdsFile = "ids.bin";
inline constexpr const char* kExposuresFile = "exposures";

/// Writes the manifest, which ends with a hash of itself.
std::string manifest_to_json(const Manifest& manifest);
/// Throws SNAPSHOT_NOT_FOUND, CORRUPT_SNAPSHOT (also if the file's own hash does not match).
Manifest read_manifest(const std::filesystem::path& directory);
/// Hash over calendar, securities and columns, which is all that a run can see.
std::string compute_content_hash(const Manifest& manifest);

/// True if the text is a valid id of a snapshot.
bool is_snapshot_id(std::string_view id) noexcept;
/// Throws INVALID_SNAPSHOT_ID.
void check_snapshot_id(const std::string& id);

}  // namespace fractile
