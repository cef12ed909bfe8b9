// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/signal_path.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "ingest/signal_reader.hpp"

namespace fractile::server {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const noexcept { return number_; }

 private:
  int number_;
};

[[noreturn]] void refuse_path(const std::string& path, const char* why) {
  throw Error(ErrorCode::INVALID_SIGNAL_PATH, "expected the path of a signal file below server.signal_dir, found \"" +
                                                  path.substr(0, 200) + "\" (" + why + "). Send the rows, or correct the path.");
}

}  // namespace

Signal read_signal_path(const std::string& path, const std::string& sigvar, const ReadOptions& reading,
                        const ServerOptions& options) {
  if (options.signal_dir.empty())
    throw Error(ErrorCode::INVALID_SIGNAL_PATH,
                "expected the rows of the signal, found a signal_path, which this server does not read. Send the rows, or start "
                "the server with server.signal_dir.");
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) refuse_path(path, "not a path below it");
  const Descriptor folder(open(options.signal_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0) refuse_path(path, "server.signal_dir cannot be opened");
  // The kernel resolves the path inside the folder: no "..", no link out of it, even if files change meanwhile.
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  const Descriptor file(static_cast<int>(syscall(SYS_openat2, folder.number(), path.c_str(), &how, sizeof how)));
  if (file.number() < 0) refuse_path(path, errno == ENOENT ? "no such file" : "not a file below it");
  struct stat status{};
  if (fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) refuse_path(path, "no regular file");
  if (static_cast<std::size_t>(status.st_size) > options.max_body_bytes)
    throw Error(ErrorCode::BODY_TOO_LARGE, "expected a signal file of up to " + std::to_string(options.max_body_bytes) +
                                               " bytes, found " + std::to_string(status.st_size) + ". Split it.");
  const std::string format = formats::format_of_path(path, ErrorCode::INVALID_SIGNAL_PATH);
  ByteBuffer bytes;
  for (;;) {
    constexpr std::size_t kStep = std::size_t{4} << 20;
    const ssize_t count = read(file.number(), bytes.prepare(kStep), kStep);
    if (count < 0 || bytes.size() > options.max_body_bytes) refuse_path(path, "cannot be read");
    if (count == 0) break;
    bytes.commit(static_cast<std::size_t>(count));
  }
  return read_own_bytes(std::make_shared<ByteBuffer>(std::move(bytes)), format, {sigvar}, options.max_body_bytes, reading);
}

}  // namespace fractile::server
