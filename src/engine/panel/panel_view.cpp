// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/panel_view.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/panel/grouped_days.hpp"
#include "fractile/error.hpp"
#include "types/nearest.hpp"

namespace fractile {
namespace {

std::string label_of(double value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value)).ptr;
  return {text, end};
}

}  // namespace

namespace {

template <class Visit>
void visit_rows(const Snapshot& snapshot, const Visit& visit) {
  const auto n_dates = static_cast<DateIndex>(snapshot.dates().size());
  for (DateIndex n = 0; n < n_dates; ++n)
    for (RowIndex row = snapshot.row_begin(n), end = snapshot.row_end(n); row < end; ++row) visit(row);
}

void refuse_many_groups(std::size_t found, const ColumnInfo& column) {
  if (found > static_cast<std::size_t>(kMaxGroups))
    throw Error(ErrorCode::INVALID_BYVAR, "expected a byvar with at most " + std::to_string(kMaxGroups) +
                                              " different values, found more in column \"" + column.name +
                                              "\". Group by a coarser category.");
}

}  // namespace

Category::Category(const Snapshot& snapshot, const ColumnInfo& column, const Reals& reals) {
  if (column.kind == ColumnKind::text) {
    number_texts(snapshot, column);
  } else if (column.kind == ColumnKind::integer) {
    number_codes(snapshot, column);
  } else {
    reals_ = reals;
    visit_rows(snapshot, [&](RowIndex row) {
      const double value = reals_[row];
      if (value != value) return;
      if (value != std::floor(value) || std::fabs(value) > 9007199254740992.0)
        throw Error(ErrorCode::INVALID_BYVAR, "expected a byvar of whole numbers or text, found other numbers in column \"" +
                                                  column.name + "\". Group by a category, or make bins of it in the panel.");
      if (values_.empty() || values_.back() != value) values_.push_back(value);
    });
  }
  std::sort(values_.begin(), values_.end());
  values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  refuse_many_groups(values_.size(), column);
  for (const double value : values_) labels_.push_back(label_of(value));
}

/// Groups in the order of their texts.
void Category::number_texts(const Snapshot& snapshot, const ColumnInfo& column) {
  codes_ = snapshot.codes(column.name);
  const auto& texts = snapshot.dictionary(column.name);
  refuse_many_groups(texts.size(), column);
  std::vector<std::int32_t> order(texts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return texts[static_cast<std::size_t>(a)] < texts[static_cast<std::size_t>(b)];
  });
  table_.resize(texts.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    table_[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    labels_.push_back(texts[static_cast<std::size_t>(order[i])]);
  }
}

/// Groups in the order of their codes: through a table if the codes are dense, else collected in values_.
void Category::number_codes(const Snapshot& snapshot, const ColumnInfo& column) {
  codes_ = snapshot.codes(column.name);
  std::int64_t low = INT64_MAX, high = INT64_MIN;
  visit_rows(snapshot, [&](RowIndex row) {
    const std::int64_t code = codes_[row];
    if (code == kMissingCode) return;
    low = std::min(low, code);
    high = std::max(high, code);
  });
  if (high < low) return;  // the column has no value
  lowest_ = low;
  constexpr std::int64_t kLargestTable = std::int64_t{1} << 22;
  if (high - low >= kLargestTable) {
    visit_rows(snapshot, [&](RowIndex row) {
      if (codes_[row] != kMissingCode && (values_.empty() || values_.back() != codes_[row])) values_.push_back(codes_[row]);
    });
    return;
  }
  table_.assign(static_cast<std::size_t>(high - low + 1), -1);
  visit_rows(snapshot, [&](RowIndex row) {
    const auto at = static_cast<std::size_t>(std::int64_t{codes_[row]} - low);
    if (codes_[row] != kMissingCode && at < table_.size()) table_[at] = 0;
  });
  std::int32_t next = 0;
  for (std::size_t i = 0; i < table_.size(); ++i)
    if (table_[i] == 0) {
      table_[i] = next++;
      labels_.push_back(std::to_string(static_cast<std::int64_t>(i) + low));
    }
  refuse_many_groups(labels_.size(), column);
}

