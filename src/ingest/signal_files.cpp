// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/formats.hpp"
#include "fractile/signal.hpp"
#include "ingest/signal_reader.hpp"

namespace fractile {
namespace {

Signal read_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                  std::size_t max_decoded_bytes, const std::shared_ptr<ByteBuffer>& owner) {
  const auto read_as = [&](const std::string& reader) {
    ArrowArrayStream stream{};
    formats::open_bytes(data, size, reader, max_decoded_bytes, ErrorCode::UNREADABLE_SIGNAL, &stream);
    return read_signal_stream(&stream, sigvars, owner);
  };
  if (format != "csv") return read_as(format);
  try {
    // Block by block, types being those of the first: a third of the memory.
    return read_as("csv_blocks");
  } catch (const Error&) {
    return read_as(format);  // types by all of the text; or the same error, about the whole
  }
}

}  // namespace

Signal read_signal_file(const std::string& path, const std::vector<std::string>& sigvars) {
  // Only the columns of a signal are read, as far as the file has them.
  std::vector<std::string> wanted;
  for (const std::string& name : formats::column_names(path, ErrorCode::UNREADABLE_SIGNAL)) {
    const bool is_key =
        name == "security_id" || name == "date_sig" || name == "date_avail" || name == "date_ret" || name == "date_openret";
    bool is_value = false;
    for (const std::string& sigvar : sigvars) is_value |= name == sigvar;
    if (is_key || is_value) wanted.push_back(name);
  }
  ArrowArrayStream stream{};
  // A file that lacks one is read whole, so that the error can name what is there.
  const bool is_complete = wanted.size() >= sigvars.size() + 2;
  formats::open_file(path, is_complete ? wanted : std::vector<std::string>{}, ErrorCode::UNREADABLE_SIGNAL, &stream);
  return read_signal(&stream, sigvars);
}

Signal read_signal_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                         std::size_t max_decoded_bytes) {
  return read_bytes(data, size, format, sigvars, max_decoded_bytes, nullptr);
}

Signal read_own_bytes(const std::shared_ptr<ByteBuffer>& bytes, const std::string& format,
                      const std::vector<std::string>& sigvars, std::size_t max_decoded_bytes) {
  // Text is read twice where its first block misled.
  return read_bytes(bytes->data(), bytes->size(), format, sigvars, max_decoded_bytes, format == "csv" ? nullptr : bytes);
}

}  // namespace fractile
