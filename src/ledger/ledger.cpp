// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/ledger.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "fractile/error.hpp"
#include "ledger/shared_file.hpp"
#include "ledger/trial_writer.hpp"
#include "types/nearest.hpp"

namespace fractile::ledger {
namespace {

namespace fs = std::filesystem;

/// "2026-02-10T16:05:00.123Z".
std::string format_time(std::int64_t milliseconds) {
  constexpr std::int64_t kDay = 86'400'000;
  const std::int64_t rest = milliseconds % kDay;
  return fmt::format("{}T{:02}:{:02}:{:02}.{:03}Z", format_day(static_cast<Day>(milliseconds / kDay)), rest / 3'600'000,
                     rest / 60'000 % 60, rest / 1000 % 60, rest % 1000);
}

std::int64_t find_study(const Connection& connection, const std::string& name) {
  Statement find = connection.prepare("SELECT id FROM study WHERE name = ?");
  if (find.bind(0, name).step()) return find.whole(0);
  std::vector<std::string> names;
  Statement all = connection.prepare("SELECT name FROM study ORDER BY name");
  while (all.step()) names.push_back(all.text(0));
  throw Error(ErrorCode::STUDY_NOT_FOUND,
              names.empty()
                  ? fmt::format("expected a study \"{}\" in the ledger, found no study. Pass study=\"{}\" to a run.", name, name)
                  : fmt::format("expected a study of the ledger, found no \"{}\". Did you mean \"{}\"?", name,
                                nearest_name(name, {names.begin(), names.end()})));
}

std::vector<DatedReturns> values_of(std::vector<std::pair<std::string, DatedReturns>> named) {
  std::vector<DatedReturns> out;
  for (auto& [run_id, returns] : named) out.push_back(std::move(returns));
  return out;
}

std::vector<std::pair<std::string, DatedReturns>> read_returns(const Connection& connection, std::int64_t study, bool is_net) {
  std::map<std::int64_t, std::vector<Day>> calendars;
  Statement days = connection.prepare(
      "SELECT id, days FROM calendar WHERE id IN (SELECT calendar FROM returns JOIN trial ON trial.id = trial WHERE study = ?)");
  days.bind(0, study);
  while (days.step()) calendars[days.whole(0)] = days.values<Day>(1);
  Statement rows = connection.prepare(
      fmt::format("SELECT run_id, calendar, {} FROM returns JOIN trial ON trial.id = trial WHERE study = ? ORDER BY trial",
                  is_net ? "ret_net" : "ret"));
  rows.bind(0, study);
  std::vector<std::pair<std::string, DatedReturns>> out;
  while (rows.step()) {
    DatedReturns one{calendars[rows.whole(1)], rows.values<double>(2)};
    one.values.resize(one.days.size(), std::nan(""));  // returns net of costs that were not computed
    out.emplace_back(rows.text(0), std::move(one));
  }
  return out;
}

}  // namespace

fs::path ledger_file(const fs::path& snapshots) {
  const char* const named = std::getenv("FRACTILE_LEDGER");
  return named && *named ? fs::path(named) : snapshots / "ledger.sqlite";
}

std::string study_name(const std::optional<std::string>& given) {
  const char* const variable = std::getenv("FRACTILE_STUDY");
  const std::string name = given ? *given : variable ? variable : "";
  if (name.empty()) return name;
  constexpr std::size_t kMaxLength = 100;
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const bool is_fine = name.size() <= kMaxLength && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
                         return is_letter(c) || c == '.' || c == '_' || c == '-';
                       });
  if (!is_fine)
    throw Error(
        ErrorCode::INVALID_VALUE,
        fmt::format("expected study as letters, digits, \".\", \"_\" and \"-\", beginning with a letter or digit, up to {} "
                    "long, found \"{}\". Choose another, for example momentum-2026.",
                    kMaxLength, name.substr(0, 200)));
  return name;
}

struct Ledger::State {
  explicit State(fs::path path) : file(std::move(path)), writer(file) {}

  SharedFile file;
  TrialWriter writer;
  std::atomic<bool> is_known_writable{false};

  /// The cached mean correlation of a study, valid while the same returns are stored.
  struct Correlation {
    std::int64_t stored = -1, last_trial = -1;
    double value = 0.0;
  };
  std::mutex cache_mutex;
  std::map<std::string, Correlation> correlations;  // guarded by cache_mutex
};

/// All ledgers of the process. They are never destroyed, because threads may use them until the process ends.
struct Registry {
  std::mutex mutex;
  std::map<fs::path, std::unique_ptr<Ledger>> ledgers;  // guarded by mutex

