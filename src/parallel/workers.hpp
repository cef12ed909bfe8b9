// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>

namespace fractile {

/// A task: its number, and the number of the thread slot (0 ... threads-1) that runs it.
using TaskBody = std::function<void(int task, int slot)>;

/// Runs body(0 ... n_tasks-1) on up to `threads` threads: the caller and threads of the pool of this process.
/// Threads claim tasks in order; a slot runs one task at a time. If the pool is busy, the caller does the work
/// alone, so calls from many threads never wait for each other.
/// The calling thread calls `poll` between its tasks and while it waits. If `poll` or a task throws, the call
/// ends once all started tasks have ended, and rethrows the first exception.
/// A forked child may call it too if its parent forked between calls.
void parallel_for(int threads, int n_tasks, const TaskBody& body, const std::function<void()>& poll = {});

/// The number of threads of a run without the option `threads`: the processors that this process may use.
int default_threads() noexcept;
inline constexpr int kMaxThreads = 256;
/// The name of the pool's threads in the system.
inline constexpr const char* kEngineThreadName = "fractile-engine";

}  // namespace fractile
