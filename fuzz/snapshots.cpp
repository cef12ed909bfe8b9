// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The targets for snapshots: a damaged snapshot is refused as CORRUPT_SNAPSHOT, or does no harm.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "fractile/snapshot.hpp"
#include "laws.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot/mapping.hpp"
#include "snapshot_files.hpp"

namespace fractile::fuzz {

void run_manifest(Input input);
void run_snapshot_open(Input input);

namespace {

SnapshotFiles& files() {
  static SnapshotFiles one;
  return one;
}

/// The answer on the undamaged snapshot.
const std::string& whole_answer() {
  static const std::string kAnswer = run_on(files().root(), SnapshotFiles::kId);
  return kAnswer;
}

void ensure_corrupt(const std::optional<Error>& refusal) {
  if (!refusal) return;
  // A folder without a manifest does not count as a snapshot.
  const bool is_none = refusal->code() == ErrorCode::NO_SNAPSHOTS && !std::filesystem::exists(files().path(kManifestFile));
  ensure(is_none || refusal->code() == ErrorCode::CORRUPT_SNAPSHOT, "damage is called CORRUPT_SNAPSHOT", refusal->what());
}

/// One change of one file.
void damage(Bytes& bytes) {
  std::vector<std::string> paths;
  for (const auto& [path, unused] : files().whole()) paths.push_back(path);
  const std::string path = bytes.one_in(2) ? kIndexFile : paths[bytes.byte() % paths.size()];
  std::string text = files().read(path);
  const bool is_in_header = bytes.one_in(2);
  const std::size_t range = is_in_header ? std::min<std::size_t>(text.size(), 4096) : text.size();
  const std::size_t at = range == 0 ? 0 : bytes.number(3) % range;
  switch (bytes.below(7)) {
    case 0:
      if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << bytes.below(8)));
      break;
    case 1: {
      // Replaces an aligned group of bytes, which may be a whole number.
      const std::size_t place = at / 4 * 4;
      const int width = bytes.one_in(2) ? 8 : 4;
      const std::uint64_t number = bytes.one_in(2) ? bytes.number(8) : ~std::uint64_t{bytes.byte()};
      if (place + 8 <= text.size()) std::memcpy(text.data() + place, &number, static_cast<std::size_t>(width));
      break;
    }
    case 2: text.resize(at); break;
    case 3: text.append(1 + bytes.number(2), static_cast<char>(bytes.byte())); break;
    case 4: text = files().read(paths[bytes.byte() % paths.size()]); break;
    case 5: return files().remove(path);
    default: std::fill(text.begin() + static_cast<std::ptrdiff_t>(at / 4096 * 4096), text.end(), '\0');
  }
  files().write(path, text);
}

/// Makes hashes of headers and sizes in the manifest match again, so that readers reach the damage behind them.
void seal(Bytes& bytes) {
  const int what = bytes.below(4);
  for (const auto& [path, unused] : files().whole()) {
    std::string text = files().read(path);
    if (path == kManifestFile || text.size() < sizeof(layout::FileHeader) || (what & 1) == 0) continue;
    layout::FileHeader header;
    std::memcpy(&header, text.data(), sizeof header);
    header.data_bytes = (what & 2) != 0 ? text.size() - sizeof header : header.data_bytes;
    seal_header(header);
    if (std::memcmp(text.data(), &header, sizeof header) == 0) continue;
    std::memcpy(text.data(), &header, sizeof header);
    files().write(path, text);
  }
  if ((what & 2) == 0) return;
  const std::string manifest = seal_manifest(files().read(kManifestFile));
  if (!manifest.empty()) files().write(kManifestFile, manifest);
}

}  // namespace

/// A few changes, then perhaps seals.
void run_snapshot_open(Input input) {
  whole_answer();
  Bytes bytes(input);
  const int n_changes = 1 + bytes.below(4);
  for (int k = 0; k < n_changes; ++k) damage(bytes);
  seal(bytes);
  ensure_corrupt(refusal_of([] { check_snapshot(files().root(), SnapshotFiles::kId); }));
  const auto refusal = refusal_of([] { Snapshot::open(files().root(), SnapshotFiles::kId, Verify::content); });
  ensure_corrupt(refusal);
  if (!refusal) {
    const std::string answer = run_on(files().root(), SnapshotFiles::kId);
    ensure(answer == whole_answer(), "a snapshot that passes every check answers as before",
           show_difference(answer, whole_answer()));
  }
  files().restore();
}

/// Uses the text as manifest.json, then again with a matching hash.
void run_manifest(Input input) {
  whole_answer();
  const std::string text(as_text(input));
  for (const std::string& manifest : {text, seal_manifest(text)}) {
    if (manifest.empty()) continue;
    files().write(kManifestFile, manifest);
    ensure_corrupt(refusal_of([] { read_manifest(files().root() / SnapshotFiles::kId); }));
    const auto refusal = refusal_of([] { check_snapshot(files().root(), SnapshotFiles::kId); });
    ensure_corrupt(refusal);
    // The other files are undamaged, so a run must be safe with any manifest.
    if (!refusal) refusal_of([] { run_on(files().root(), SnapshotFiles::kId); });
    ensure_corrupt(refusal_of([] { Snapshot::open(files().root(), SnapshotFiles::kId, Verify::content); }));
  }
  files().restore();
}

}  // namespace fractile::fuzz
