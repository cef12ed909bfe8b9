// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/formats.hpp"
#include "fractile/signal.hpp"

namespace fractile {

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
                         std::size_t max_decoded_bytes, bool may_overwrite) {
  ArrowArrayStream stream{};
  formats::open_bytes(data, size, format, max_decoded_bytes, ErrorCode::UNREADABLE_SIGNAL, &stream);
  return read_signal(&stream, sigvars, may_overwrite);
}

}  // namespace fractile
