// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>

namespace fractile {

/// A task: its number, and the number of the thread slot (0 ... threads-1) that runs it.
using TaskBody = std::function<void(int task, int slot)>;

/// Runs body(0 ... n_tasks-1) on up to `threads` threads: the caller's and those of one pool shared by
/// the whole process. Tasks are claimed in order; a slot runs one task at a time. Where the pool is
/// busy the caller does the work alone, so calls from many threads never wait for each other.
/// `poll` is called by the calling thread between its tasks and while it waits; what it or a
/// task throws ends the call once all started tasks have ended (the first exception is rethrown).
/// A forked child may call it too, when its parent forks between calls.
void parallel_for(int threads, int n_tasks, const TaskBody& body, const std::function<void()>& poll = {});

/// Threads that a run takes where none are asked for: those the machine has.
int default_threads() noexcept;
inline constexpr int kMaxThreads = 256;
/// As the system shows the pool's threads.
inline constexpr const char* kEngineThreadName = "fractile-engine";

}  // namespace fractile
