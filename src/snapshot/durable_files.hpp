// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace fractile {

/// Throws IO_FAILURE with the attempted action, the path, and the system's text for errno.
[[noreturn]] void throw_io_failure(std::string_view what, const std::filesystem::path& path);

/// Writes parts one after the other into a new file and waits until they are on disk.
void write_durably(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);
void write_text_durably(const std::filesystem::path& path, std::string_view text);
/// Waits until a directory's entries are on disk.
void sync_directory(const std::filesystem::path& path);
/// Makes a directory and those above it, each on disk before the next.
void create_directories_durably(const std::filesystem::path& path);
/// Renames a directory that is not empty; returns false if the new name exists.
bool rename_if_absent(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace fractile
