// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace fractile {

/// Throws IO_FAILURE with what was tried, on which path, and the system's words for errno.
[[noreturn]] void throw_io_failure(std::string_view what, const std::filesystem::path& path);

/// Writes parts one after the other into a new file and waits until they are on disk.
void write_durably(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);
void write_text_durably(const std::filesystem::path& path, std::string_view text);
/// Waits until a directory's entries are on disk.
void sync_directory(const std::filesystem::path& path);
/// Makes a directory and those above it, each on disk before the next.
void create_directories_durably(const std::filesystem::path& path);
/// Renames a directory that is not empty where nothing has the new name; false where something has.
bool rename_if_absent(const std::filesystem::path& from, const std::filesystem::path& to);

/// XXH3, 128 bits, over what comes in parts.
class StreamHash {
 public:
  StreamHash();
  void update(const void* data, std::size_t size);
  std::string digest() const;

 private:
  std::unique_ptr<XXH3_state_s, int (*)(XXH3_state_s*)> state_;
};

/// XXH3, 128 bits, as 32 hexadecimal digits.
std::string hash_bytes(const void* data, std::size_t size);
std::string hash_parts(std::span<const std::span<const std::byte>> parts);  ///< as if they were one
std::string hash_text(std::string_view text);

}  // namespace fractile
