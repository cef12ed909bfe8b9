// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "tearsheet/packed_column.hpp"
#include "types/format_to.hpp"
#include "types/json_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace fractile {
namespace {

constexpr std::size_t kShort = 100;         // rows of a table that is written as it is
constexpr std::uint16_t kMissing = 0xFFFF;  // a step
constexpr std::int64_t kSecondsOfDay = 86'400;

/// Little-endian bytes of unsigned numbers, as base64.
class Base64 {
 public:
  template <class T>
  void add(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bits_ = (bits_ << 8U) | ((static_cast<std::uint32_t>(value) >> (8U * i)) & 0xFFU);
      if (++n_bytes_ == 3) flush();
    }
  }
  std::string finish() {
    if (n_bytes_ > 0) {
      const std::size_t used = n_bytes_ + 1;
      while (n_bytes_ < 3) bits_ <<= 8U, ++n_bytes_;
      flush();
      for (std::size_t i = used; i < 4; ++i) out_[out_.size() - 4 + i] = '=';
    }
    return std::move(out_);
  }

 private:
  void flush() {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (const unsigned shift : {18U, 12U, 6U, 0U}) out_ += kDigits[(bits_ >> shift) & 63U];
    bits_ = 0;
    n_bytes_ = 0;
  }
  std::string out_;
  std::uint32_t bits_ = 0;
  std::size_t n_bytes_ = 0;
};

/// Reals of a column; whole numbers and dates (as seconds) too. Empty for texts.
std::vector<double> to_reals(const Column& column, std::size_t every) {
  std::vector<double> all;
  if (const auto* reals = std::get_if<std::vector<double>>(&column.values))
    all = *reals;
  else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values))
    all.assign(whole->begin(), whole->end());
  else if (const auto* dates = std::get_if<Column::Dates>(&column.values))
    for (const Day day : dates->days) all.push_back(static_cast<double>(day * kSecondsOfDay));
  std::vector<double> out;
  for (std::size_t i = 0; i < all.size(); i += every) out.push_back(all[i]);
  return out;
}

void append_number(std::string& out, double x) {
  if (std::isfinite(x))
    fmt::format_to(std::back_inserter(out), "{}", x);
  else
    out += "null";
}

void append_values(std::string& out, const Column& column, std::size_t every) {
  out += "\"kind\":\"values\",\"values\":[";
  const std::size_t begin = out.size();
  if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
    for (std::size_t i = 0; i < texts->size(); i += every) {
      append_json_text(out, (*texts)[i]);
      out += ',';
    }
  } else {
    for (const double x : to_reals(column, every)) {
      append_number(out, x);
      out += ',';
    }
  }
  if (out.size() > begin) out.pop_back();
  out += ']';
}

/// False if the days are not ascending, or too far apart.
bool append_days(std::string& out, const std::vector<Day>& days, std::size_t every) {
  Base64 bytes;
  Day before = days.front();
  for (std::size_t i = 0; i < days.size(); i += every) {
    const std::int64_t gap = std::int64_t{days[i]} - before;
    if (gap < 0 || gap > std::numeric_limits<std::uint16_t>::max()) return false;
    bytes.add(static_cast<std::uint16_t>(gap));
    before = days[i];
  }
  fmt::format_to(std::back_inserter(out), "\"kind\":\"dates\",\"first\":{},\"bytes\":\"{}\"", days.front(), bytes.finish());
  return true;
}

void append_floats(std::string& out, const std::vector<double>& values) {
  Base64 bytes;
  for (const double x : values) {
    const auto single = static_cast<float>(x);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &single, sizeof bits);
    bytes.add(bits);
  }
  fmt::format_to(std::back_inserter(out), "\"kind\":\"floats\",\"bytes\":\"{}\"", bytes.finish());
}

void append_steps(std::string& out, const std::vector<double>& values, bool is_whole) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double x : values)
    if (std::isfinite(x)) {
      low = std::min(low, x);
      high = std::max(high, x);
    }
  if (!(low <= high)) low = high = 0.0;
  double step = (high - low) / (kMissing - 1);
  if (is_whole) step = std::max(1.0, std::ceil(step));
  if (!(step > 0.0)) step = 1.0;
  Base64 bytes;
  for (const double x : values)
    bytes.add(std::isfinite(x) ? static_cast<std::uint16_t>(std::lround((x - low) / step)) : kMissing);
  fmt::format_to(std::back_inserter(out), "\"kind\":\"steps\",\"first\":{},\"step\":{},\"bytes\":\"{}\"", low, step,
                 bytes.finish());
}

std::size_t length(const Column& column) {
  if (const auto* dates = std::get_if<Column::Dates>(&column.values)) return dates->days.size();
  return std::visit(
      [](const auto& values) -> std::size_t {
        if constexpr (requires { values.size(); }) return values.size();
        return 0;
      },
      column.values);
}

}  // namespace

void append_column(std::string& out, const Column& column, Packing packing, std::size_t every) {
  out += "{\"name\":";
  append_json_text(out, column.name);
  out += ',';
  const auto* dates = std::get_if<Column::Dates>(&column.values);
  const bool is_text = std::holds_alternative<std::vector<std::string>>(column.values);
  if (is_text || length(column) <= kShort) {
    append_values(out, column, every);
  } else if (dates) {
    if (!append_days(out, dates->days, every)) append_values(out, column, every);
  } else if (std::holds_alternative<std::vector<std::int64_t>>(column.values)) {
    append_steps(out, to_reals(column, every), true);
  } else if (packing == Packing::floats) {
    append_floats(out, to_reals(column, every));
  } else {
    append_steps(out, to_reals(column, every), false);
  }
  out += '}';
}

}  // namespace fractile
