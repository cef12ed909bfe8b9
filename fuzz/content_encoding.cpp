// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <string>

#include "bytes.hpp"
#include "laws.hpp"
#include "server/content_decoder.hpp"

namespace fractile::fuzz {

void run_content_encoding(Input input);

namespace {

constexpr std::size_t kLimit = std::size_t{1} << 20;

/// Decodes a body that arrives in parts of `part` bytes. If a body has several faults, the named one depends on the parts.
std::string decode(const std::string& encoding, std::string_view body, std::size_t part) {
  ByteBuffer out;
  const auto refusal = refusal_of([&] {
    const auto decoder = server::make_decoder(encoding);
    for (std::size_t at = 0; at < body.size(); at += part)
      decoder->decode(body.data() + at, std::min(part, body.size() - at), kLimit, out);
    decoder->finish();
  });
  ensure(out.size() <= kLimit + 1, "no more is decoded than the limit", std::to_string(out.size()));
  return refusal ? "refused" : "decoded: " + std::string(out.size() > 0 ? out.data() : "", out.size());
}

}  // namespace

/// The first byte chooses the encoding, the second the size of the parts of the rest.
void run_content_encoding(Input input) {
  Bytes bytes(input);
  const std::string encoding = bytes.below(2) == 0 ? "gzip" : "zstd";
  const std::size_t part = 1 + bytes.byte();
  const std::string_view body = as_text(bytes.take_rest());
  const std::string whole = decode(encoding, body, std::max<std::size_t>(body.size(), 1));
  const std::string parts = decode(encoding, body, part);
  ensure(whole == parts, "a body decodes to the same bytes for any parts", show_difference(whole, parts));
}

}  // namespace fractile::fuzz
