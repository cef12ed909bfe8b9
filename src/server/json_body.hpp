// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fractile/signal.hpp"
#include "types/byte_buffer.hpp"

namespace fractile::server {

/// A JSON request body. Its options are found first, because the name of the value column is one of them;
/// then the rows are read straight into columns, without a tree.
class JsonBody {
 public:
  /// Throws BAD_REQUEST on what is no JSON, has a key twice or ends too late; UNKNOWN_OPTION on a key that a
  /// request does not have. `is_suite`: lags and resid_modes are keys too.
  JsonBody(ByteBuffer body, bool is_suite);
  ~JsonBody();
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  /// JSON text of an object; "{}" where it is absent.
  const std::string& config() const noexcept { return config_; }
  const std::optional<std::string>& lags() const noexcept { return lags_; }
  const std::optional<std::string>& resid_modes() const noexcept { return resid_modes_; }
  const std::optional<std::string>& signal_path() const noexcept { return signal_path_; }
  /// Records or columns, once: the body's memory is given back as they are read. Throws BAD_REQUEST, UNKNOWN_COLUMN, COLUMN_TYPE,
  /// EMPTY_SIGNAL.
  Signal read_signal(const std::string& sigvar);

 private:
  struct Parser;
  ByteBuffer body_;
  std::unique_ptr<Parser> parser_;
  bool has_signal_ = false;
  std::string config_ = "{}";
  std::optional<std::string> lags_, resid_modes_, signal_path_;
};

/// Refuses JSON text that nests deeper than requests have reason to. Throws BAD_REQUEST.
void check_depth(std::string_view json);

}  // namespace fractile::server
