// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/alignment_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "engine/align/extend_holding.hpp"
#include "parallel/workers.hpp"
#include "types/id_hashes.hpp"
#include "types/row_blocks.hpp"

namespace fractile {
namespace {

/// A key column as bytes, with the width of its values.
struct RawColumn {
  const char* data;
  std::size_t width;
};

std::vector<RawColumn> raw_columns(const SignalKeys& keys) {
  const IdColumn& ids = keys.security_id;
  std::vector<RawColumn> out{ids.is_text() ? RawColumn{reinterpret_cast<const char*>(ids.codes), 4}
                                           : RawColumn{reinterpret_cast<const char*>(ids.numbers), 8}};
  for (const DateColumn& dates : {keys.date_sig, keys.date_avail, keys.date_ret, keys.date_openret})
    if (dates)
      out.push_back({static_cast<const char*>(dates.data), dates.unit == DateUnit::day ? std::size_t{4} : std::size_t{8}});
  return out;
}

/// The hashes that a column of text ids has, or null.
const IdHashes* known_hashes(const IdColumn& ids, std::int64_t n_rows) {
  return ids.hashes && ids.hashes->is_of(ids, n_rows) ? ids.hashes : nullptr;
}

/// Describes the texts of ids, or the bitmap of rows that have an id.
std::string describe_ids(const IdColumn& ids, std::int64_t n_rows) {
  if (!ids.is_text()) return ids.valid ? " " + to_hex(hash_bytes(ids.valid, static_cast<std::size_t>((n_rows + 7) / 8))) : "";
  const IdHashes* const known = known_hashes(ids, n_rows);
  return " texts " + to_hex(known ? known->texts : hash_id_texts(ids.texts));
}

/// Describes the present columns, their types, and the number of rows.
std::string describe_columns(const SignalKeys& keys) {
  std::string out = fmt::format("{}", keys.n_rows) + describe_ids(keys.security_id, keys.n_rows);
  for (const DateColumn& dates : {keys.date_sig, keys.date_avail, keys.date_ret, keys.date_openret})
    out += dates ? fmt::format(" {}", static_cast<int>(dates.unit)) : " -";
  return out;
}

/// A hash of a few hundred evenly spread rows. It shows at little cost that keys are new.
Hash128 hash_sample(const SignalKeys& keys) {
  constexpr std::int64_t kSamples = 512;
  std::string bytes = describe_columns(keys);
  for (const RawColumn& column : raw_columns(keys))
    for (std::int64_t k = 0; k < kSamples; ++k) {
      const std::int64_t row = (keys.n_rows - 1) * k / (kSamples - 1);
      bytes.append(column.data + static_cast<std::size_t>(row) * column.width, column.width);
    }
  return hash_bytes(bytes.data(), bytes.size());
}

std::string hash_columns(const SignalKeys& keys, int threads, const std::function<void()>& poll) {
  const auto n_blocks = static_cast<std::size_t>(count_blocks(keys.n_rows));
  const std::vector<RawColumn> columns = raw_columns(keys);
  const IdHashes* const known = known_hashes(keys.security_id, keys.n_rows);
  std::vector<Hash128> hashes(n_blocks * columns.size());
  parallel_for(
      threads, static_cast<int>(n_blocks),
      [&](int task, int) {
        const auto block = static_cast<std::size_t>(task);
        for (std::size_t c = 0; c < columns.size(); ++c)  // the first column has the ids
          hashes[block * columns.size() + c] =
              known && c == 0 ? known->codes[block] : hash_block(columns[c].data, columns[c].width, keys.n_rows, task);
      },
      poll);
  return to_hex(hash_bytes(hashes.data(), hashes.size() * sizeof hashes[0])) + " " + describe_columns(keys);
}

/// The options on which an alignment depends.
std::string describe_alignment(const RunConfig& config) {
  RunConfig alone;
  alone.lag = config.lag;
  alone.from_open = config.from_open;
  if (config.from_open) alone.bad_open = config.bad_open;
  alone.universe = config.universe;
  if (!config.universe.empty()) alone.characteristics_asof = config.characteristics_asof;
  return config_to_json(alone, true);
}

}  // namespace

std::vector<std::string> digest_columns(const Signal& signal, int threads) {
  const std::string keys = hash_columns(signal.keys, threads, {});
  const std::size_t bytes = static_cast<std::size_t>(signal.keys.n_rows) * sizeof(double);
  std::vector<std::string> out(signal.values.size());
  parallel_for(threads, static_cast<int>(out.size()), [&](int task, int) {
    const auto column = static_cast<std::size_t>(task);
    const std::string both = keys + " " + to_hex(hash_bytes(signal.values[column], bytes));
    out[column] = to_hex(hash_bytes(both.data(), both.size()));
  });
  return out;
}

bool AlignmentCache::is_seen(const Hash128& sample) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(seen_.begin(), seen_.end(), sample);
  if (found != seen_.end()) return true;
  seen_.push_front(sample);
  if (seen_.size() > kMaxSeen) seen_.pop_back();
  return false;
}

