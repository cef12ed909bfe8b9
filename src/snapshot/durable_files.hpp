// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace fractile {

/// Throws IO_FAILURE with what was tried, on which path, and the system's words for errno.
[[noreturn]] void throw_io_failure(std::string_view what, const std::filesystem::path& path);

/// Writes parts one after the other into a new file and waits until they are on disk.
void write_durably(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);
void write_text_durably(const std::filesystem::path& path, std::string_view text);
/// Waits until a directory's entries are on disk.
void sync_directory(const std::filesystem::path& path);
/// Renames where nothing has the new name; false where something has.
bool rename_if_absent(const std::filesystem::path& from, const std::filesystem::path& to);

/// XXH3, 128 bits, as 32 hexadecimal digits.
std::string hash_bytes(const void* data, std::size_t size);
std::string hash_parts(std::span<const std::span<const std::byte>> parts);  ///< as if they were one
std::string hash_text(std::string_view text);

}  // namespace fractile
