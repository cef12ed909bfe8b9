// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/build_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "fractile/error.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/durable_files.hpp"
#include "types/quoted_text.hpp"

namespace fractile {

namespace fs = std::filesystem;

void refuse_existing(const fs::path& root, const std::string& id) {
  throw Error(ErrorCode::SNAPSHOT_EXISTS,
              fmt::format("expected a new snapshot id, found \"{}\" in \"{}\" already. A snapshot never changes: choose another "
                          "id, or remove it first (fractile snapshot remove {} --root {}).",
                          id, root.string(), quote_for_shell(id), quote_for_shell(root.string())));
}

BuildFolder::BuildFolder(const fs::path& root, const std::string& id) {
  create_directories_durably(root);
  remove_stale_builds(root);
  path_ = root / fmt::format(".{}.{}.{:08x}.tmp", id, ::getpid(), std::random_device()());
  std::error_code failed;
  if (!fs::create_directories(path_ / "segments", failed) || failed) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);  // path_ may exist although its folder segments could not be made
    errno = failed.value();
    throw_io_failure("create the folder", path_);
  }
  lock_ = lock_build(path_);
}

BuildFolder::~BuildFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

void BuildFolder::publish(const fs::path& root, const std::string& id) {
  for (const auto& entry : fs::recursive_directory_iterator(path_))
    if (entry.is_directory()) sync_directory(entry.path());
  sync_directory(path_);
  if (!rename_if_absent(path_, root / id)) refuse_existing(root, id);
  path_.clear();
  sync_directory(root);
}

}  // namespace fractile
