// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The target `aligner`: any bytes become a signal and options, and the run must obey the laws of the methodology.
#include <algorithm>
#include <cmath>
#include <functional>

#include "fractile/backtest.hpp"
#include "laws.hpp"
#include "naive_align.hpp"
#include "result_laws.hpp"
#include "signal_case.hpp"

namespace fractile::fuzz {
void run_aligner(Input input);

namespace {

/// The outcome of a run: a result, or the error that ended it.
struct Outcome {
  std::optional<Result> result;
  std::string text;  ///< the whole outcome as text, for comparisons
  std::optional<ErrorCode> refusal;
};

class Laws {
 public:
  explicit Laws(const SignalCase& made) : made_(made), columns_(made.rows, made) {}

  void check() {
    one_thread_ = run(columns_, 1, *made_.market->fresh);
    check_config();
    check_methodology();
    check_threads();
    check_kept_alignments();
    if (!one_thread_.result) return;
    check_order();
    check_added_rows();
    check_scale();
    check_lag();
  }

 private:
  Outcome run(const SignalColumns& columns, int threads, const Backtester& backtester, bool as_batch = false,
              std::optional<RunConfig> config = std::nullopt) const {
    Outcome out;
    RunConfig chosen = config.value_or(made_.config);
    chosen.threads = threads;
    const double* const values = columns.values().data();
    const auto refusal = refusal_of([&] {
      if (!as_batch) {
        out.result = backtester.run(columns.keys(), values, chosen);
        return;
      }
      // The first cell makes the alignment, the second finds it in the cache.
      const std::vector<RunCell> cells(2, RunCell{values, chosen});
      std::vector<RunOutcome> outcomes = backtester.run_many(columns.keys(), cells);
      if (outcomes[1].error) std::rethrow_exception(outcomes[1].error);
      out.result = std::move(outcomes[1].result);
    });
    // The number of threads is an option, but it changes no number of the result.
    chosen.threads = 0;
    if (out.result) out.result->config_json = config_to_json(chosen);
    out.text = out.result ? describe(*out.result) : refusal->what();
    if (refusal) out.refusal = refusal->code();
    return out;
  }

  [[noreturn]] void fail(const char* law, const std::string& a, const std::string& b) const {
    break_law(law, show_difference(a, b) + "\n" + describe_case(made_));
  }
  void ensure_equal(const char* law, const std::string& a, const std::string& b) const {
    if (a != b) fail(law, a, b);
  }

  void check_config() const {
    const std::string text = config_to_json(made_.config);
    const auto refusal =
        refusal_of([&] { ensure_equal("options read back as they were written", text, config_to_json(parse_config(text))); });
    ensure(!refusal, "options that a run takes can be written and read", refusal ? refusal->what() : "");
  }

  /// True if the market has the columns of the options, and a double sort has numbers; otherwise any refusal is right.
  bool is_possible() const {
    const RunConfig& config = made_.config;
    if (config.double_var == "country") return false;
    if (made_.market->has_all_columns) return true;
    const bool needs_columns =
        config.from_open || config.resid != Resid::off || config.weight != Weight::equal || !config.rank_within.empty() ||
        !config.breakpoints.empty() || config.sort_method == SortMethod::double_ || !config.universe.empty() ||
        config.tc_model == TcModel::power_law ||
        std::any_of(config.byvar_list.begin(), config.byvar_list.end(),
                    [](const std::string& byvar) { return byvar != "overall" && byvar != "month" && byvar != "year"; });
    return !needs_columns;
  }

  void check_methodology() const {
    if (one_thread_.result) check_result(*one_thread_.result, made_);
    if (!is_possible()) return;
    const NaiveAlignment naive = align_naively(made_);
    if (naive.refusal != one_thread_.refusal)
      break_law("what is refused is what methodology section 2 refuses", one_thread_.text + "\n" + describe_case(made_));
    if (one_thread_.result) check_against(naive, *one_thread_.result, made_);
  }

  void check_threads() const {
    for (const int threads : {2, 5})
      ensure_equal("threads change no bit", one_thread_.text, run(columns_, threads, *made_.market->fresh).text);
  }

