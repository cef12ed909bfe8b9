// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>

#include "engine/exposures.hpp"
#include "engine/return_day.hpp"
#include "engine/signal_dates.hpp"
#include "engine/slot_state.hpp"
#include "engine/universe.hpp"
#include "engine/workers.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

/// Rows a task: its inputs stay in the second-level cache from the hash to the scatter.
constexpr std::int64_t kBlockRows = 16384;
/// Slots lie a day's rows apart, so nearly each is a cache miss: they are asked for a batch ahead.
constexpr int kBatch = 64;
constexpr std::size_t kClearSlots = std::size_t{1} << 18;

struct BlockBuffers {
  std::vector<Day> sig, given, avail_days;
  std::vector<std::int64_t> avail;
  std::vector<double> values;
  std::vector<DateIndex> r;
  std::vector<std::int32_t> at;         ///< index into row_of, or -1 - cause
  std::vector<SecurityIndex> security;  ///< residualized runs only
};

class Aligner {
 public:
  Aligner(const Market& market, const AlignRequest& request, Slots& slots)
      : market_(market),
        keys_(*request.keys),
        config_(*request.config),
        request_(request),
        slots_(slots),
        days_(market, config_.from_open, config_.lag),
        exposures_(market, config_.resid),
        has_avail_(!is_all_missing(keys_.date_avail, keys_.n_rows)),
        given_(config_.from_open ? keys_.date_openret : keys_.date_ret),
        has_given_(!is_all_missing(given_, keys_.n_rows)) {}

