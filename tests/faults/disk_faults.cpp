// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// A simulated disk that fails on demand, preloaded (LD_PRELOAD) into a program that need not know of it. It counts the calls
// that change files below a folder. At a chosen call it ends the process, loses power, or lets the call fail.
//
//   DISK_FAULT_ROOT   the folder; calls outside it are neither counted nor changed
//   DISK_FAULT_KIND   kill: the process ends at the call (a write is done in part). power: the machine ends too, and data that
//                     no fsync has made durable is lost. A name of errno (ENOSPC, EROFS, EIO, EMLINK, EINVAL): calls fail with
//                     it
//   DISK_FAULT_CALLS  names of the calls that are counted, separated by commas; none: all
//   DISK_FAULT_AT     number of the call, from 1; if it is beyond the last call, power is lost when the program ends
//   DISK_FAULT_STAYS  1: every later call fails too (a full disk)
//   DISK_FAULT_SEED   seed of the choice of surviving data
//   DISK_FAULT_COUNT  file to which the number of calls is written when the program ends
//
// The model of lost power is what POSIX allows. A file's bytes are durable once the file is fsynced. Before that any of them may
// be lost, or the length may survive without the bytes. A name (of a new file, a directory, a link, a renamed directory) is
// durable once its directory is fsynced. Before that it may exist or not, independently of other names. Removed names disappear
// at once.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct FileState {
  std::size_t size = 0;
  std::size_t durable = 0;
};

/// A name that is not durable yet.
struct PendingName {
  enum class What { file, directory, renamed } what;
  std::string path;
  std::string from;  ///< of a renamed directory: its durable name
};

class Disk {
 public:
  /// Never destroyed: the program's own destructors may still use files.
  static Disk& instance() {
    static Disk* disk = new Disk();
    return *disk;
  }

  bool covers(const std::string& path) const { return !root_.empty() && (path == root_ || path.starts_with(root_ + "/")); }

  std::string path_of(int fd) const {
    char buffer[4096];
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
  }
  std::string path_of(int directory, const char* path) const {
    if (path[0] == '/') return fs::path(path).lexically_normal().string();
    const std::string base = directory == AT_FDCWD ? fs::current_path().string() : path_of(directory);
    return (fs::path(base) / path).lexically_normal().string();
  }

  /// Counts a call. Returns 0 if the call proceeds, else its errno. `partly` does a part of the call before the process ends.
  template <class Partly>
  int meet(const char* call, Partly&& partly) {
    if (is_striking_ || (!calls_.empty() && ("," + calls_ + ",").find(std::string(",") + call + ",") == std::string::npos))
      return 0;
    ++count_;
    if (at_ == 0 || count_ < at_ || (count_ > at_ && !stays_)) return 0;
    if (error_ != 0) return error_;
    is_striking_ = true;
    if (kind_ == "kill") partly();
    if (kind_ == "power") lose_power();
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  int meet(const char* call) {
    return meet(call, [] {});
  }

  void wrote(const std::string& path, std::size_t n) { files_[path].size += n; }
  void synced(const std::string& path) {
    if (fs::is_directory(path))
      std::erase_if(names_, [&](const PendingName& name) { return fs::path(name.path).parent_path() == path; });
    else if (files_.contains(path))
      files_[path].durable = files_[path].size;
  }
  void named(PendingName::What what, const std::string& path) {
    if (what == PendingName::What::file && !files_.contains(path)) files_[path];
    names_.push_back({what, path, ""});
  }
  /// Records a link. Its bytes are those of a file that is durable already, so only the name is pending.
  void linked(const std::string& path) { names_.push_back({PendingName::What::file, path, ""}); }
  void renamed(const std::string& from, const std::string& to) {
    const auto moved = [&](const std::string& path) {
      return path == from || path.starts_with(from + "/") ? to + path.substr(from.size()) : path;
    };
    for (PendingName& name : names_) name.path = moved(name.path);
    std::map<std::string, FileState> files;
    for (const auto& [path, state] : files_) files[moved(path)] = state;
    files_ = std::move(files);
    names_.push_back({PendingName::What::renamed, to, from});
  }
  void unlinked(const std::string& path) {
    files_.erase(path);
    std::erase_if(names_, [&](const PendingName& name) { return name.path == path; });
  }

  void end() {
    const std::lock_guard lock(mutex);
    if (kind_ == "power" && at_ > 0 && !is_striking_) {
      is_striking_ = true;
      lose_power();
    }
    if (const std::string path = variable("DISK_FAULT_COUNT"); !path.empty()) {
      FILE* file = std::fopen(path.c_str(), "w");
      std::fprintf(file, "%ld\n", count_);
      std::fclose(file);
    }
  }

  std::recursive_mutex mutex;

 private:
  Disk() : root_(variable("DISK_FAULT_ROOT")), kind_(variable("DISK_FAULT_KIND")), calls_(variable("DISK_FAULT_CALLS")) {
    at_ = std::atol(variable("DISK_FAULT_AT").c_str());
    stays_ = variable("DISK_FAULT_STAYS") == "1";
    random_.seed(static_cast<std::uint64_t>(std::atol(variable("DISK_FAULT_SEED").c_str())));
    for (const auto& [name, code] :
         {std::pair{"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EIO", EIO}, {"EMLINK", EMLINK}, {"EINVAL", EINVAL}})
      if (kind_ == name) error_ = code;
  }

  void lose_power() {
    // One of three outcomes: no pending data survives; each piece survives by chance; or all names survive and no bytes.
    const auto mood = random_() % 3;
    const auto is_lost = [&] { return mood == 0 || (mood == 1 && random_() % 2 == 0); };
    // The calls below are recorded too, so they must not change the map that this loop reads.
    const auto files = std::exchange(files_, {});
    const auto names = std::exchange(names_, {});
    for (const auto& [path, state] : files) {
      if (state.durable >= state.size || !fs::exists(path)) continue;
      const std::size_t kept = mood == 1 ? state.durable + random_() % (state.size - state.durable + 1) : state.durable;
      if (::truncate(path.c_str(), static_cast<off_t>(kept)) != 0) std::perror("truncate");
      // The length may survive the bytes, which then read as zeros.
      if (random_() % 2 == 0 && ::truncate(path.c_str(), static_cast<off_t>(state.size)) != 0) std::perror("truncate");
    }
    std::error_code ignored;
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      if (!is_lost()) continue;
      if (name->what == PendingName::What::renamed)
        fs::rename(name->path, name->from, ignored);
      else
        fs::remove_all(name->path, ignored);
    }
  }

