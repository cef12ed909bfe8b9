// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/mapping.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

std::uint64_t hash_header(layout::FileHeader header) noexcept {
  header.header_hash = 0;
  return hash64(&header, sizeof header);
}

}  // namespace

void seal_header(layout::FileHeader& header) noexcept { header.header_hash = hash_header(header); }

layout::FileHeader make_column_header(layout::ValueType type, std::uint32_t stride, std::int64_t rows,
                                      std::int64_t rows_padded) noexcept {
  layout::FileHeader header = layout::make_header(layout::FileKind::column);
  header.value_type = type;
  header.stride = stride;
  header.rows = static_cast<std::uint64_t>(rows);
  header.rows_padded = static_cast<std::uint64_t>(rows_padded);
  header.data_bytes = header.rows_padded * stride * layout::value_bytes(type);
  seal_header(header);
  return header;
}

Mapping::Mapping(std::size_t bytes) : bytes_(std::max(bytes, layout::kPageBytes)) {
  void* address = ::mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw_io_failure("reserve addresses for", "a snapshot");
  data_ = static_cast<std::byte*>(address);
  install_mapping_guard();
  guard_ = std::make_unique<GuardedRange>(data_, bytes_);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), guard_(std::move(other.guard_)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(guard_, other.guard_);
  return *this;
}

Mapping::~Mapping() {
  guard_.reset();
  if (data_) ::munmap(data_, bytes_);
}

void Mapping::map_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path) {
  if (bytes == 0) return;
  void* address = ::mmap(data_ + at, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(file_offset));
  if (address == MAP_FAILED) throw_io_failure("map", path);
}

void Mapping::preload(std::size_t at, std::size_t bytes) const noexcept {
#ifdef MADV_POPULATE_READ
  if (::madvise(data_ + at, bytes, MADV_POPULATE_READ) == 0) return;
#endif
  ::madvise(data_ + at, bytes, MADV_WILLNEED);  // before Linux 5.14: starts the read and does not wait
}

void Mapping::read_file(int fd, std::size_t file_offset, std::size_t bytes, std::size_t at, const std::filesystem::path& path) {
  if (bytes == 0) return;
  std::byte* const to = data_ + at;
  if (::mprotect(to, bytes, PROT_READ | PROT_WRITE) != 0) throw_io_failure("find memory for", path);
  ::madvise(to, bytes, MADV_HUGEPAGE);
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count = ::pread(fd, to + done, bytes - done, static_cast<off_t>(file_offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io_failure("read", path);
    if (count == 0)
      throw Error(ErrorCode::CORRUPT_SNAPSHOT, fmt::format("expected {} bytes, found {} at \"{}\". Restore the snapshot from a "
                                                           "copy, or create it again.",
                                                           file_offset + bytes, file_offset + done, path.string()));
    done += static_cast<std::size_t>(count);
  }
  ::mprotect(to, bytes, PROT_READ);
}

bool MappedFile::is_intact() const noexcept {
  // Volatile, so that it is read again each time: no thread writes it, but a cut changes it.
  if (last && *static_cast<const volatile std::byte*>(last) != last_value) return false;
  struct stat now{};
  if (::stat(path.c_str(), &now) != 0) return true;
  if (now.st_dev != device || now.st_ino != inode) return true;
  return static_cast<std::uint64_t>(now.st_size) == bytes && now.st_mtim.tv_sec == modified.tv_sec &&
         now.st_mtim.tv_nsec == modified.tv_nsec;
}

SnapshotFile::SnapshotFile(const std::filesystem::path& path, layout::FileKind kind, std::uint64_t expected_bytes)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  const auto refuse = [&](const std::string& expected, const std::string& found) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    throw Error(ErrorCode::CORRUPT_SNAPSHOT, fmt::format("expected {}, found {} at \"{}\". Restore the snapshot from "
                                                         "a copy, or create it again.",
                                                         expected, found, path.string()));
  };
  if (fd_ < 0) refuse("a readable file", "none");
  struct stat info{};
  if (::fstat(fd_, &info) != 0) refuse("a readable file", "one without size");
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (bytes != expected_bytes) refuse(fmt::format("{} bytes", expected_bytes), fmt::format("{}", bytes));
  if (::pread(fd_, &header_, sizeof header_, 0) != static_cast<ssize_t>(sizeof header_)) refuse("a header of 4096 bytes", "less");
  if (header_.magic != layout::kMagic) refuse("the magic number FRACTILE", "other bytes");
  if (header_.version != layout::kFormatVersion)
    refuse(fmt::format("format version {}", layout::kFormatVersion), fmt::format("{}", header_.version));
  if (header_.kind != kind) refuse("the file's kind in its header", "another");
  if (header_.data_bytes + sizeof header_ != bytes) refuse("as many bytes as the header says", fmt::format("{}", bytes));
  if (header_.header_hash != hash_header(header_)) refuse("a header that fits its hash", "another");
  mapped_ = {path, info.st_dev, info.st_ino, bytes, info.st_mtim};
  // Read instead of mapped, so that opening touches no page of the data.
  std::array<std::byte, layout::kPageBytes> page;
  const std::uint64_t begin = (bytes - 1) / page.size() * page.size();
  const auto count = static_cast<std::size_t>(bytes - begin);
  if (::pread(fd_, page.data(), count, static_cast<off_t>(begin)) != static_cast<ssize_t>(count)) refuse("a last page", "less");
  std::size_t at = count - 1;
  while (at > 0 && page[at] == std::byte{0}) --at;
  mapped_.last_offset = begin + at;
  mapped_.last_value = page[at];
}

SnapshotFile::~SnapshotFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace fractile
