// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/key_resolver.hpp"

#include <limits>
#include <utility>

#include "engine/align/signal_dates.hpp"

namespace fractile {

namespace {

template <class T>
Hash128 hash_array(const T* data, std::size_t n) {
  return hash_bytes(data, n * sizeof(T));
}

}  // namespace

KeyResolver::KeyResolver(const PanelView& panel, const SignalKeys& keys, const RunConfig& config)
    : panel_(panel),
      keys_(keys),
      securities_(panel, keys.security_id, keys.n_rows),
      days_(panel, config.from_open, config.lag),
      has_avail_(!is_all_missing(keys.date_avail, keys.n_rows)),
      given_(config.from_open ? keys.date_openret : keys.date_ret),
      has_given_(!is_all_missing(given_, keys.n_rows)) {}

void KeyResolver::read(std::int64_t begin, std::int64_t count, KeyBlock& block) const {
  const auto n = static_cast<std::size_t>(count);
  block.sig.resize(n);
  block.r.resize(n);
  block.at.resize(n);
  read_signal_days(keys_.date_sig, begin, count, block.sig.data());
  if (has_avail_) {
    block.avail.resize(n);
    read_signal_micros(keys_.date_avail, begin, count, block.avail.data());
  }
  if (has_given_) {
    block.given.resize(n);
    read_signal_days(given_, begin, count, block.given.data());
  }
}

KeyHashes KeyResolver::hash(std::int64_t begin, std::int64_t count, KeyBlock& block) const {
  const auto n = static_cast<std::size_t>(count);
  KeyHashes out{};
  out[0] = securities_.hash(begin, count, block.ids);
  out[1] = hash_array(block.sig.data(), n);
  if (has_avail_) out[2] = hash_array(block.avail.data(), n);
  if (has_given_) out[3] = hash_array(block.given.data(), n);
  return out;
}

void KeyResolver::resolve(std::int64_t begin, std::int64_t count, KeyBlock& block, AlignCounts& counts) const {
  if (has_avail_ || has_given_)
    resolve_dates(begin, count, block, counts);
  else
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) block.r[i] = days_.from_date_sig(block.sig[i]);

  if (const std::int64_t* ids = securities_.plain_numbers()) {
    // Rows of one security are often adjacent, so the range is looked up once per group of equal ids.
    ids += begin;
    std::int64_t last = ~ids[0];
    find_places(panel_.ranges(), begin, count, block, [&](std::int64_t i, SecurityIndex& security) {
      if (ids[i] == last) return false;
      last = ids[i];
      security = panel_.find_security(last);
      return true;
    });
  } else {
    find_places(panel_.ranges(), begin, count, block, [&](std::int64_t i, SecurityIndex& security) {
      return std::exchange(security, securities_.of_row(begin + i)) != security;
    });
  }
}

/// `next` sets the security of row i, and returns true if it differs from that of the row before.
template <class Next>
void KeyResolver::find_places(const std::vector<SecurityRange>& ranges, std::int64_t begin, std::int64_t count, KeyBlock& block,
                              Next&& next) {
  constexpr SecurityRange kNowhere{0, 0, 0, 0};
  const Day* const sig = block.sig.data();
  const DateIndex* const r = block.r.data();
  std::int32_t* const at = block.at.data();
  SecurityIndex security = SecurityKeys::kMissing;
  SecurityRange range = kNowhere;
  for (std::int64_t i = 0; i < count; ++i) {
    if (next(i, security)) range = security >= 0 ? ranges[static_cast<std::size_t>(security)] : kNowhere;
    const auto offset = static_cast<std::uint32_t>(r[i] - range.first);
    // One test suffices for rows that have a place; the causes of other rows are found behind it.
    if (r[i] >= 0 && offset < static_cast<std::uint32_t>(range.length) && sig[i] != kMissingDay) {
      at[i] = range.begin + static_cast<std::int32_t>(offset);
      continue;
    }
    Cause cause = Cause::no_return;
    if (security == SecurityKeys::kMissing || sig[i] == kMissingDay)
      cause = Cause::null_key;
    else if (security == SecurityKeys::kUnknown)
      cause = Cause::unknown_security;
    else if (r[i] < 0)
      cause = Cause::outside_dates;
    at[i] = -1 - static_cast<std::int32_t>(cause);
    if (cause == Cause::outside_dates && r[i] == ReturnDays::kTooEarly) block.later_rows.add_too_early();
    if (cause == Cause::no_return && r[i] < range.first)
      block.later_rows.add({r[i], security, static_cast<std::uint32_t>(begin + i)});
  }
}

void KeyResolver::resolve_dates(std::int64_t begin, std::int64_t count, KeyBlock& block, AlignCounts& counts) const {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (securities_.is_missing(begin + i) || block.sig[at] == kMissingDay) continue;
    RowDates dates{block.sig[at], kMissingTime, kMissingDay};
    if (has_avail_) dates.avail_micros = block.avail[at];
    if (has_given_) dates.given = block.given[at];
    Judgement judgement;
    block.r[at] = days_.resolve(dates, judgement);
    counts.return_day_rolled += judgement.rolled;
    if (judgement.impossible) counts.impossible.add(begin + i);
    if (judgement.before_avail) counts.trade_before_avail.add(begin + i);
  }
}

Hash128 combine_hashes(const KeyShape& shape, const std::vector<Hash128>& blocks) {
  StreamHash hash;
  hash.update(shape.data(), sizeof shape);
  hash.update(blocks.data(), blocks.size() * sizeof blocks[0]);
  return hash.digest();
}

Hash128 hash_values(const double* values, std::size_t n, bool has_nan, std::vector<double>& scratch) {
  if (!has_nan) return hash_array(values, n);
  scratch.resize(n);
  for (std::size_t i = 0; i < n; ++i) scratch[i] = values[i] == values[i] ? values[i] : std::numeric_limits<double>::quiet_NaN();
  return hash_array(scratch.data(), n);
}

Hash128 hash_rows(const KeyHashes& keys, const Hash128& values) {
  const Hash128 parts[5] = {keys[0], keys[1], values, keys[2], keys[3]};
  return hash_bytes(parts, sizeof parts);
}

}  // namespace fractile
