// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/loaded_snapshot.hpp"

#include <chrono>

namespace fractile::server {

void SnapshotHolder::load() {
  const auto began = std::chrono::steady_clock::now();
  const std::string id = options_.snapshot ? *options_.snapshot : newest_snapshot(options_.root);
  const Storage storage = options_.compact ? Storage::float32 : Storage::float64;
  const auto snapshot = Snapshot::open(options_.root, id, Verify::layout, options_.residence, storage);
  const View view = make_view(snapshot, options_.start, options_.end, options_.compact);
  const auto loaded = std::make_shared<LoadedSnapshot>(view, options_.cache_size);
  loaded->id = id;
  loaded->n_dates = view.last - view.first + 1;
  for (DateIndex n = view.first; n <= view.last; ++n) loaded->n_rows += view.snapshot->row_end(n) - view.snapshot->row_begin(n);
  loaded->load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  set(loaded);
}

}  // namespace fractile::server