  std::string root_, kind_, calls_;
  long at_ = 0, count_ = 0;
  bool stays_ = false, is_striking_ = false;
  int error_ = 0;
  std::mt19937_64 random_;
  std::map<std::string, FileState> files_;
  std::vector<PendingName> names_;  // in order of creation
};

/// Passes a call below the root through the simulated disk, and any other call straight to the system.
template <class Call, class After>
auto watch(const char* name, const std::string& path, Call&& call, After&& after) {
  Disk& disk = Disk::instance();
  const std::lock_guard lock(disk.mutex);
  if (!disk.covers(path)) return call();
  if (const int error = disk.meet(name); error != 0) {
    errno = error;
    return static_cast<decltype(call())>(-1);
  }
  const auto result = call();
  if (result >= 0) after();
  return result;
}

__attribute__((destructor)) void at_end() { Disk::instance().end(); }

int open_watched(int directory, const char* path, int flags, mode_t mode) {
  const auto call = [&] { return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode)); };
  if ((flags & O_CREAT) == 0) return call();
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(directory, path);
  return watch("open", whole, call, [&] { disk.named(PendingName::What::file, whole); });
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = static_cast<mode_t>(va_arg(arguments, int));
  va_end(arguments);
  return open_watched(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = static_cast<mode_t>(va_arg(arguments, int));
  va_end(arguments);
  return open_watched(AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  Disk& disk = Disk::instance();
  const std::lock_guard lock(disk.mutex);
  const std::string path = disk.path_of(fd);
  if (!disk.covers(path)) return real(fd, data, size);
  if (const int error = disk.meet("write", [&] { (void)!real(fd, data, size / 3); }); error != 0) {
    errno = error;
    return -1;
  }
  const ssize_t n = real(fd, data, size);
  if (n > 0) disk.wrote(path, static_cast<std::size_t>(n));
  return n;
}

int fsync(int fd) {
  static auto* const real = next<int(int)>("fsync");
  Disk& disk = Disk::instance();
  const std::string path = disk.path_of(fd);
  return watch("fsync", path, [&] { return real(fd); }, [&] { disk.synced(path); });
}

int mkdir(const char* path, mode_t mode) {
  static auto* const real = next<int(const char*, mode_t)>("mkdir");
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(AT_FDCWD, path);
  return watch("mkdir", whole, [&] { return real(path, mode); }, [&] { disk.named(PendingName::What::directory, whole); });
}

int link(const char* from, const char* to) {
  static auto* const real = next<int(const char*, const char*)>("link");
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(AT_FDCWD, to);
  return watch("link", whole, [&] { return real(from, to); }, [&] { disk.linked(whole); });
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = next<int(const char*, const char*)>("rename");
  Disk& disk = Disk::instance();
  const std::string old = disk.path_of(AT_FDCWD, from), whole = disk.path_of(AT_FDCWD, to);
  return watch("rename", whole, [&] { return real(from, to); }, [&] { disk.renamed(old, whole); });
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  static auto* const real = next<int(int, const char*, int, const char*, unsigned)>("renameat2");
  Disk& disk = Disk::instance();
  const std::string old = disk.path_of(from_directory, from), whole = disk.path_of(to_directory, to);
  return watch(
      "renameat2", whole, [&] { return real(from_directory, from, to_directory, to, flags); }, [&] { disk.renamed(old, whole); });
}

int unlink(const char* path) noexcept {
  static auto* const real = next<int(const char*)>("unlink");
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(AT_FDCWD, path);
  return watch("unlink", whole, [&] { return real(path); }, [&] { disk.unlinked(whole); });
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  static auto* const real = next<int(int, const char*, int)>("unlinkat");
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(directory, path);
  return watch("unlink", whole, [&] { return real(directory, path, flags); }, [&] { disk.unlinked(whole); });
}

int rmdir(const char* path) noexcept {
  static auto* const real = next<int(const char*)>("rmdir");
  Disk& disk = Disk::instance();
  const std::string whole = disk.path_of(AT_FDCWD, path);
  return watch("unlink", whole, [&] { return real(path); }, [&] { disk.unlinked(whole); });
}

}  // extern "C"
