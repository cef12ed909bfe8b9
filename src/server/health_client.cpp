// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/health_client.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "fractile/error.hpp"

namespace fractile::server {

Health ask_health(const std::string& url) {
  namespace http = boost::beast::http;
  namespace net = boost::asio;
  constexpr std::string_view kScheme = "http://";
  const std::string rest = url.starts_with(kScheme) ? url.substr(kScheme.size()) : "";
  const std::string address = rest.substr(0, rest.find('/'));
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon), port = colon == std::string::npos ? "80" : address.substr(colon + 1);
  if (host.empty() || port.empty())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected an address such as http://127.0.0.1:8000, found \"" + url + "\". Correct it.");

  net::io_context context;
  boost::beast::tcp_stream stream(context);
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> request{http::verb::get, "/health", 11};
  request.set(http::field::host, host);
  http::response<http::string_body> response;
  boost::beast::error_code failed;
  net::ip::tcp::resolver resolver(context);
  const auto endpoints = resolver.resolve(host, port, failed);
  if (!failed) {
    constexpr std::chrono::seconds kPatience{3};
    stream.expires_after(kPatience);
    stream.async_connect(endpoints, [&](boost::beast::error_code error, const net::ip::tcp::endpoint&) {
      failed = error;
      if (error) return;
      http::async_write(stream, request, [&](boost::beast::error_code unsent, std::size_t) {
        failed = unsent;
        if (unsent) return;
        http::async_read(stream, buffer, response, [&](boost::beast::error_code unread, std::size_t) { failed = unread; });
      });
    });
    context.run();
  }
  if (failed) return {0, failed.message()};
  return {static_cast<int>(response.result_int()), response.body()};
}

}  // namespace fractile::server
