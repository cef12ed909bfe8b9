// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/append_rows.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fractile {
namespace {

/// Calls visit(row, n) for every row of a snapshot or an index, ascending.
template <class Rows, class Visit>
void each_row(const Rows& begin, const Rows& end, Visit&& visit) {
  for (std::size_t n = 0; n < begin.size(); ++n)
    for (RowIndex row = begin[n]; row < end[n]; ++row) visit(row, n);
}

/// The ids of both panels as integers in one order: the ids themselves, or the places of texts among the texts of both.
class CommonIds {
 public:
  CommonIds(const Snapshot& parent, const PanelIndex& panel) : security_(parent.security_of_row()) {
    if (parent.id_type() == IdType::integer) {
      const auto ids = parent.security_ids();
      parent_.assign(ids.begin(), ids.end());
      panel_ = panel.security_ids;
      return;
    }
    const auto old = parent.security_texts();
    const std::vector<std::string_view> fresh(panel.security_texts.begin(), panel.security_texts.end());
    std::vector<std::string_view> both;
    std::set_union(old.begin(), old.end(), fresh.begin(), fresh.end(), std::back_inserter(both));
    texts_.assign(both.begin(), both.end());
    const auto place = [&](std::string_view text) {
      return static_cast<std::int64_t>(std::lower_bound(texts_.begin(), texts_.end(), text) - texts_.begin());
    };
    std::transform(old.begin(), old.end(), std::back_inserter(parent_), place);
    std::transform(fresh.begin(), fresh.end(), std::back_inserter(panel_), place);
  }
  /// The id of a parent's row. A file that is cut while it is read yields zeros, which are valid places too.
  std::int64_t of_parent(RowIndex row) const noexcept {
    const auto security = static_cast<std::size_t>(security_[static_cast<std::size_t>(row)]);
    return parent_[std::min(security, parent_.size() - 1)];
  }
  std::int64_t of_panel(SecurityIndex security) const noexcept { return panel_[static_cast<std::size_t>(security)]; }
  /// Ascending; empty if ids are integers.
  const std::vector<std::string>& texts() const noexcept { return texts_; }

 private:
  std::span<const SecurityIndex> security_;
  std::vector<std::int64_t> parent_, panel_;  // by SecurityIndex
  std::vector<std::string> texts_;
};

/// For each row of the panel, the parent's row of the same day and security, or kNoRow. Securities ascend in both.
std::vector<RowIndex> find_in_parent(const Snapshot& parent, const PanelIndex& panel, const CommonIds& ids) {
  const auto dates = parent.dates();
  std::vector<RowIndex> out(panel.security_of_row.size(), kNoRow);
  for (std::size_t d = 0; d < panel.dates.size(); ++d) {
    const auto day = std::lower_bound(dates.begin(), dates.end(), panel.dates[d]);
    if (day == dates.end() || *day != panel.dates[d]) continue;
    const auto n = static_cast<DateIndex>(day - dates.begin());
    RowIndex row = parent.row_begin(n);
    const RowIndex end = parent.row_end(n);
    for (RowIndex fresh = panel.row_begin[d]; fresh < panel.row_end[d]; ++fresh) {
      const auto at = static_cast<std::size_t>(fresh);
      const std::int64_t id = ids.of_panel(panel.security_of_row[at]);
      while (row < end && ids.of_parent(row) < id) ++row;
      if (row < end && ids.of_parent(row) == id) out[at] = row;
    }
  }
  return out;
}

std::vector<SegmentRows> lay_out(const std::vector<SegmentInfo>& segments) {
  std::vector<SegmentRows> out;
  RowIndex at = 0;
  for (const SegmentInfo& segment : segments) {
    SegmentRows rows;
    rows.begin = at;
    rows.end = at += static_cast<RowIndex>(segment.rows_padded);
    out.push_back(std::move(rows));
  }
  return out;
}

/// Finds the segment of a row, efficiently for rows in nearly ascending order.
class SegmentFinder {
 public:
  explicit SegmentFinder(const std::vector<SegmentRows>& segments) : segments_(segments) {}
  std::size_t operator()(RowIndex row) noexcept {
    while (row >= segments_[at_].end) ++at_;
    while (row < segments_[at_].begin) --at_;
    return at_;
  }