void Category::read_groups(std::span<const RowIndex> rows, std::int32_t* out) const noexcept {
  if (!codes_ || table_.empty()) {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = rows[i] == kNoRow ? -1 : group_of(rows[i]);
    return;
  }
  const std::int32_t* const codes = codes_;
  const std::int32_t* const table = table_.data();
  const std::size_t size = table_.size();
  const std::int64_t lowest = lowest_;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // A missing code is below all others. A code outside the table has changed on disk since the table was made.
    const std::int32_t code = rows[i] == kNoRow ? kMissingCode : codes[rows[i]];
    const auto at = static_cast<std::size_t>(code - lowest);
    out[i] = at < size ? table[at] : -1;
  }
}

int Category::find(double value) const noexcept {
  const auto at = std::lower_bound(values_.begin(), values_.end(), value);
  return at != values_.end() && *at == value ? static_cast<int>(at - values_.begin()) : -1;
}

PanelView::PanelView(View view) : view_(std::move(view)) {
  const Snapshot& snap = *view_.snapshot;
  dates_ = snap.dates();
  for (DateIndex n = 0; n < n_dates(); ++n) {
    row_begin_.push_back(snap.row_begin(n));
    row_end_.push_back(snap.row_end(n));
  }
  const auto n_calendar = static_cast<std::size_t>(dates_.back() - dates_.front()) + 1;
  on_or_after_.resize(n_calendar);
  DateIndex n = 0;
  for (std::size_t c = 0; c < n_calendar; ++c) {
    if (dates_[static_cast<std::size_t>(n)] < dates_.front() + static_cast<Day>(c)) ++n;
    on_or_after_[c] = n;
  }
  const auto ids = snap.security_ids();
  lowest_id_ = ids.front();
  const std::uint64_t span = static_cast<std::uint64_t>(ids.back()) - static_cast<std::uint64_t>(ids.front());
  // A table by id if ids are dense enough for the table to stay in cache; otherwise a binary search.
  if (span < std::max<std::uint64_t>(std::uint64_t{1} << 16, 256 * ids.size()) && span < (std::uint64_t{1} << 24)) {
    dense_ids_.assign(static_cast<std::size_t>(span) + 1, -1);
    for (std::size_t i = 0; i < ids.size(); ++i)
      dense_ids_[static_cast<std::size_t>(ids[i] - lowest_id_)] = static_cast<SecurityIndex>(i);
  }
  ranges_.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const DateIndex first_day = snap.first_day()[i];
    ranges_[i] = {snap.row_of_begin()[i], first_day, snap.last_day()[i] - first_day + 1, 0};
  }
  n_rows_ = snap.row_capacity();
  row_of_ = snap.row_of().data();
  previous_row_ = snap.previous_row().data();
  security_of_row_ = snap.security_of_row().data();
}

DateIndex PanelView::on_or_after(Day day) const noexcept {
  if (day <= dates_.front()) return 0;
  if (day > dates_.back()) return n_dates();
  return on_or_after_[static_cast<std::size_t>(day - dates_.front())];
}

