// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "types/byte_buffer.hpp"

namespace fractile::server {

/// A decoder that removes a content encoding from a body while the body arrives.
class ContentDecoder {
 public:
  virtual ~ContentDecoder() = default;
  /// Appends the decoded bytes to `out`. Throws BODY_TOO_LARGE beyond `limit` decoded bytes, BAD_REQUEST if the
  /// bytes do not have the encoding.
  virtual void decode(const char* data, std::size_t size, std::size_t limit, ByteBuffer& out) = 0;
  /// Throws BAD_REQUEST if the body ended too soon.
  virtual void finish() const = 0;
};

/// "" and "identity": null; "gzip" and "zstd": a decoder. Throws UNSUPPORTED_MEDIA_TYPE on any other.
std::unique_ptr<ContentDecoder> make_decoder(const std::string& encoding);

}  // namespace fractile::server
