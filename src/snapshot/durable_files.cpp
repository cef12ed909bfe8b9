// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/durable_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fractile/error.hpp"

namespace fractile {
namespace {

class File {
 public:
  File(const std::filesystem::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) throw_io_failure("open", path);
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const noexcept { return fd_; }
  void write_all(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_io_failure("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
  void sync_and_close() {
    if (::fsync(fd_) != 0) throw_io_failure("fsync", path_);
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) throw_io_failure("close", path_);
  }

 private:
  const std::filesystem::path& path_;
  int fd_;
};

}  // namespace

void throw_io_failure(std::string_view what, const std::filesystem::path& path) {
  const int code = errno;
  throw Error(ErrorCode::IO_FAILURE, fmt::format("expected to {} \"{}\", found: {}. Check space and permissions.", what,
                                                 path.string(), std::strerror(code)));
}

void write_durably(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  File file(path, O_WRONLY | O_CREAT | O_EXCL);
  for (const auto& part : parts) file.write_all(part);
  file.sync_and_close();
}

void write_text_durably(const std::filesystem::path& path, std::string_view text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text.data(), text.size()));
  write_durably(path, std::span(&bytes, 1));
}

void sync_directory(const std::filesystem::path& path) {
  File directory(path, O_RDONLY | O_DIRECTORY);
  directory.sync_and_close();
}

void create_directories_durably(const std::filesystem::path& path) {
  std::error_code failed;
  if (path.empty() || std::filesystem::is_directory(path, failed)) return;
  const std::filesystem::path parent = path.parent_path();
  create_directories_durably(parent);
  if (!std::filesystem::create_directory(path, failed) && failed) {
    errno = failed.value();
    throw_io_failure("create the folder", path);
  }
  sync_directory(parent.empty() ? "." : parent);
}

bool rename_if_absent(const std::filesystem::path& from, const std::filesystem::path& to) {
  int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  // Some network file systems do not support flags. A plain rename replaces only an empty directory, and a snapshot is never
  // empty.
  if (result != 0 && (errno == EINVAL || errno == ENOSYS)) result = ::rename(from.c_str(), to.c_str());
  if (result == 0) return true;
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  throw_io_failure("rename a finished snapshot to", to);
}

}  // namespace fractile