void AlignmentCache::evict() {
  std::size_t bytes = 0;
  int count = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool is_of_newest = count == 0;  // an alignment is used before its exposures and regressors, so it is behind them here
    bytes += entry->bytes;
    count += entry->is_alignment;
    const bool is_cached = is_of_newest || (count <= capacity_ && bytes <= kMaxBytes);
    entry = is_cached ? std::next(entry) : entries_.erase(entry);
  }
}

template <class Cached, class Make>
std::shared_ptr<const Cached> AlignmentCache::find_or_make_one(const std::string& key, Make&& make,
                                                               const std::function<bool()>& are_keys_unchanged) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return std::static_pointer_cast<const Cached>(found->object);
    }
    if (making_.insert(key).second) break;
    made_.wait(lock);
  }
  lock.unlock();
  std::shared_ptr<const Cached> made;
  bool is_of_key = false;
  std::exception_ptr failure;
  try {
    made = make();
    is_of_key = are_keys_unchanged();
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  making_.erase(key);
  made_.notify_all();
  if (failure) std::rethrow_exception(failure);
  if (!is_of_key) return made;
  entries_.push_front({key, made->bytes(), std::is_same_v<Cached, Alignment>, made});
  evict();
  return made;
}

std::string AlignmentCache::identify(const SignalKeys& keys, bool come_again, int threads, const std::function<void()>& poll) {
  if (capacity_ <= 0) return {};
  if (!is_seen(hash_sample(keys)) && !come_again) return {};
  return hash_columns(keys, threads, poll);
}

CachedAlignment AlignmentCache::find_or_make(const std::string& identity, const PanelView& panel, const SignalKeys& keys,
                                             const RunConfig& config, const ExposureRows& exposures, int threads,
                                             RunBuffers& buffers, const std::function<void()>& poll) {
  const std::string aligned = identity + describe_alignment(config);
  // The keys are in the user's memory and may have changed since `identity` was made of them.
  const auto are_keys_unchanged = [&] { return hash_columns(keys, threads, poll) == identity; };
  CachedAlignment out;
  out.alignment = find_or_make_one<Alignment>(
      aligned,
      [&] {
        return std::make_shared<Alignment>(panel, keys, config, threads, Alignment::Lifetime::cached, buffers.alignment, poll);
      },
      are_keys_unchanged);
  if (!exposures.is_needed()) return out;
  const auto n_rows = static_cast<std::size_t>(keys.n_rows);
  const std::string mode = " resid " + describe_residuals(config);
  out.exposures = find_or_make_one<ExposurePlan>(
      identity + mode,
      [&] {
        return std::make_shared<ExposurePlan>(
            make_exposure_plan(panel, keys, config, exposures, threads, buffers.exposure_rows.take(n_rows), poll));
      },
      are_keys_unchanged);
  // Copies of held rows have regressors too.
  out.regressors = find_or_make_one<RegressorCache>(
      fmt::format("{}{} hold {}", aligned, mode, config.hold_days),
      [&] {
        // With hold_days="next" the copies can fill the whole panel.
        const std::size_t n_held = config.hold_days == kHoldUntilNext ? static_cast<std::size_t>(panel.snapshot().n_rows())
                                                                      : n_rows * static_cast<std::size_t>(config.hold_days);
        return std::make_shared<RegressorCache>(panel, exposures, n_held);
      },
      [] { return true; });  // the cache of regressors verifies the rows itself
  return out;
}

}  // namespace fractile
