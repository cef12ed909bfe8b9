// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/trial_writer.hpp"

#include <signal.h>

#include <chrono>
#include <iterator>
#include <span>

#include "types/hash.hpp"

namespace fractile::ledger {
namespace {

constexpr std::int64_t kMaxStored = 2000;  ///< maximum number of trials per study whose returns are stored
constexpr std::size_t kMaxWaiting = 1024;
constexpr std::chrono::milliseconds kBetweenAttempts{500};

/// Starts a thread that blocks all signals, which belong to the program's own threads.
template <class Work>
std::unique_ptr<std::thread> start_quietly(Work work) {
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  auto thread = std::make_unique<std::thread>(std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

/// Writes trials within one transaction.
class Insertion {
 public:
  explicit Insertion(const Connection& connection)
      : connection_(connection),
        add_study_(connection.prepare("INSERT INTO study(name) VALUES(?) ON CONFLICT DO NOTHING")),
        find_study_(connection.prepare("SELECT id, stored FROM study WHERE name = ?")),
        add_trial_(connection.prepare("INSERT INTO trial(study, run_id, time_ms, snapshot, config, periods, periods_per_year, "
                                      "sr, skew, kurt, sr_net, skew_net, kurt_net) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) "
                                      "ON CONFLICT DO NOTHING")),
        add_calendar_(connection.prepare("INSERT INTO calendar(hash, days) VALUES(?,?) ON CONFLICT DO NOTHING")),
        find_calendar_(connection.prepare("SELECT id FROM calendar WHERE hash = ?")),
        add_returns_(connection.prepare("INSERT INTO returns(trial, calendar, ret, ret_net) VALUES(?,?,?,?)")),
        count_stored_(connection.prepare("UPDATE study SET stored = stored + 1 WHERE id = ?")) {}

  void add(const TrialRecord& record) {
    add_study_.bind(0, record.study).run();
    find_study_.bind(0, record.study).step();
    const std::int64_t study = find_study_.whole(0), stored = find_study_.whole(1);
    find_study_.step();
    const Trial& trial = record.trial;
    add_trial_.bind(0, study).bind(1, trial.run_id).bind(2, record.time_ms).bind(3, record.snapshot).bind(4, record.config);
    add_trial_.bind(5, static_cast<std::int64_t>(record.days.size())).bind(6, std::int64_t{trial.periods_per_year});
    add_trial_.bind(7, trial.ret.sr).bind(8, trial.ret.skew).bind(9, trial.ret.kurt);
    add_trial_.bind(10, trial.ret_net.sr).bind(11, trial.ret_net.skew).bind(12, trial.ret_net.kurt).run();
    if (connection_.n_changed() == 0 || stored >= kMaxStored) return;
    const std::int64_t row = connection_.last_row();
    const std::string hash = to_hex(hash_bytes(record.days.data(), record.days.size() * sizeof(Day)));
    add_calendar_.bind(0, hash).bind_values(1, std::span<const Day>(record.days)).run();
    find_calendar_.bind(0, hash).step();
    add_returns_.bind(0, row).bind(1, find_calendar_.whole(0));
    find_calendar_.step();
    add_returns_.bind_values(2, std::span<const double>(record.ret))
        .bind_values(3, std::span<const double>(record.ret_net))
        .run();
    count_stored_.bind(0, study).run();
  }

 private:
  const Connection& connection_;
  Statement add_study_, find_study_, add_trial_, add_calendar_, find_calendar_, add_returns_, count_stored_;
};

}  // namespace

void TrialWriter::start() {
  if (!thread_ && !is_closing_) thread_ = start_quietly([this] { work(); });
}

void TrialWriter::add(TrialRecord record) {
  std::unique_lock lock(mutex_);
  // A queue this long means that the disk is slower than the runs. They wait for it, so that memory stays bounded.
  changed_->wait(lock, [this] { return waiting_.size() < kMaxWaiting || failure_; });
  waiting_.push_back(std::move(record));
  ++n_added_;
  start();
  changed_->notify_all();
}

void TrialWriter::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = n_added_;
  if (n_written_ >= target) return;
  start();
  failure_ = nullptr;  // forgets the failure of an attempt before this call
  changed_->notify_all();
  changed_->wait(lock, [&] { return n_written_ >= target || failure_; });
  if (n_written_ < target) std::rethrow_exception(failure_);
}

void TrialWriter::require_working() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

std::size_t TrialWriter::finish() {
  std::unique_ptr<std::thread> thread;
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    thread = std::move(thread_);
    changed_->notify_all();
  }
  if (thread) thread->join();
  const std::lock_guard lock(mutex_);
  is_closing_ = false;
  return waiting_.size();
}

void TrialWriter::abandon() {
  static_cast<void>(changed_.release());
  static_cast<void>(thread_.release());
  changed_ = std::make_unique<std::condition_variable>();
  waiting_.clear();
  n_added_ = n_written_ = 0;
  failure_ = nullptr;
  is_closing_ = false;
}

void TrialWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_->wait(lock, [this] { return !waiting_.empty() || is_closing_; });
    if (waiting_.empty()) return;
    std::vector<TrialRecord> batch = std::move(waiting_);
    waiting_.clear();
    lock.unlock();
    std::exception_ptr failure;
    try {
      write(batch);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failure_ = failure;
    if (!failure) {
      n_written_ += batch.size();
    } else {
      batch.insert(batch.end(), std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
      waiting_ = std::move(batch);
    }
    changed_->notify_all();
    if (!failure) continue;
    if (is_closing_) return;
    changed_->wait_for(lock, kBetweenAttempts, [this] { return is_closing_ || !failure_; });
  }
}

void TrialWriter::write(const std::vector<TrialRecord>& batch) {
  file_.use([&](const Connection& connection) {
    Transaction transaction(connection, Transaction::Kind::write);
    {
      Insertion insertion(connection);
      for (const TrialRecord& record : batch) insertion.add(record);
    }
    transaction.commit();
  });
}

}  // namespace fractile::ledger
