// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/parent_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "types/hash.hpp"

namespace fractile {

namespace fs = std::filesystem;

ParentFiles::ParentFiles(const Snapshot::Impl& parent) : parent_(parent) {
  for (const MappedFile& file : parent.mapped) mapped_[file.path] = &file;
}

bool ParentFiles::has(std::size_t s, const std::string& name) const {
  return s < parent_.manifest.segments.size() && parent_.manifest.segments[s].files.contains(name);
}

bool ParentFiles::holds(std::size_t s, const std::string& name, const SegmentInfo& rows, const SegmentFile& content) const {
  if (!has(s, name)) return false;
  const SegmentInfo& segment = parent_.manifest.segments[s];
  const SegmentFile& file = segment.files.at(name);
  // The hash does not cover the header, which contains the rows, so they are compared too.
  return segment.rows == rows.rows && segment.rows_padded == rows.rows_padded && file.bytes == content.bytes &&
         file.hash == content.hash;
}

std::span<const std::byte> ParentFiles::data_of(std::size_t s, const std::string& name) const {
  const std::size_t count = parent_.manifest.segments[s].files.at(name).bytes - layout::kPageBytes;
  std::size_t at = 0;
  for (std::size_t before = 0; before < s; ++before)
    at += parent_.manifest.segments[before].files.at(name).bytes - layout::kPageBytes;
  return {parent_.files.find(name)->second.data() + at, count};
}

void ParentFiles::refuse(const fs::path& path) const {
  throw Error(ErrorCode::CORRUPT_SNAPSHOT,
              fmt::format("expected content that fits its hash, found other bytes at \"{}\". Restore "
                          "the snapshot from a copy, or create it again.",
                          path.string()));
}

void ParentFiles::check(std::size_t s, const std::string& name) const {
  const auto data = data_of(s, name);
  if (to_hex(hash_bytes(data.data(), data.size())) != parent_.manifest.segments[s].files.at(name).hash)
    refuse(parent_.path / segment_directory(s) / name);
}

void ParentFiles::check_index() const {
  const std::byte* const data = parent_.index.data() + layout::kPageBytes;
  if (to_hex(hash_bytes(data, parent_.manifest.index_bytes - layout::kPageBytes)) != parent_.manifest.index_hash)
    refuse(parent_.path / kIndexFile);
}

/// Returns false if the link failed, or if another file was linked because the folder was replaced since it was opened.
bool ParentFiles::link(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) != 0) return false;
  const MappedFile& file = *mapped_.at(from);
  struct stat linked{};
  if (::stat(to.c_str(), &linked) == 0 && linked.st_dev == file.device && linked.st_ino == file.inode) {
    bytes_linked_ += static_cast<std::int64_t>(file.bytes);
    return true;
  }
  if (::unlink(to.c_str()) != 0) throw_io_failure("remove", to);
  return false;
}

const SegmentFile& ParentFiles::share(std::size_t s, const std::string& name, const fs::path& to) {
  const SegmentInfo& segment = parent_.manifest.segments[s];
  const SegmentFile& file = segment.files.at(name);
  if (link(parent_.path / segment_directory(s) / name, to)) return file;
  check(s, name);
  const auto data = data_of(s, name);
  const layout::ValueType type = layout::value_type_of_file(name);
  const auto rows = static_cast<std::size_t>(segment.rows_padded);
  const auto stride = rows == 0 ? std::size_t{1} : data.size() / rows / layout::value_bytes(type);
  const layout::FileHeader header =
      make_column_header(type, static_cast<std::uint32_t>(stride), segment.rows, segment.rows_padded);
  const std::array parts{std::as_bytes(std::span(&header, 1)), data};
  write_durably(to, parts);
  bytes_copied_ += static_cast<std::int64_t>(file.bytes);
  return file;
}

void ParentFiles::share_index(const fs::path& to) {
  if (link(parent_.path / kIndexFile, to)) return;
  check_index();
  const std::span whole(parent_.index.data(), parent_.manifest.index_bytes);
  write_durably(to, std::span(&whole, 1));
  bytes_copied_ += static_cast<std::int64_t>(whole.size());
}

}  // namespace fractile
