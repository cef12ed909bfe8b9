// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/web_answer.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include "types/hash.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

std::string gzip(std::string_view text) {
  constexpr int kGzip = 15 + 16, kMemory = 9;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib reads its input through a pointer that is not const, and leaves it as it is.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool is_whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return is_whole ? out : "";
}

}  // namespace

WebFile::WebFile(std::string_view content, std::string_view type)
    : content_(content),
      type_(type),
      compressed_(gzip(content)),
      tag_('"' + to_hex(hash_bytes(content.data(), content.size())) + '"') {}

Answer WebFile::answer(const Request& request) const {
  Answer answer;
  answer.content_type = type_;
  answer.headers = {{"ETag", tag_},
                    {"Cache-Control", "no-cache"},
                    {"Vary", "Accept-Encoding"},
                    {"Content-Security-Policy", std::string(kPolicy)},
                    {"Referrer-Policy", "no-referrer"}};
  if (request.if_none_match.find(tag_) != std::string::npos) {
    constexpr int kNotModified = 304;
    answer.status = kNotModified;
  } else if (!compressed_.empty() && request.accept_encoding.find("gzip") != std::string::npos) {
    answer.headers.emplace_back("Content-Encoding", "gzip");
    answer.body = compressed_;
  } else {
    answer.body = content_;
  }
  return answer;
}

}  // namespace fractile::server
