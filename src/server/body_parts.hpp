// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/return_series.hpp"
#include "server/run_request.hpp"
#include "types/byte_buffer.hpp"

/// Further tables of a request beside its signal: other signals, and returns of factors.
namespace fractile::server {

/// A signal of a request by the name that the request gives it.
struct NamedSignal {
  std::string name;
  Signal signal;
};

/// Tables under keys beside `signal`. In a JSON body they are rows. Another body has them one after the other behind the signal,
/// in the form of the body, and the query says at which byte each begins: library={"a": 1000, "b": 2500}, factor_returns=4000.
class BodyParts {
 public:
  /// Takes the parts out of a body that is not JSON. `signals`: the key of signals by name; `returns`: the key of one table of
  /// returns; "": the endpoint has none. Throws INVALID_VALUE on a place that is not inside the body.
  BodyParts(Request& request, std::string_view signals, std::string_view returns);

  /// The signals in the given order; none without the key. Throws INVALID_VALUE on more than kMostSignals, and as
  /// read_run_request().
  std::vector<NamedSignal> read_signals(const RunRequest& run, const ServerState& state) const;
  /// The series of the table, which has a column "date"; none without the key. Throws INVALID_VALUE, and as
  /// fractile::read_returns().
  std::vector<ReturnSeries> read_factor_returns(const RunRequest& run, const ServerState& state) const;

  static constexpr std::size_t kMostSignals = 200;

 private:
  struct Part {
    std::string name;
    std::size_t begin;
    std::shared_ptr<ByteBuffer> bytes;
    bool is_signal;
  };
  std::string signals_, returns_;
  std::vector<Part> parts_;  // in the given order
  std::string format_;       // "" of a JSON body
};

/// Schemas of the keys for OpenAPI.
nlohmann::ordered_json named_signals_schema(const char* doc);
nlohmann::ordered_json factor_returns_schema(const char* doc);

}  // namespace fractile::server
