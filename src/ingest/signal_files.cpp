// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/formats.hpp"
#include "fractile/read_signal.hpp"
#include "ingest/signal_reader.hpp"

namespace fractile {
namespace {

Signal read_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                  const ReadOptions& options, std::size_t max_decoded_bytes, const std::shared_ptr<ByteBuffer>& owner) {
  ArrowArrayStream stream{};
  formats::open_bytes(data, size, format, options, max_decoded_bytes, ErrorCode::UNREADABLE_SIGNAL, &stream);
  return read_signal_stream(&stream, sigvars, options, owner);
}

}  // namespace

Signal read_signal_file(const std::string& path, const std::vector<std::string>& sigvars, const ReadOptions& options) {
  // Only the columns of a signal are read, as far as the file has them.
  std::vector<std::string> wanted;
  const std::vector<std::string> names = formats::column_names(path, options, ErrorCode::UNREADABLE_SIGNAL);
  for (const auto& [ours, column] : match_signal_names(names, sigvars, options)) wanted.push_back(names[column]);
  ArrowArrayStream stream{};
  formats::open_file(path, wanted, options, ErrorCode::UNREADABLE_SIGNAL, &stream);
  ReadOptions left = options;
  left.drop.clear();  // the stream has the columns that are wanted
  return read_signal(&stream, sigvars, left);
}

Signal read_signal_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                         std::size_t max_decoded_bytes, const ReadOptions& options) {
  return read_bytes(data, size, format, sigvars, options, max_decoded_bytes, nullptr);
}

Signal read_signal_file(const std::string& path, const std::vector<std::string>& sigvars) {
  return read_signal_file(path, sigvars, {});
}

Signal read_signal_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                         std::size_t max_decoded_bytes) {
  return read_signal_bytes(data, size, format, sigvars, max_decoded_bytes, {});
}

Signal read_own_bytes(const std::shared_ptr<ByteBuffer>& bytes, const std::string& format,
                      const std::vector<std::string>& sigvars, std::size_t max_decoded_bytes, const ReadOptions& options) {
  // libarrow copies the text of a CSV: no view of the bytes is handed out.
  return read_bytes(bytes->data(), bytes->size(), format, sigvars, options, max_decoded_bytes, format == "csv" ? nullptr : bytes);
}

}  // namespace fractile
