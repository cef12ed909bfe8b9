// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/catalog.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <tuple>
#include <utility>

#include "fractile/error.hpp"
#include "fractile/snapshot.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
#include "types/hash.hpp"
#include "types/nearest.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_no_snapshots(const fs::path& root) {
  std::string shown = root.string();
  if (!shown.ends_with('/')) shown += '/';
  throw Error(ErrorCode::NO_SNAPSHOTS,
              "No snapshots found in " + shown +
                  ". Make the demo with `fractile demo`, or one of your own data with `fractile snapshot create ID "
                  "--panel FILE` (poc/catalog.py shows it from Python). $FRACTILE_SNAPSHOTS or root names another "
                  "folder.");
}

/// Names of finished snapshots, in any order.
std::vector<std::string> snapshot_names(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && fs::exists(entry.path() / kManifestFile, ignored)) names.push_back(name);
  }
  return names;
}

/// The process id in ".<id>.<pid>.<8 hexadecimal digits or removed>.tmp"; 0 for any other name, which is not a build's.
long builder_of(const std::string& name) {
  // Not std::regex, which would take an eighth of the room's compile time.
  constexpr std::string_view kEnd = ".tmp", kDigits = "0123456789", kHexDigits = "0123456789abcdef";
  std::string_view rest = name;
  const auto take_last = [&rest] {
    const std::size_t dot = rest.rfind('.');
    const std::string_view part = dot == rest.npos ? std::string_view() : rest.substr(dot + 1);
    rest = rest.substr(0, dot == rest.npos ? 0 : dot);
    return part;
  };
  const auto is_made_of = [](std::string_view text, std::string_view letters) {
    return text.find_first_not_of(letters) == text.npos;
  };
  if (!rest.ends_with(kEnd)) return 0;
  rest.remove_suffix(kEnd.size());
  const std::string_view mark = take_last(), pid = take_last();
  if (mark != "removed" && !(mark.size() == 8 && is_made_of(mark, kHexDigits))) return 0;
  if (pid.empty() || pid.size() > 9 || !is_made_of(pid, kDigits)) return 0;
  if (!rest.starts_with('.') || !is_snapshot_id(rest.substr(1))) return 0;
  return std::stol(std::string(pid));
}

void remove_all_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

fs::path snapshot_root(const std::optional<fs::path>& root) {
  if (root) return *root;
  const char* named = std::getenv("FRACTILE_SNAPSHOTS");
  return named && *named ? fs::path(named) : fs::path("snapshots");
}

fs::path find_snapshot(const fs::path& root, const std::string& id) {
  const std::vector<std::string> names = snapshot_names(root);
  if (std::find(names.begin(), names.end(), id) != names.end()) return root / id;
  if (names.empty()) throw_no_snapshots(root);
  const std::string nearest = nearest_name(id, {names.begin(), names.end()});
  std::string found;
  constexpr std::size_t kMaxShown = 20;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxShown); ++i) found += (i ? ", " : "") + names[i];
  throw Error(ErrorCode::SNAPSHOT_NOT_FOUND,
              fmt::format("expected a snapshot in \"{}\", found no \"{}\" but {}. Did you mean \"{}\"?", root.string(), id, found,
                          nearest));
}

std::vector<SnapshotInfo> list_snapshots(const fs::path& root, std::vector<std::string>* damaged) {
  // Times of creation are whole seconds; of two snapshots of one second, the newer is that whose manifest was written last.
  struct Found {
    SnapshotInfo info;
    fs::file_time_type written;
    auto order() const { return std::tie(info.created, written, info.id); }
  };
  std::vector<Found> found;
  for (const std::string& name : snapshot_names(root)) {
    try {
      std::error_code ignored;  // the manifest was just read
      SnapshotInfo info = read_manifest(root / name).info;
      found.push_back({std::move(info), fs::last_write_time(root / name / kManifestFile, ignored)});
    } catch (const Error& error) {
      if (damaged) damaged->push_back(name);
    }
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.order() < b.order(); });
  std::vector<SnapshotInfo> out;
  for (Found& one : found) out.push_back(std::move(one.info));
  return out;
}

SnapshotInfo read_snapshot_info(const fs::path& root, const std::string& id) {
  return read_manifest(find_snapshot(root, id)).info;
}

DataReport read_data_report(const fs::path& root, const std::string& id) { return read_manifest(find_snapshot(root, id)).report; }

std::string newest_snapshot(const fs::path& root) {
  const std::vector<SnapshotInfo> all = list_snapshots(root);
  if (all.empty()) throw_no_snapshots(root);
  return all.back().id;
}

void remove_snapshot(const fs::path& root, const std::string& id) {
  const fs::path path = find_snapshot(root, id);
  // A rename removes the snapshot from the catalog at once; then its files are deleted. Other snapshots have their own links.
  const fs::path aside = root / fmt::format(".{}.{}.removed.tmp", id, ::getpid());
  if (!rename_if_absent(path, aside)) throw_io_failure("move aside", path);
  sync_directory(root);
  remove_all_quietly(aside);
}

int lock_build(const fs::path& folder) noexcept {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

void remove_stale_builds(const fs::path& root) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    const long pid = builder_of(entry.path().filename().string());
    if (pid <= 0) continue;
    const bool is_alive = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
    if (is_alive) continue;
    const int lock = lock_build(entry.path());
    if (lock < 0) continue;
    remove_all_quietly(entry.path());
    ::close(lock);
  }
}

void verify_snapshot(const fs::path& root, const std::string& id) {
  const fs::path path = find_snapshot(root, id);
  const Manifest manifest = read_manifest(path);
  const auto check = [&](const fs::path& file, std::uint64_t bytes, const std::string& hash) {
    // The size is checked first, so that no manifest decides how much memory is allocated.
    std::error_code ignored;
    const bool has_length = fs::file_size(file, ignored) == bytes;
    std::ifstream in(file, std::ios::binary);
    std::vector<char> data(has_length ? bytes : 0);
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    const bool is_whole = has_length && in && in.peek() == std::ifstream::traits_type::eof();
    const std::size_t skip = std::min<std::size_t>(layout::kPageBytes, data.size());
    const std::string found = to_hex(hash_bytes(data.data() + skip, data.size() - skip));
    if (!is_whole || found != hash)
      throw Error(ErrorCode::CORRUPT_SNAPSHOT,
                  fmt::format("expected content with hash {}, found {} at \"{}\". Restore the snapshot from a copy, or "
                              "create it again.",
                              hash, is_whole ? found : "another length", file.string()));
  };
  check(path / kIndexFile, manifest.index_bytes, manifest.index_hash);
  if (manifest.info.id_type == IdType::text) check(path / kIdsFile, manifest.ids.bytes, manifest.ids.hash);
  for (std::size_t s = 0; s < manifest.segments.size(); ++s)
    for (const auto& [name, file] : manifest.segments[s].files) check(path / segment_directory(s) / name, file.bytes, file.hash);
  if (compute_content_hash(manifest) != manifest.info.content_hash)
    throw Error(ErrorCode::CORRUPT_SNAPSHOT, "expected the content_hash of its columns, found another in \"" + path.string() +
                                                 "\". Create the snapshot again.");
  Snapshot::open(root, id, Verify::layout);  // headers and index
}

}  // namespace fractile