  static Registry& instance() {
    static Registry* const registry = [] {
      auto made = std::make_unique<Registry>();
      pthread_atfork([] { instance().before_fork(); }, [] { instance().after_fork(false); }, [] { instance().after_fork(true); });
      std::atexit([] { instance().finish(); });
      return made.release();
    }();
    return *registry;
  }

  Ledger& at(const fs::path& file) {
    std::error_code failed;
    const fs::path path = fs::weakly_canonical(file, failed);
    const std::lock_guard lock(mutex);
    auto& ledger = ledgers[failed ? fs::absolute(file) : path];
    if (!ledger) ledger.reset(new Ledger(failed ? fs::absolute(file) : path));
    return *ledger;
  }

  /// Ledgers are never removed, so callers can use them without the lock.
  std::vector<Ledger*> all() {
    const std::lock_guard lock(mutex);
    std::vector<Ledger*> out;
    for (const auto& [path, ledger] : ledgers) out.push_back(ledger.get());
    return out;
  }

  void flush() {
    for (Ledger* const ledger : all()) ledger->state_->writer.flush();
  }

  void finish() {
    for (Ledger* const ledger : all()) {
      const std::size_t n_left = ledger->state_->writer.finish();
      if (n_left > 0)
        fmt::print(
            stderr,
            "LEDGER_NOT_WRITABLE: expected to write {} more trials to \"{}\", found that it failed. They are not counted.\n",
            n_left, ledger->state_->file.path().string());
    }
  }

  void before_fork() {
    mutex.lock();
    for (const auto& [path, ledger] : ledgers) {
      ledger->state_->file.close_and_lock();
      ledger->state_->cache_mutex.lock();
      ledger->state_->writer.lock();
    }
  }

  void after_fork(bool is_child) {
    for (const auto& [path, ledger] : ledgers) {
      if (is_child) {
        ledger->state_->writer.abandon();
        ledger->state_->is_known_writable = false;
      }
      ledger->state_->writer.unlock();
      ledger->state_->cache_mutex.unlock();
      ledger->state_->file.unlock();
    }
    mutex.unlock();
  }
};

Ledger::Ledger(fs::path file) : state_(std::make_unique<State>(std::move(file))) {}

Ledger& Ledger::at(const fs::path& file) { return Registry::instance().at(file); }

void flush_all() { Registry::instance().flush(); }

void Ledger::require_writable() {
  state_->writer.require_working();
  // Only once, because later runs must not wait while a batch is written.
  if (state_->is_known_writable) return;
  state_->file.use([](const Connection&) {});
  state_->is_known_writable = true;
}

void Ledger::record(TrialRecord record) { state_->writer.add(std::move(record)); }

void Ledger::flush() { state_->writer.flush(); }

template <class Read>
auto Ledger::read(Read&& work) {
  flush();
  return state_->file.use(work);
}

template <class Read>
auto Ledger::read_study(const std::string& study, Read&& work) {
  std::error_code ignored;
  flush();
  if (!fs::exists(state_->file.path(), ignored))
    throw Error(ErrorCode::STUDY_NOT_FOUND,
                fmt::format("expected a study \"{}\", found no ledger at \"{}\". Pass study=\"{}\" to a run.", study,
                            state_->file.path().string(), study));
  return state_->file.use([&](const Connection& connection) { return work(connection, find_study(connection, study)); });
}

Table Ledger::studies() {
  std::vector<std::string> names, first, last;
  std::vector<std::int64_t> trials, forgotten;
  std::error_code ignored;
  flush();
  if (fs::exists(state_->file.path(), ignored)) {
    read([&](const Connection& connection) {
      for (auto* texts : {&names, &first, &last}) texts->clear();
      for (auto* counts : {&trials, &forgotten}) counts->clear();
      Statement rows = connection.prepare(
          "SELECT name, count(trial.id), min(time_ms), max(time_ms), forgotten FROM study LEFT JOIN trial ON study = study.id "
          "GROUP BY study.id ORDER BY name");
      while (rows.step()) {
        const bool is_empty = rows.whole(1) == 0;
        names.push_back(rows.text(0));
        trials.push_back(rows.whole(1));
        first.push_back(is_empty ? "" : format_time(rows.whole(2)));
        last.push_back(is_empty ? "" : format_time(rows.whole(3)));
        forgotten.push_back(rows.whole(4));
      }
    });
  }
  return {{{"study", names}, {"trials", trials}, {"first", first}, {"last", last}, {"forgotten", forgotten}}};
}

