// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/content_decoder.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "fractile/error.hpp"

namespace fractile::server {
namespace {

constexpr std::size_t kStep = std::size_t{256} << 10;

[[noreturn]] void refuse_bytes(const char* encoding, const char* found) {
  throw Error(ErrorCode::BAD_REQUEST, std::string("expected a body in ") + encoding + " as Content-Encoding says, found " +
                                          found + ". Send the body as it is, or encode it whole.");
}

/// Prepares room for the next step. One byte beyond the limit is allowed, so that a larger body is noticed and refused.
char* prepare_step(std::size_t limit, ByteBuffer& out, std::size_t& room) {
  if (out.size() > limit)
    throw Error(ErrorCode::BODY_TOO_LARGE,
                "expected up to " + std::to_string(limit) +
                    " bytes after decoding, found more. Send fewer rows, or raise server.max_body_mb.");
  room = std::min(kStep, limit + 1 - out.size());
  return out.prepare(room);
}

class GzipDecoder final : public ContentDecoder {
 public:
  GzipDecoder() {
    constexpr int kGzipOnly = 15 + 16;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  void decode(const char* data, std::size_t size, std::size_t limit, ByteBuffer& out) override {
    // zlib takes its input without writing to it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data));
    stream_.avail_in = static_cast<uInt>(size);
    while (stream_.avail_in > 0 || !is_flushed_) {
      if (is_done_) {
        // A gzip file may hold several members, one after the other.
        if (stream_.avail_in == 0) return;
        if (inflateReset(&stream_) != Z_OK) refuse_bytes("gzip", "bytes behind its end");
        is_done_ = false;
      }
      std::size_t room = 0;
      stream_.next_out = reinterpret_cast<Bytef*>(prepare_step(limit, out, room));
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      out.commit(room - stream_.avail_out);
      is_flushed_ = stream_.avail_out > 0;
      if (status == Z_STREAM_END) {
        is_done_ = true;
        is_flushed_ = true;
      } else if (status == Z_BUF_ERROR) {
        return;
      } else if (status != Z_OK) {
        refuse_bytes("gzip", "other bytes");
      }
    }
  }
  void finish() const override {
    if (!is_done_) refuse_bytes("gzip", "its end missing");
  }

 private:
  z_stream stream_{};
  bool is_done_ = false;
  bool is_flushed_ = true;
};

class ZstdDecoder final : public ContentDecoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
    constexpr int kMaxWindowLog = 27;  // 128 MB, what zstd itself takes by default
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  void decode(const char* data, std::size_t size, std::size_t limit, ByteBuffer& out) override {
    std::size_t at = 0;
    bool is_full = false;
    while (at < size || is_full) {
      std::size_t room = 0;
      char* const to = prepare_step(limit, out, room);
      ZSTD_outBuffer step{to, room, 0};
      // libzstd decodes a frame that it sees whole by other rules: it reads formats before version 0.8, and checks other things.
      // It sees the header byte by byte, so that the parts in which a body arrives do not matter.
      constexpr std::size_t kMaxHeader = 18;
      ZSTD_inBuffer in{data, n_read_ < kMaxHeader ? std::min(at + 1, size) : size, at};
      const std::size_t left = ZSTD_decompressStream(stream_, &step, &in);
      if (ZSTD_isError(left)) refuse_bytes("zstd", "other bytes");
      out.commit(step.pos);
      is_ended_ = left == 0;
      n_read_ = is_ended_ ? 0 : n_read_ + in.pos - at;
      at = in.pos;
      is_full = !is_ended_ && step.pos == step.size;
    }
  }
  void finish() const override {
    if (!is_ended_) refuse_bytes("zstd", "its end missing");
  }

 private:
  ZSTD_DStream* stream_;
  std::size_t n_read_ = 0;  // bytes of the current frame
  bool is_ended_ = false;   // the last byte ended a frame
};

}  // namespace

std::unique_ptr<ContentDecoder> make_decoder(const std::string& encoding) {
  if (encoding.empty() || encoding == "identity") return nullptr;
  if (encoding == "gzip" || encoding == "x-gzip") return std::make_unique<GzipDecoder>();
  if (encoding == "zstd") return std::make_unique<ZstdDecoder>();
  throw Error(ErrorCode::UNSUPPORTED_MEDIA_TYPE,
              "expected Content-Encoding gzip, zstd or none, found \"" + encoding.substr(0, 40) + "\". Use one of these.");
}

}  // namespace fractile::server
