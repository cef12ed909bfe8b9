// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/formats.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "formats/formats_abi.h"

namespace fractile::formats {
namespace {

namespace fs = std::filesystem;
constexpr const char* kModuleName = "libfractile_formats.so";
constexpr std::size_t kErrorSize = 4096;

/// The folder of the file that contains this code.
fs::path own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || !info.dli_fname) return {};
  std::error_code ignored;
  fs::path own = fs::canonical(info.dli_fname, ignored);
  // For a program that was started through PATH the path is only its name.
  if (ignored) own = fs::read_symlink("/proc/self/exe", ignored);
  return own.parent_path();
}

const FractileFormats* load() {
  std::vector<fs::path> places;
  if (const char* named = std::getenv("FRACTILE_FORMATS"); named && *named) places.emplace_back(named);
  const fs::path own = own_folder();
  for (const fs::path& folder : {own, own / "_libs", own / "../_libs", own / "../lib/fractile"})
    places.push_back(folder / kModuleName);
  std::string tried;
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (!fs::exists(place, ignored)) {
      tried += (tried.empty() ? "" : ", ") + place.string();
      continue;
    }
    if (void* module = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      const auto entry = reinterpret_cast<FractileFormatsEntry>(::dlsym(module, "fractile_formats"));
      if (entry && entry()->abi_version == 2) return entry();
      tried += (tried.empty() ? "" : ", ") + place.string() + " (of another version)";
      continue;
    }
    tried += (tried.empty() ? "" : ", ") + place.string() + " (" + ::dlerror() + ")";
  }
  throw Error(
      ErrorCode::FORMATS_NOT_AVAILABLE,
      fmt::format("expected the formats module, which reads Parquet, CSV and Arrow files, found none at {}. Build with the "
                  "CMake option FRACTILE_FORMATS=ON, or set $FRACTILE_FORMATS to its path.",
                  tried));
}

const FractileFormats& module() {
  static const FractileFormats* const kModule = load();
  return *kModule;
}

class Failure {
 public:
  char* text() noexcept { return text_.data(); }
  static constexpr std::size_t size() noexcept { return kErrorSize; }
  void throw_if(int status, ErrorCode code) const {
    if (status != 0) throw Error(code, text_.data());
  }

 private:
  std::array<char, kErrorSize> text_{};
};

std::vector<const char*> pointers(const std::vector<std::string>& names) {
  std::vector<const char*> out;
  for (const std::string& name : names) out.push_back(name.c_str());
  return out;
}

}  // namespace

std::string format_of_path(const std::string& path, ErrorCode failure) {
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".parquet" || extension == ".pq") return "parquet";
  if (extension == ".csv") return "csv";
  if (extension == ".arrow" || extension == ".feather" || extension == ".ipc" || extension == ".arrows") return "arrow";
  throw Error(failure, fmt::format("expected a file named .parquet, .pq, .csv, .arrow, .arrows, .feather or .ipc, found \"{}\". "
                                   "Convert or rename it.",
                                   path));
}

std::vector<std::string> column_names(const std::string& path, ErrorCode failure) {
  Failure error;
  char* text = nullptr;
  error.throw_if(module().column_names(path.c_str(), format_of_path(path, failure).c_str(), &text, error.text(), Failure::size()),
                 failure);
  const std::string all = text;
  module().free_text(text);
  std::vector<std::string> names;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    names.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

void open_file(const std::string& path, const std::vector<std::string>& columns, ErrorCode failure, ArrowArrayStream* out) {
  Failure error;
  const std::vector<const char*> names = pointers(columns);
  error.throw_if(module().open_file(path.c_str(), format_of_path(path, failure).c_str(), columns.empty() ? nullptr : names.data(),
                                    static_cast<std::int64_t>(names.size()), out, error.text(), Failure::size()),
                 failure);
}

void open_bytes(const void* data, std::size_t size, const std::string& format, std::size_t max_decoded_bytes, ErrorCode failure,
                ArrowArrayStream* out) {
  Failure error;
  error.throw_if(module().open_bytes(static_cast<const std::uint8_t*>(data), size, format.c_str(), max_decoded_bytes, nullptr, 0,
                                     out, error.text(), Failure::size()),
                 failure);
}

void write_file(const std::string& path, ArrowArrayStream* in) {
  Failure error;
  error.throw_if(
      module().write_file(path.c_str(), format_of_path(path, ErrorCode::IO_FAILURE).c_str(), in, error.text(), Failure::size()),
      ErrorCode::IO_FAILURE);
}

void write_ipc_stream(ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate) {
  struct Context {
    const std::function<char*(std::size_t)>& allocate;
    std::exception_ptr failure;
  } context{allocate, nullptr};
  const auto call = [](void* pointer, std::size_t size) noexcept -> char* {  // no exception may cross a C call
    auto* kept = static_cast<Context*>(pointer);
    try {
      return kept->allocate(size);
    } catch (...) {
      kept->failure = std::current_exception();
      return nullptr;
    }
  };
  Failure error;
  const int failed = module().write_ipc_stream(in, call, &context, error.text(), Failure::size());
  if (context.failure) std::rethrow_exception(context.failure);
  error.throw_if(failed, ErrorCode::INTERNAL);
}

std::vector<std::uint8_t> write_ipc_stream(ArrowArrayStream* in) {
  std::vector<std::uint8_t> out;
  write_ipc_stream(in, [&out](std::size_t size) {
    out.resize(size);
    return reinterpret_cast<char*>(out.data());
  });
  return out;
}

}  // namespace fractile::formats