  Alignment run() {
    const auto n_blocks = static_cast<std::size_t>((keys_.n_rows + kBlockRows - 1) / kBlockRows);
    block_hashes_.resize(2 * n_blocks);
    slots_.value.reserve(static_cast<std::size_t>(market_.snapshot().row_capacity()) + kBatch);
    if (exposures_.is_needed()) slots_.exposure_row.reserve(static_cast<std::size_t>(market_.snapshot().row_capacity()) + kBatch);
    scatter(request_.threads);
    // The last of several rows on one slot wins; which that is only one thread can tell.
    if (request_.threads > 1 && counts_.causes[static_cast<int>(Cause::duplicate)].count > 0) scatter(1);
    refuse_bad_rows();
    Alignment out;
    out.counts = counts_;
    const std::uint64_t shape[3] = {static_cast<std::uint64_t>(keys_.n_rows), has_avail_, has_given_};
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, shape, sizeof shape);
    XXH3_128bits_update(&state, block_hashes_.data(), block_hashes_.size() * sizeof block_hashes_[0]);
    const XXH128_hash_t hash = XXH3_128bits_digest(&state);
    out.rows_hash = {hash.high64, hash.low64};
    return out;
  }

 private:
  void scatter(int threads) {
    clear(threads);
    bad_position_ = {};
    const auto n_blocks = static_cast<int>((keys_.n_rows + kBlockRows - 1) / kBlockRows);
    const int n_slots = std::max(1, threads);
    std::vector<AlignCounts> counts(static_cast<std::size_t>(n_slots));
    std::vector<BlockBuffers> buffers(static_cast<std::size_t>(n_slots));
    parallel_for(
        threads, n_blocks,
        [&](int task, int slot) {
          const std::int64_t begin = task * kBlockRows;
          align_block(begin, std::min(kBlockRows, keys_.n_rows - begin), buffers[static_cast<std::size_t>(slot)],
                      counts[static_cast<std::size_t>(slot)]);
        },
        request_.between);
    counts_ = {};
    for (const AlignCounts& part : counts) counts_.merge(part);
  }

  void clear(int threads) {
    const auto begin = static_cast<std::size_t>(market_.row_begin(market_.first()));
    const auto end = static_cast<std::size_t>(market_.row_end(market_.last()));
    double* const slot = slots_.value.data();
    const auto n_tasks = static_cast<int>((end - begin + kClearSlots - 1) / kClearSlots);
    parallel_for(
        threads, n_tasks,
        [&](int task, int) {
          const std::size_t from = begin + static_cast<std::size_t>(task) * kClearSlots;
          std::fill(slot + from, slot + std::min(end, from + kClearSlots), kEmptySlot);
        },
        request_.between);
    mark_closed_slots(market_, config_, threads, slot, request_.between);
  }

  void align_block(std::int64_t begin, std::int64_t count, BlockBuffers& block, AlignCounts& counts) {
    const auto n = static_cast<std::size_t>(count);
    block.sig.resize(n);
    block.r.resize(n);
    block.at.resize(n);
    if (exposures_.is_needed()) block.security.resize(n);
    read_signal_days(keys_.date_sig, begin, count, block.sig.data());
    if (has_avail_) {
      block.avail.resize(n);
      read_signal_micros(keys_.date_avail, begin, count, block.avail.data());
    }
    if (has_given_) {
      block.given.resize(n);
      read_signal_days(given_, begin, count, block.given.data());
    }
    const double* const values = request_.values + begin;
    const std::int64_t* const ids = keys_.security_id + begin;
    hash_block(begin, n, ids, values, block);
    if (has_avail_ || has_given_)
      resolve_dates(begin, count, ids, block, counts);
    else
      for (std::size_t i = 0; i < n; ++i) block.r[i] = days_.from_date_sig(block.sig[i]);
    find_slots(begin, count, ids, values, block, counts);
    write_slots(begin, count, values, block, counts);
  }

  /// Equal rows hash equal whatever types they came in: days, microseconds, one NaN.
  void hash_block(std::int64_t begin, std::size_t n, const std::int64_t* ids, const double* values, BlockBuffers& block) {
    bool has_nan = false;
    for (std::size_t i = 0; i < n; ++i) has_nan |= values[i] != values[i];
    const double* hashed = values;
    if (has_nan) {
      block.values.resize(n);
      for (std::size_t i = 0; i < n; ++i) block.values[i] = values[i] == values[i] ? values[i] : kEmptySlot;
      hashed = block.values.data();
    }
    XXH128_hash_t parts[5] = {};
    parts[0] = XXH3_128bits(ids, n * sizeof *ids);
    parts[1] = XXH3_128bits(block.sig.data(), n * sizeof(Day));
    parts[2] = XXH3_128bits(hashed, n * sizeof *hashed);
    if (has_avail_) parts[3] = XXH3_128bits(block.avail.data(), n * sizeof(std::int64_t));
    if (has_given_) parts[4] = XXH3_128bits(block.given.data(), n * sizeof(Day));
    const XXH128_hash_t hash = XXH3_128bits(parts, sizeof parts);
    const auto at = 2 * static_cast<std::size_t>(begin / kBlockRows);
    block_hashes_[at] = hash.high64;
    block_hashes_[at + 1] = hash.low64;
  }

  void resolve_dates(std::int64_t begin, std::int64_t count, const std::int64_t* ids, BlockBuffers& block, AlignCounts& counts) {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (ids[i] == kMissingId || block.sig[at] == kMissingDay) continue;
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

  /// Rule 7 up to the calendar: where each row's place in row_of is, or why it has none.
  void find_slots(std::int64_t begin, std::int64_t count, const std::int64_t* ids, const double* values, BlockBuffers& block,
                  AlignCounts& counts) {
    const SecurityRange* const ranges = market_.ranges().data();
    const Day* const sig = block.sig.data();
    const DateIndex* const r = block.r.data();
    std::int32_t* const at = block.at.data();
    std::int64_t id_now = kMissingId;
    SecurityRange range{0, 0, 0, 0};
    SecurityIndex security = -1;
    bool is_known = false;
    const bool with_exposures = exposures_.is_needed();
    for (std::int64_t i = 0; i < count; ++i) {
      if (ids[i] != id_now) {
        id_now = ids[i];
        security = market_.find_security(id_now);
        is_known = security >= 0;
        if (is_known) range = ranges[security];
      }
      if (with_exposures) block.security[static_cast<std::size_t>(i)] = security;
      const double value = values[i];
      const auto offset = static_cast<std::uint32_t>(r[i] - range.first);
      // One test for the rows that have a place; the causes are told apart behind it.
      if (is_known && r[i] >= 0 && offset < static_cast<std::uint32_t>(range.length) && std::isfinite(value) &&
          id_now != kMissingId && sig[i] != kMissingDay) {
        at[i] = range.begin + static_cast<std::int32_t>(offset);
        continue;
      }
      if (std::isinf(value)) counts.infinite.add(begin + i);
      Cause cause = Cause::no_return;
      if (id_now == kMissingId || sig[i] == kMissingDay)
        cause = Cause::null_key;
      else if (value != value)
        cause = Cause::null_signal;
      else if (!is_known)
        cause = Cause::unknown_security;
      else if (r[i] < 0)
        cause = Cause::outside_dates;
      at[i] = -1 - static_cast<std::int32_t>(cause);
      counts.causes[static_cast<std::size_t>(cause)].add(begin + i);
    }
  }

  void write_slots(std::int64_t begin, std::int64_t count, const double* values, const BlockBuffers& block, AlignCounts& counts) {
    const RowIndex* const row_of = market_.row_of();
    double* const slot = slots_.value.data();
    const std::int32_t* const at = block.at.data();
    const bool check_positions = config_.input_type == InputType::position;
    RowIndex rows[kBatch], exposure_rows[kBatch] = {};
    for (std::int64_t from = 0; from < count; from += kBatch) {
      const int n = static_cast<int>(std::min<std::int64_t>(kBatch, count - from));
      for (int j = 0; j < n; ++j) {
        const std::int32_t place = at[from + j];
        rows[j] = place >= 0 ? row_of[place] : kNoRow - 1;
        __builtin_prefetch(slot + std::max(rows[j], 0), 1);
      }
      if (exposures_.is_needed()) find_exposures(from, n, block, rows, exposure_rows);
      for (std::int64_t j = from + kBatch; j < std::min(count, from + 2 * kBatch); ++j)
        __builtin_prefetch(row_of + std::max(at[j], 0));
      for (int j = 0; j < n; ++j) {
        const std::int64_t i = from + j;
        if (rows[j] < 0) {
          if (rows[j] == kNoRow) drop(Cause::no_return, begin + i, counts);
          continue;
        }
        const double value = values[i] + 0.0;  // -0 is 0
        if (check_positions && value != 0.0 && value != 1.0 && value != -1.0) {
          const std::lock_guard lock(mutex_);
          bad_position_.add(begin + i);
        }
        write(begin + i, rows[j], value, exposure_rows[j], counts);
      }
    }
  }

  /// Rows of exposures for a batch; what they hold is asked for before it is looked at.
  void find_exposures(std::int64_t from, int n, const BlockBuffers& block, const RowIndex* rows, RowIndex* exposure_rows) const {
    for (int j = 0; j < n; ++j) {
      const auto i = static_cast<std::size_t>(from + j);
      exposure_rows[j] = rows[j] < 0 ? kNoRow : exposures_.find_row(block.security[i], block.sig[i]);
      if (exposure_rows[j] != kNoRow) exposures_.prefetch(exposure_rows[j]);
    }
  }

  void write(std::int64_t i, RowIndex row, double value, RowIndex exposure_row, AlignCounts& counts) {
    const std::atomic_ref<double> slot(slots_.value[static_cast<std::size_t>(row)]);
    const double before = slot.load(std::memory_order_relaxed);
    const SlotState state = slot_state(before);
    if (state == SlotState::outside) return drop(Cause::outside_universe, i, counts);
    if (exposures_.is_needed() && (exposure_row == kNoRow || !exposures_.is_complete(exposure_row)))
      return drop(Cause::no_exposure, i, counts);
    if (state == SlotState::bad_open) {
      // The last of several rows here is a bad print, those before it are duplicates.
      double expected = before;
      const bool is_first = slot.compare_exchange_strong(expected, kBadOpenTakenSlot);
      return drop(is_first ? Cause::bad_open_print : Cause::duplicate, i, counts);
    }
    if (state == SlotState::bad_open_taken) return drop(Cause::duplicate, i, counts);
    if (state == SlotState::used)
      drop(Cause::duplicate, i, counts);
    else
      ++counts.rows_used;
    slot.store(value, std::memory_order_relaxed);
    if (exposures_.is_needed())
      std::atomic_ref(slots_.exposure_row[static_cast<std::size_t>(row)]).store(exposure_row, std::memory_order_relaxed);
  }

  static void drop(Cause cause, std::int64_t row, AlignCounts& counts) {
    counts.causes[static_cast<std::size_t>(cause)].add(row);
  }

  [[noreturn]] void refuse(ErrorCode code, const std::string& expected, const CauseCount& bad,
                           const std::string& what_to_do) const {
    const RowExample example = describe_row(keys_, bad.rows[0]);
    throw Error(code, "expected " + expected + ", found " + std::to_string(bad.count) + (bad.count == 1 ? " row" : " rows") +
                          " that break it; the first is row " + std::to_string(example.row) + " (security_id " +
                          std::to_string(example.security_id) + ", date_sig " + example.date_sig + "). " + what_to_do);
  }

  void refuse_bad_rows() const {
    if (counts_.infinite.count > 0)
      refuse(ErrorCode::INFINITE_SIGNAL, "finite signal values", counts_.infinite,
             "Clip them, or make them NaN, which drops the row.");
    if (counts_.impossible.count > 0)
      refuse(ErrorCode::IMPOSSIBLE_DATES, "a return day after date_sig and a date_avail not before date_sig", counts_.impossible,
             "Correct date_avail, date_ret or date_openret, or leave the column out.");
    if (config_.lookahead == Lookahead::error && counts_.trade_before_avail.count > 0)
      refuse(ErrorCode::TRADE_BEFORE_AVAIL, "trades on or after date_avail", counts_.trade_before_avail,
             "Correct the return day, raise lag, or pass lookahead=\"warn\".");
    if (bad_position_.count > 0)
      refuse(ErrorCode::INVALID_POSITION, "positions -1, 0 or 1 (input_type=\"position\")", bad_position_,
             "Pass input_type=\"weight\" or \"value\" for other numbers.");
  }

  const Market& market_;
  const SignalKeys& keys_;
  const RunConfig& config_;
  const AlignRequest& request_;
  Slots& slots_;
  ReturnDays days_;
  ExposureRows exposures_;
  bool has_avail_;
  DateColumn given_;
  bool has_given_;
  AlignCounts counts_;
  std::vector<std::uint64_t> block_hashes_;
  std::mutex mutex_;
  CauseCount bad_position_;
};

}  // namespace