DateIndex PanelView::day_of_row(RowIndex row) const noexcept {
  DateIndex low = 0, high = n_dates() - 1;
  while (low < high) {
    const DateIndex middle = (low + high + 1) / 2;
    if (row_begin(middle) <= row)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

SecurityIndex PanelView::find_sparse(std::int64_t id) const noexcept {
  const auto ids = snapshot().security_ids();
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  return at != ids.end() && *at == id ? static_cast<SecurityIndex>(at - ids.begin()) : -1;
}

Reals PanelView::reals(std::string_view name) const {
  const bool narrow_first = view_.storage == Storage::float32;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if ((attempt == 0) == narrow_first) {
      if (const auto column = snapshot().real<float>(name)) return {column.data, static_cast<std::size_t>(column.stride), false};
    } else if (const auto column = snapshot().real<double>(name)) {
      return {column.data, static_cast<std::size_t>(column.stride), true};
    }
  }
  return {};
}

ExposureBlock PanelView::exposure_block() const {
  for (std::size_t k = 0; k < std::size(kExposures); ++k)
    if (const Reals one = reals(kExposures[k])) {
      // Each exposure has a fixed place in the block, even if the snapshot lacks others.
      if (one.wide) return {static_cast<const double*>(one.data) - k, true};
      return {static_cast<const float*>(one.data) - k, false};
    }
  return {};
}

Characteristic PanelView::characteristic(std::string_view name) const {
  const Reals column = reals(name);
  return column ? Characteristic{column, nullptr} : Characteristic{{}, snapshot().codes(name)};
}

Characteristic PanelView::number(std::string_view name, std::string_view option) const {
  const ColumnInfo* const column = snapshot().find_column(name);
  if (!column) return {};
  if (column->kind == ColumnKind::text)
    throw Error(ErrorCode::INVALID_VALUE, "expected numbers in the panel column \"" + std::string(name) + "\" (" +
                                              std::string(option) + " reads it), found texts. Store it as numbers.");
  return characteristic(name);
}

template <class Key, class Made, class Make>
std::shared_ptr<const Made> PanelView::find_or_make(std::map<Key, std::shared_ptr<const Made>>& made, const Key& key,
                                                    const Make& make) const {
  const std::lock_guard lock(mutex_);
  const auto found = made.find(key);
  // The entry is made after its value, so that a refused value leaves no entry.
  return found != made.end() ? found->second : made.emplace(key, make()).first->second;
}

std::shared_ptr<const Category> PanelView::category(const std::string& name) const {
  const ColumnInfo& column = require(name, "byvar_list");
  return find_or_make(categories_, name, [&] { return std::make_shared<const Category>(snapshot(), column, reals(name)); });
}

std::shared_ptr<const GroupedDays> PanelView::grouped_days(const std::string& category_name, CharacteristicsAsof asof) const {
  const std::shared_ptr<const Category> of = category(category_name);
  return find_or_make(grouped_days_, std::pair{category_name, asof},
                      [&] { return std::make_shared<const GroupedDays>(*this, *of, asof); });
}

std::shared_ptr<const CapClasses> PanelView::cap_classes() const {
  const std::lock_guard lock(mutex_);
  if (!cap_classes_) {
    const bool has_cap = snapshot().find_column("cap") != nullptr;
    cap_classes_ = std::make_shared<const CapClasses>(snapshot(), has_cap ? characteristic("cap") : Characteristic{});
  }
  return cap_classes_;
}

std::shared_ptr<const std::vector<std::uint64_t>> PanelView::complete_rows(
    Resid resid, const std::function<std::vector<std::uint64_t>()>& find) const {
  return find_or_make(complete_, resid, [&] { return std::make_shared<const std::vector<std::uint64_t>>(find()); });
}

std::shared_ptr<const std::vector<std::uint64_t>> PanelView::marked_rows(
    const std::string& key, const std::function<std::vector<std::uint64_t>()>& find) const {
  constexpr std::size_t kMostCached = 8;
  const std::lock_guard lock(mutex_);
  for (const auto& [known, rows] : marked_)
    if (known == key) return rows;
  if (marked_.size() == kMostCached) marked_.erase(marked_.begin());
  return marked_.emplace_back(key, std::make_shared<const std::vector<std::uint64_t>>(find())).second;
}

std::shared_ptr<const ReturnOrder> PanelView::return_order(
    const std::string& name, const std::function<std::shared_ptr<const ReturnOrder>()>& make) const {
  return find_or_make(return_orders_, name, make);
}

std::shared_ptr<const UnitRates> PanelView::unit_rates(double alpha,
                                                       const std::function<std::shared_ptr<const UnitRates>()>& make) const {
  const std::lock_guard lock(mutex_);
  if (!unit_rates_.second || unit_rates_.first != alpha) unit_rates_ = {alpha, make()};
  return unit_rates_.second;
}

std::shared_ptr<const MissingRows> PanelView::missing_rows(const std::string& name) const {
  return find_or_make(missing_, name, [&] {
    auto found = std::make_shared<MissingRows>();
    const auto collect = [&](const auto* values) {
      for (DateIndex n = first(); n <= last(); ++n) {
        found->begin.push_back(found->rows.size());
        for (RowIndex row = row_begin(n); row < row_end(n); ++row)
          if (values[row] != values[row]) found->rows.push_back(row);
      }
      found->begin.push_back(found->rows.size());
    };
    const Reals column = reals(name);
    if (column.wide)
      collect(static_cast<const double*>(column.data));
    else
      collect(static_cast<const float*>(column.data));
    return found;
  });
}

CapClasses::CapClasses(const Snapshot& snapshot, const Characteristic& cap)
    : by_row_(static_cast<std::size_t>(snapshot.row_capacity()) + 1, std::uint8_t{2}) {
  if (!cap) return;
  const RowIndex* const previous = snapshot.previous_row().data();
  const auto before = [previous](RowIndex row) { return previous[row] < row ? std::max(previous[row], kNoRow) : kNoRow; };
  std::uint8_t* const out = by_row_.data() + 1;
  for (DateIndex n = 0; n < static_cast<DateIndex>(snapshot.dates().size()); ++n)
    for (RowIndex row = snapshot.row_begin(n), end = snapshot.row_end(n); row < end; ++row) {
      const double value = cap[row];
      out[row] = value == 1.0 ? 0 : value == 2.0 ? 1 : value == value ? 2 : out[before(row)];
    }
}

const ColumnInfo& PanelView::require(std::string_view name, std::string_view why) const {
  if (const ColumnInfo* column = snapshot().find_column(name)) return *column;
  std::string found;
  std::vector<std::string_view> names;
  for (const ColumnInfo& column : snapshot().columns()) {
    found += (found.empty() ? "" : ", ") + column.name;
    names.push_back(column.name);
  }
  // Only a column that the user named can be misspelt, so only then a hint helps.
  const bool is_named = why == "byvar_list" || why == "double_var" || why == "universe" || why == "rank_within" ||
                        why == "breakpoints" || why == "factors";
  const std::string hint = is_named && !names.empty() ? " Did you mean \"" + nearest_name(name, names) + "\"?" : "";
  throw Error(ErrorCode::MISSING_PANEL_COLUMN, "expected a panel column \"" + std::string(name) + "\" (needed for " +
                                                   std::string(why) + "), found " + found + " in snapshot \"" + snapshot().id() +
                                                   "\"." + hint + " Add the column to the panel, or leave " + std::string(why) +
                                                   " out.");
}

View make_view(std::shared_ptr<const Snapshot> snapshot, std::optional<Day> start, std::optional<Day> end, bool compact) {
  const auto dates = snapshot->dates();
  View view;
  const auto begin = start ? std::lower_bound(dates.begin(), dates.end(), *start) : dates.begin();
  const auto stop = end ? std::upper_bound(dates.begin(), dates.end(), *end) : dates.end();
  if (begin >= stop)
    throw Error(ErrorCode::NO_TRADING_DAYS,
                "expected a date range with a trading day, found " + (start ? format_day(*start) : "the beginning") + " to " +
                    (end ? format_day(*end) : "the end") + " in snapshot \"" + snapshot->id() + "\", which holds " +
                    format_day(dates.front()) + " to " + format_day(dates.back()) + ". Choose start_date and end_date within.");
  view.first = static_cast<DateIndex>(begin - dates.begin());
  view.last = static_cast<DateIndex>(stop - dates.begin()) - 1;
  const ColumnInfo* ret = snapshot->find_column("ret");
  const bool has_wide = ret && ret->float64, has_narrow = ret && ret->float32;
  if (!compact && !has_wide)
    throw Error(ErrorCode::STORAGE_NOT_AVAILABLE,
                "expected float64 columns for compact=False, found float32 only in "
                "snapshot \"" +
                    snapshot->id() +
                    "\". Use compact=True, or create the snapshot with "
                    "--dtype float64 or both.");
  view.storage = compact && has_narrow ? Storage::float32 : Storage::float64;
  view.snapshot = std::move(snapshot);
  return view;
}

}  // namespace fractile