Table Ledger::trials(const std::string& study) {
  return read_study(study, [](const Connection& connection, std::int64_t id) {
    std::vector<std::string> run_id, time, snapshot, config;
    std::vector<std::int64_t> periods, periods_per_year;
    std::array<std::vector<double>, 6> reals;
    Statement rows = connection.prepare(
        "SELECT run_id, time_ms, snapshot, config, periods, periods_per_year, sr, skew, kurt, sr_net, skew_net, kurt_net "
        "FROM trial WHERE study = ? ORDER BY time_ms, id");
    rows.bind(0, id);
    while (rows.step()) {
      run_id.push_back(rows.text(0));
      time.push_back(format_time(rows.whole(1)));
      snapshot.push_back(rows.text(2));
      config.push_back(rows.text(3));
      periods.push_back(rows.whole(4));
      periods_per_year.push_back(rows.whole(5));
      for (std::size_t k = 0; k < reals.size(); ++k) reals[k].push_back(rows.real(static_cast<int>(k) + 6));
    }
    return Table{{{"run_id", run_id},
                  {"time", time},
                  {"snapshot", snapshot},
                  {"periods", periods},
                  {"periods_per_year", periods_per_year},
                  {"sr", reals[0]},
                  {"skew", reals[1]},
                  {"kurt", reals[2]},
                  {"sr_net", reals[3]},
                  {"skew_net", reals[4]},
                  {"kurt_net", reals[5]},
                  {"config", config}}};
  });
}

std::vector<std::pair<std::string, DatedReturns>> Ledger::returns(const std::string& study, bool is_net) {
  return read_study(study, [&](const Connection& connection, std::int64_t id) { return read_returns(connection, id, is_net); });
}

Deflation Ledger::deflate(const std::string& study, const Trial& own) {
  struct Read {
    std::vector<Trial> trials;
    State::Correlation correlation;
  };
  const Read found = read_study(study, [&](const Connection& connection, std::int64_t id) {
    // One transaction, so that both reads see one state of the file although other processes write meanwhile.
    const Transaction transaction(connection, Transaction::Kind::read);
    Read out;
    Statement rows =
        connection.prepare("SELECT run_id, periods_per_year, periods, sr, skew, kurt, sr_net FROM trial WHERE study = ?");
    rows.bind(0, id);
    while (rows.step()) {
      Trial trial{rows.text(0), static_cast<int>(rows.whole(1)), {}, {}};
      trial.ret = {rows.real(3), static_cast<double>(rows.whole(2)), rows.real(4), rows.real(5)};
      trial.ret_net.sr = rows.real(6);
      out.trials.push_back(std::move(trial));
    }
    Statement last = connection.prepare(
        "SELECT count(*), max(returns.trial) FROM returns JOIN trial ON trial.id = returns.trial WHERE study = ?");
    last.bind(0, id).step();
    out.correlation.stored = last.whole(0);
    out.correlation.last_trial = last.whole(1);
    {
      const std::lock_guard lock(state_->cache_mutex);
      const State::Correlation& known = state_->correlations[study];
      if (known.stored == out.correlation.stored && known.last_trial == out.correlation.last_trial) {
        out.correlation.value = known.value;
        return out;
      }
    }
    out.correlation.value = mean_correlation(values_of(read_returns(connection, id, false)));
    const std::lock_guard lock(state_->cache_mutex);
    state_->correlations[study] = out.correlation;
    return out;
  });
  return ledger::deflate(study, own, found.trials, found.correlation.value);
}

std::int64_t Ledger::forget(const std::string& study) {
  return read_study(study, [](const Connection& connection, std::int64_t id) {
    Transaction transaction(connection, Transaction::Kind::write);
    for (const char* const sql :
         {"DELETE FROM returns WHERE trial IN (SELECT id FROM trial WHERE study = ?)", "DELETE FROM trial WHERE study = ?"})
      connection.prepare(sql).bind(0, id).run();
    const std::int64_t n_forgotten = connection.n_changed();
    connection.prepare("UPDATE study SET forgotten = forgotten + ?, stored = 0 WHERE id = ?")
        .bind(0, n_forgotten)
        .bind(1, id)
        .run();
    connection.execute("DELETE FROM calendar WHERE id NOT IN (SELECT calendar FROM returns)");
    transaction.commit();
    connection.execute("PRAGMA incremental_vacuum");
    return n_forgotten;
  });
}

}  // namespace fractile::ledger
