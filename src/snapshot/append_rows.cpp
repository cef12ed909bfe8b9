// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/append_rows.hpp"

#include <algorithm>
#include <utility>

namespace fractile {
namespace {

/// Calls visit(row, n) for every row of a snapshot or an index, ascending.
template <class Rows, class Visit>
void each_row(const Rows& begin, const Rows& end, Visit&& visit) {
  for (std::size_t n = 0; n < begin.size(); ++n)
    for (RowIndex row = begin[n]; row < end[n]; ++row) visit(row, n);
}

/// Ids by row. A file that is cut while it is read gives zeros, which are places too.
class ParentIds {
 public:
  explicit ParentIds(const Snapshot& parent) : ids_(parent.security_ids()), security_(parent.security_of_row()) {}
  std::int64_t operator[](RowIndex row) const noexcept {
    const auto security = static_cast<std::size_t>(security_[static_cast<std::size_t>(row)]);
    return ids_[std::min(security, ids_.size() - 1)];
  }

 private:
  std::span<const std::int64_t> ids_;
  std::span<const SecurityIndex> security_;
};

/// By row of the panel: the parent's row of the same day and security, or kNoRow. Securities ascend in both.
std::vector<RowIndex> find_in_parent(const Snapshot& parent, const PanelIndex& panel) {
  const ParentIds ids(parent);
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
      const std::int64_t id = panel.security_ids[static_cast<std::size_t>(panel.security_of_row[at])];
      while (row < end && ids[row] < id) ++row;
      if (row < end && ids[row] == id) out[at] = row;
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

/// The segment of a row; rows are asked for in nearly ascending order.
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

}  // namespace

AppendRows merge_rows(const Snapshot& parent, const PanelIndex& panel) {
  const std::vector<RowIndex> in_parent = find_in_parent(parent, panel);
  const Snapshot::Impl& old = Snapshot::Impl::of(parent);
  AppendRows out;
  PanelKeys keys;
  const ParentIds ids(parent);
  const auto reserve = static_cast<std::size_t>(parent.n_rows()) + in_parent.size();
  keys.security_id.reserve(reserve);
  keys.date.reserve(reserve);
  each_row(old.row_begin, old.row_end, [&](RowIndex row, std::size_t n) {
    keys.security_id.push_back(ids[row]);
    keys.date.push_back(old.dates[n]);
  });
  each_row(panel.row_begin, panel.row_end, [&](RowIndex row, std::size_t n) {
    const auto at = static_cast<std::size_t>(row);
    if (in_parent[at] != kNoRow) return;
    keys.security_id.push_back(panel.security_ids[static_cast<std::size_t>(panel.security_of_row[at])]);
    keys.date.push_back(panel.dates[n]);
    ++out.n_added;
  });
  out.index = build_index(std::move(keys));
  out.segments = lay_out(out.index.segments);

  // A segment is kept where all its rows, and no others, are those of the parent's segment of the same number.
  const std::vector<RowIndex>& row_of_source = out.index.row_of_source;
  std::vector<std::int64_t> stayed(out.segments.size(), 0);
  const std::vector<SegmentRows> old_segments = lay_out(old.manifest.segments);
  SegmentFinder find_new(out.segments), find_old(old_segments);
  std::size_t source = 0;
  each_row(old.row_begin, old.row_end, [&](RowIndex row, std::size_t) {
    const std::size_t s = find_new(row_of_source[source++]);
    stayed[s] += s == find_old(row);
  });
  for (std::size_t s = 0; s < out.segments.size(); ++s) {
    out.segments[s].is_kept = s < old_segments.size() && stayed[s] == out.index.segments[s].rows &&
                              stayed[s] == old.manifest.segments[s].rows;
    if (out.segments[s].is_kept) out.segments[s].parent_begin = old_segments[s].begin;
  }

  const auto fill = [](SegmentRows& segment) {
    if (segment.has_panel_rows()) return;
    segment.panel_row.assign(segment.size(), kNoRow);
    if (!segment.is_kept) segment.parent_row.assign(segment.size(), kNoRow);
  };
  for (SegmentRows& segment : out.segments)
    if (!segment.is_kept) fill(segment);
  source = 0;
  std::vector<RowIndex> new_row_of_old(static_cast<std::size_t>(parent.row_capacity()), kNoRow);
  each_row(old.row_begin, old.row_end, [&](RowIndex row, std::size_t) {
    const RowIndex to = row_of_source[source++];
    new_row_of_old[static_cast<std::size_t>(row)] = to;
    SegmentRows& segment = out.segments[find_new(to)];
    if (!segment.is_kept) segment.parent_row[static_cast<std::size_t>(to - segment.begin)] = row;
  });
  each_row(panel.row_begin, panel.row_end, [&](RowIndex row, std::size_t) {
    const RowIndex before = in_parent[static_cast<std::size_t>(row)];
    const RowIndex to = before == kNoRow ? row_of_source[source++] : new_row_of_old[static_cast<std::size_t>(before)];
    SegmentRows& segment = out.segments[find_new(to)];
    fill(segment);
    segment.panel_row[static_cast<std::size_t>(to - segment.begin)] = row;
  });
  return out;
}

}  // namespace fractile
