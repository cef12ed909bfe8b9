// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fractile/read_options.hpp"
#include "fractile/read_signal.hpp"
#include "types/byte_buffer.hpp"

namespace fractile::server {

/// A JSON request body. It first finds the options, because the name of the value column is one of them.
/// Then it reads the rows straight into columns, without a tree.
class JsonBody {
 public:
  /// Throws BAD_REQUEST on text that is not JSON, has a key twice or continues behind the end; UNKNOWN_OPTION on
  /// an unknown key. `more`: further keys that the endpoint takes.
  JsonBody(ByteBuffer body, std::span<const std::string_view> more);
  ~JsonBody();
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  /// JSON text of an object; "{}" if it is absent.
  const std::string& config() const noexcept { return config_; }
  /// JSON text of the further keys that the body has.
  const std::map<std::string, std::string>& more() const noexcept { return more_; }
  const std::optional<std::string>& signal_path() const noexcept { return signal_path_; }
  /// Records or columns, once: the body's memory is given back as they are read. Throws BAD_REQUEST, UNKNOWN_COLUMN, COLUMN_TYPE,
  /// EMPTY_SIGNAL.
  Signal read_signal(const std::string& sigvar, const ReadOptions& reading);

 private:
  struct Parser;
  ByteBuffer body_;
  std::unique_ptr<Parser> parser_;
  bool has_signal_ = false;
  std::string config_ = "{}";
  std::map<std::string, std::string> more_;
  std::optional<std::string> signal_path_;
};

/// Refuses JSON text that nests deeper than any sensible request. Throws BAD_REQUEST.
void check_depth(std::string_view json);

}  // namespace fractile::server