 private:
  const std::vector<SegmentRows>& segments_;
  std::size_t at_ = 0;
};

/// Merges the rows of both panels, step by step.
class RowMerger {
 public:
  RowMerger(const Snapshot& parent, const PanelIndex& panel)
      : parent_(parent),
        old_(Snapshot::Impl::of(parent)),
        panel_(panel),
        old_segments_(lay_out(old_.manifest.segments)),
        ids_(parent, panel),
        in_parent_(find_in_parent(parent, panel, ids_)) {}

  AppendRows merge() {
    out_.index = build_index(collect_keys());
    out_.segments = lay_out(out_.index.segments);
    find_kept();
    fill_from_parent();
    fill_from_panel();
    return std::move(out_);
  }

 private:
  /// The parent's rows in order, then the rows that only the panel has.
  PanelKeys collect_keys() {
    PanelKeys keys;
    const auto most = static_cast<std::size_t>(parent_.n_rows()) + in_parent_.size();
    keys.security_id.reserve(most);
    keys.date.reserve(most);
    each_row(old_.row_begin, old_.row_end, [&](RowIndex row, std::size_t n) {
      keys.security_id.push_back(ids_.of_parent(row));
      keys.date.push_back(old_.dates[n]);
    });
    each_row(panel_.row_begin, panel_.row_end, [&](RowIndex row, std::size_t n) {
      const auto at = static_cast<std::size_t>(row);
      if (in_parent_[at] != kNoRow) return;
      keys.security_id.push_back(ids_.of_panel(panel_.security_of_row[at]));
      keys.date.push_back(panel_.dates[n]);
      ++out_.n_added;
    });
    keys.texts = ids_.texts();
    return keys;
  }

  /// Marks the unchanged segments: those with exactly the rows of the parent's segment of the same number.
  void find_kept() {
    std::vector<std::int64_t> stayed(out_.segments.size(), 0);
    SegmentFinder find_new(out_.segments), find_old(old_segments_);
    std::size_t source = 0;
    each_row(old_.row_begin, old_.row_end, [&](RowIndex row, std::size_t) {
      const std::size_t s = find_new(out_.index.row_of_source[source++]);
      stayed[s] += s == find_old(row);
    });
    for (std::size_t s = 0; s < std::min(out_.segments.size(), old_segments_.size()); ++s) {
      SegmentRows& segment = out_.segments[s];
      segment.is_kept = stayed[s] == out_.index.segments[s].rows && stayed[s] == old_.manifest.segments[s].rows;
      if (segment.is_kept) segment.parent_begin = old_segments_[s].begin;
    }
  }

  void fill_from_parent() {
    for (SegmentRows& segment : out_.segments) {
      if (segment.is_kept) continue;
      segment.parent_row.assign(segment.size(), kNoRow);
      segment.panel_row.assign(segment.size(), kNoRow);
    }
    SegmentFinder find_new(out_.segments);
    new_row_of_old_.assign(static_cast<std::size_t>(parent_.row_capacity()), kNoRow);
    std::size_t source = 0;
    each_row(old_.row_begin, old_.row_end, [&](RowIndex row, std::size_t) {
      const RowIndex to = out_.index.row_of_source[source++];
      new_row_of_old_[static_cast<std::size_t>(row)] = to;
      SegmentRows& segment = out_.segments[find_new(to)];
      if (!segment.is_kept) segment.parent_row[static_cast<std::size_t>(to - segment.begin)] = row;
    });
  }

  void fill_from_panel() {
    SegmentFinder find_new(out_.segments);
    auto source = static_cast<std::size_t>(parent_.n_rows());
    each_row(panel_.row_begin, panel_.row_end, [&](RowIndex row, std::size_t) {
      const RowIndex before = in_parent_[static_cast<std::size_t>(row)];
      const RowIndex to =
          before == kNoRow ? out_.index.row_of_source[source++] : new_row_of_old_[static_cast<std::size_t>(before)];
      SegmentRows& segment = out_.segments[find_new(to)];
      if (!segment.has_panel_rows()) segment.panel_row.assign(segment.size(), kNoRow);
      segment.panel_row[static_cast<std::size_t>(to - segment.begin)] = row;
    });
  }

  const Snapshot& parent_;
  const Snapshot::Impl& old_;
  const PanelIndex& panel_;
  const std::vector<SegmentRows> old_segments_;
  const CommonIds ids_;
  const std::vector<RowIndex> in_parent_;  // by row of the panel
  std::vector<RowIndex> new_row_of_old_;   // by row of the parent
  AppendRows out_;
};

}  // namespace

AppendRows merge_rows(const Snapshot& parent, const PanelIndex& panel) { return RowMerger(parent, panel).merge(); }

}  // namespace fractile
