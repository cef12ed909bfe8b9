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
      if (entry && entry()->abi_version == 5) return entry();
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

namespace {

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

/// "" for an extension that names no format.
std::string format_of_name(const fs::path& path) {
  const std::string extension = extension_of(path);
  if (extension == ".parquet" || extension == ".pq") return "parquet";
  if (extension == ".csv" || extension == ".tsv" || extension == ".txt") return "csv";
  if (extension == ".arrow" || extension == ".feather" || extension == ".ipc" || extension == ".arrows") return "arrow";
  if (extension == ".gz" || extension == ".zst") return format_of_name(path.stem()) == "csv" ? "csv" : "";
  return "";
}

/// How pandas reads a file that is not read here; "" where nothing does.
std::string line_of_pandas(const fs::path& path) {
  const std::string extension = extension_of(path);
  for (const auto& [known, function] : {std::pair{".zip", "csv"},
                                        {".bz2", "csv"},
                                        {".xz", "csv"},
                                        {".xlsx", "excel"},
                                        {".xls", "excel"},
                                        {".dta", "stata"},
                                        {".sas7bdat", "sas"},
                                        {".xpt", "sas"},
                                        {".pkl", "pickle"},
                                        {".pickle", "pickle"},
                                        {".h5", "hdf"},
                                        {".hdf5", "hdf"},
                                        {".json", "json"},
                                        {".orc", "orc"},
                                        {".sav", "spss"}})
    if (extension == known)
      return fmt::format("pd.read_{}(\"{}\").to_parquet(\"{}.parquet\")", function, path.filename().string(),
                         path.stem().string());
  return "";
}

/// The one format of a folder's files.
std::string format_of_folder(const std::string& folder, ErrorCode failure) {
  std::string format;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    const bool is_hidden = name.starts_with('_') || name.starts_with('.');
    if (is_hidden && entry->is_directory()) entry.disable_recursion_pending();
    if (is_hidden || !entry->is_regular_file()) continue;
    const std::string found = format_of_name(entry->path());
    if (found.empty() || found == "arrow" || (!format.empty() && found != format))
      throw Error(
          failure,
          fmt::format("expected a folder of Parquet files or of CSV files, found \"{}\" in \"{}\". Move it elsewhere, or name "
                      "the files of one kind alone.",
                      name, folder));
    format = found;
  }
  if (format.empty())
    throw Error(failure,
                fmt::format("expected a folder with Parquet or CSV files, found none in \"{}\". Check the path.", folder));
  return format;
}

FractileCsv to_csv(const ReadOptions& options) {
  return {options.delimiter.empty() ? '\0' : options.delimiter[0], options.encoding.c_str()};
}

}  // namespace

std::string format_of_path(const std::string& path, ErrorCode failure) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return format_of_folder(path, failure);
  const std::string format = format_of_name(path);
  if (!format.empty()) return format;
  const std::string line = line_of_pandas(path);
  throw Error(
      failure,
      fmt::format("expected a file named .parquet, .pq, .csv, .tsv, .txt (also .gz or .zst), .arrow, .arrows, .feather or "
                  ".ipc, or a folder of them, found \"{}\". {}",
                  path, line.empty() ? "Convert or rename it." : "Convert it with pandas: " + line));
}

std::vector<std::string> column_names(const std::string& path, const ReadOptions& options, ErrorCode failure) {
  Failure error;
  char* text = nullptr;
  const FractileCsv csv = to_csv(options);
  error.throw_if(
      module().column_names(path.c_str(), format_of_path(path, failure).c_str(), &csv, &text, error.text(), Failure::size()),
      failure);
  const std::string all = text;
  module().free_text(text);
  std::vector<std::string> names;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find(FRACTILE_FORMATS_SEPARATOR, at);
    names.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

void open_file(const std::string& path, const std::vector<std::string>& columns, const ReadOptions& options, ErrorCode failure,
               ArrowArrayStream* out) {
  Failure error;
  const std::vector<const char*> names = pointers(columns);
  const FractileCsv csv = to_csv(options);
  error.throw_if(
      module().open_file(path.c_str(), format_of_path(path, failure).c_str(), &csv, columns.empty() ? nullptr : names.data(),
                         static_cast<std::int64_t>(names.size()), out, error.text(), Failure::size()),
      failure);
}

void open_bytes(const void* data, std::size_t size, const std::string& format, const ReadOptions& options,
                std::size_t max_decoded_bytes, ErrorCode failure, ArrowArrayStream* out) {
  Failure error;
  const FractileCsv csv = to_csv(options);
  error.throw_if(module().open_bytes(static_cast<const std::uint8_t*>(data), size, format.c_str(), &csv, max_decoded_bytes,
                                     nullptr, 0, out, error.text(), Failure::size()),
                 failure);
}

void write_file(const std::string& path, ArrowArrayStream* in) {
  Failure error;
  error.throw_if(
      module().write_file(path.c_str(), format_of_path(path, ErrorCode::IO_FAILURE).c_str(), in, error.text(), Failure::size()),
      ErrorCode::IO_FAILURE);
}

namespace {

using Writer = int (*)(ArrowArrayStream*, char* (*)(void*, std::size_t), void*, char*, std::size_t);

void write_to_memory(Writer writer, ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate) {
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
  const int failed = writer(in, call, &context, error.text(), Failure::size());
  if (context.failure) std::rethrow_exception(context.failure);
  error.throw_if(failed, ErrorCode::INTERNAL);
}

}  // namespace

void write_ipc_stream(ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate) {
  write_to_memory(module().write_ipc_stream, in, allocate);
}

void write_parquet(ArrowArrayStream* in, const std::function<char*(std::size_t)>& allocate) {
  write_to_memory(module().write_parquet, in, allocate);
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