  void check_kept_alignments() const {
    for (const int threads : {3, 1})
      ensure_equal("a cached alignment changes no bit", one_thread_.text, run(columns_, threads, *made_.market->kept, true).text);
    // Other values on the same keys.
    SignalCase other = made_;
    for (std::size_t i = 0; i < other.rows.size(); ++i) other.rows[i].value = made_.rows[made_.rows.size() - 1 - i].value;
    const SignalColumns columns(other.rows, other);
    ensure_equal("a cached alignment changes no bit of another column", run(columns, 1, *made_.market->fresh).text,
                 run(columns, 2, *made_.market->kept, true).text);
  }

  bool has_duplicates() const { return one_thread_.result->diagnostics["duplicate"] > 0; }

  void check_order() const {
    if (has_duplicates()) return;
    SignalCase other = made_;
    for (std::size_t i = other.rows.size(); i > 1; --i) std::swap(other.rows[i - 1], other.rows[scatter(i) % i]);
    const SignalColumns columns(other.rows, other);
    const Outcome found = run(columns, 2, *made_.market->fresh);
    if (!found.result) fail("the order of rows changes nothing", one_thread_.text, found.text);
    ensure_equal("the order of rows changes nothing", describe_unordered(*one_thread_.result), describe_unordered(*found.result));
  }

  /// Rows that are dropped change nothing but their counts.
  void check_added_rows() const {
    SignalCase other = made_;
    const auto any = other.rows.begin() + static_cast<std::ptrdiff_t>(other.rows.size() / 2);
    other.rows.insert(any, {kMissingId, other.rows.front().sig, kMissingTime, kMissingTime, 1.0});
    SignalRow missing = other.rows.back();
    missing.value = std::nan("");
    missing.avail = missing.given = kMissingTime;
    // The look-ahead checks judge this row like any other, so its dates must be possible.
    other.rows.push_back(missing);
    const SignalColumns columns(other.rows, other);
    const Outcome found = run(columns, 1, *made_.market->fresh);
    if (!found.result) fail("dropped rows change nothing", one_thread_.text, found.text);
    Result plain = *one_thread_.result, more = *found.result;
    plain.diagnostics = more.diagnostics = {};
    ensure_equal("dropped rows change nothing", describe_unordered(std::move(plain)), describe_unordered(std::move(more)));
  }

  /// A doubled signal yields exactly the same book, because products with 2 do not round.
  void check_scale() const {
    const InputType type = made_.config.input_type;
    if (type == InputType::position || type == InputType::weight) return;
    SignalCase other = made_;
    for (SignalRow& row : other.rows) {
      const double size = std::fabs(row.value);
      if (size > 1e307 || (size < 1e-290 && size != 0.0)) return;
      row.value *= 2.0;
    }
    const SignalColumns columns(other.rows, other);
    const Outcome found = run(columns, 1, *made_.market->fresh);
    if (!found.result) fail("twice the signal is the same book", one_thread_.text, found.text);
    ensure_equal("twice the signal is the same book", describe_unordered(*one_thread_.result), describe_unordered(*found.result));
  }

  /// If every row names its return day, a lag equals naming a later day.
  void check_lag() const {
    const FuzzMarket& market = *made_.market;
    if (made_.config.lag == 0) return;
    SignalCase other = made_;
    other.config.lag = 0;
    for (SignalRow& row : other.rows) {
      if (row.given == kMissingTime) return;
      if (row.given < market.dates.front()) continue;
      const auto at = std::lower_bound(market.dates.begin(), market.dates.end(), row.given) - market.dates.begin();
      const auto later = static_cast<std::size_t>(at + made_.config.lag);
      row.given = later < market.dates.size() ? market.dates[later] : market.dates.back() + 1;
    }
    const SignalColumns columns(other.rows, other);
    const Outcome found = run(columns, 1, *market.fresh, false, other.config);
    if (!found.result) fail("a lag is a later return day", one_thread_.text, found.text);
    Result lagged = *one_thread_.result, later = *found.result;
    lagged.config_json = later.config_json;
    for (Result* one : {&lagged, &later})
      for (Diagnostics::Count& count : one->diagnostics.counts)
        if (count.name == "return_day_rolled") count.count = 0;
    ensure_equal("a lag is a later return day", describe_unordered(std::move(lagged)), describe_unordered(std::move(later)));
  }

  const SignalCase& made_;
  SignalColumns columns_;
  Outcome one_thread_;
};

}  // namespace

void run_aligner(Input input) {
  const SignalCase made = decode_case(Bytes(input));
  Laws(made).check();
}

}  // namespace fractile::fuzz