void CauseCount::add(std::int64_t row) noexcept {
  ++count;
  if (rows.back() >= 0 && row >= rows.back()) return;
  rows.back() = row;
  for (std::size_t i = rows.size() - 1; i > 0; --i)
    if (rows[i - 1] < 0 || rows[i - 1] > rows[i]) std::swap(rows[i - 1], rows[i]);
}

void CauseCount::merge(const CauseCount& other) noexcept {
  const std::int64_t total = count + other.count;
  for (const std::int64_t row : other.rows)
    if (row >= 0) add(row);
  count = total;
}

void AlignCounts::merge(const AlignCounts& other) noexcept {
  for (std::size_t i = 0; i < causes.size(); ++i) causes[i].merge(other.causes[i]);
  impossible.merge(other.impossible);
  infinite.merge(other.infinite);
  trade_before_avail.merge(other.trade_before_avail);
  return_day_rolled += other.return_day_rolled;
  rows_used += other.rows_used;
  rows_carried += other.rows_carried;
}

Alignment align(const Market& market, const AlignRequest& request, Slots& slots) { return Aligner(market, request, slots).run(); }

std::int64_t carry(const Market& market, int hold_days, int threads, bool with_exposures, Slots& slots) {
  constexpr int kSecuritiesPerTask = 64;
  const auto n_securities = static_cast<int>(market.ranges().size());
  std::atomic<std::int64_t> carried{0};
  parallel_for(threads, (n_securities + kSecuritiesPerTask - 1) / kSecuritiesPerTask, [&](int task, int) {
    std::int64_t copies = 0;
    const int end = std::min(n_securities, (task + 1) * kSecuritiesPerTask);
    for (int security = task * kSecuritiesPerTask; security < end; ++security) {
      const SecurityRange& range = market.ranges()[static_cast<std::size_t>(security)];
      const DateIndex from = std::max(range.first, market.first());
      const DateIndex to = std::min(range.first + range.length - 1, market.last());
      double value = kEmptySlot;
      RowIndex exposure_row = kNoRow;
      std::int64_t until = -1;  // last day that the newest used row stands for
      for (DateIndex n = from; n <= to; ++n) {
        const RowIndex row = market.row_of()[range.begin + (n - range.first)];
        if (row == kNoRow) continue;
        double& slot = slots.value[static_cast<std::size_t>(row)];
        const SlotState state = slot_state(slot);
        if (state == SlotState::used) {
          value = slot;
          until = std::int64_t{n} + hold_days - 1;
          if (with_exposures) exposure_row = slots.exposure_row[static_cast<std::size_t>(row)];
        } else if (state == SlotState::empty && n <= until) {
          slot = value;
          if (with_exposures) slots.exposure_row[static_cast<std::size_t>(row)] = exposure_row;
          ++copies;
        }
      }
    }
    carried += copies;
  });
  return carried;
}

RowExample describe_row(const SignalKeys& keys, std::int64_t row) {
  Day day = kMissingDay;
  read_signal_days(keys.date_sig, row, 1, &day);
  return {row, keys.security_id[row], day == kMissingDay ? "missing" : format_day(day)};
}

}  // namespace fractile
