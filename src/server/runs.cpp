// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/runs.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/options.hpp"
#include "engine/day.hpp"
#include "formats/formats.hpp"
#include "ingest/signal_reader.hpp"
#include "output/output.hpp"
#include "server/json_body.hpp"

namespace fractile::server {
namespace {

using Json = nlohmann::json;

bool is_suite(const Request& request) { return request.path == "/suite"; }

const std::string* find_query(const Request& request, const char* name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? nullptr : &found->second;
}

Json parse_option(const std::string& text, const char* name) {
  check_depth(text);
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  Json json = Json::parse(text, watch, false);
  if (!twice.empty())
    throw Error(ErrorCode::BAD_REQUEST, std::string("expected each key of ") + name + " once, found \"" + twice.substr(0, 40) +
                                            "\" twice. Give it once.");
  if (json.is_discarded())
    throw Error(ErrorCode::BAD_REQUEST, std::string("expected JSON in ") + name + ", found other text. Write " +
                                            (std::string(name) == "config" ? "{\"lag\": 1}" : "a list, such as [0, 1]") + ".");
  return json;
}

Orient read_orient(const Request& request) {
  const std::string* text = find_query(request, "orient");
  if (!text || *text == "records") return Orient::records;
  if (*text == "split") return Orient::split;
  throw Error(ErrorCode::INVALID_VALUE,
              "expected orient records or split, found \"" + text->substr(0, 40) + "\". Use one of these.");
}

std::vector<int> read_lags(const Json& json) {
  std::vector<int> out;
  if (json.is_array())
    for (const Json& lag : json)
      if (lag.is_number_integer() && lag >= 0 && lag <= 100000) out.push_back(lag.get<int>());
  if (out.empty() || out.size() != json.size())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected lags as a list of trading days, 0 to 100000, found something else. Write [0, 1].");
  return out;
}

std::vector<std::string> read_modes(const Json& json) {
  std::vector<std::string> out;
  if (json.is_array())
    for (const Json& mode : json)
      if (mode.is_string()) out.push_back(mode.get<std::string>());
  if (out.empty() || out.size() != json.size())
    throw Error(ErrorCode::INVALID_VALUE,
                "expected resid_modes as a list of texts, found something else. Write [\"off\", \"industry\"].");
  return out;
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const noexcept { return number_; }

 private:
  int number_;
};

[[noreturn]] void refuse_path(const std::string& path, const char* why) {
  throw Error(ErrorCode::INVALID_SIGNAL_PATH, "expected the path of a signal file below server.signal_dir, found \"" +
                                                  path.substr(0, 200) + "\" (" + why + "). Send the rows, or correct the path.");
}

}  // namespace

struct Runs::Task {
  Signal signal;
  std::string config;  ///< JSON, defaults included
  std::vector<int> lags;
  std::vector<std::string> resid_modes;
};

void Runs::check_head(const Request& request) {
  std::vector<std::string_view> known{"orient", "config"};
  if (is_suite(request)) known.insert(known.end(), {"lags", "resid_modes"});
  for (const auto& [name, value] : request.query)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorCode::UNKNOWN_OPTION, "expected one of the query's parameters, found \"" + name.substr(0, 40) +
                                                 "\". Did you mean \"" + std::string(nearest_name(name.substr(0, 40), known)) +
                                                 "\"?");
  read_orient(request);
  const std::string& type = request.content_type;
  const bool is_json = type == "application/json";
  if (!is_json && type != kArrowStream && type != kArrowFile && type != "text/csv")
    throw Error(
        ErrorCode::UNSUPPORTED_MEDIA_TYPE,
        "expected Content-Type application/json, application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file or "
        "text/csv, found \"" +
            type.substr(0, 60) + "\". Set it to what the body is.");
  for (const char* name : {"config", "lags", "resid_modes"})
    if (is_json && find_query(request, name))
      throw Error(ErrorCode::BAD_REQUEST,
                  std::string("expected ") + name +
                      " in the JSON body, found it in the query. Move it, or send the rows as Arrow or CSV.");
}

std::string Runs::with_defaults(const std::string& config, const LoadedSnapshot& loaded) const {
  Json given = parse_option(config, "config");
  if (!given.is_object())
    throw Error(ErrorCode::INVALID_VALUE, "expected config as an object of options, found another value. Write {\"lag\": 1}.");
  for (const auto& [name, text] : options_.defaults) {
    if (given.contains(name)) continue;
    given[name] = Json::parse(text);
    if (name != "byvar_list") continue;
    // A group that a default names is left out where the snapshot lacks it.
    Json kept = Json::array();
    for (const Json& byvar : given[name])
      if (byvar == "overall" || is_calendar_byvar(byvar.get<std::string>()) ||
          loaded.backtester.view().snapshot->find_column(byvar.get<std::string>()))
        kept.push_back(byvar);
    given[name] = kept;
  }
  return given.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Signal Runs::read_path(const std::string& path, const std::string& sigvar) const {
  if (options_.signal_dir.empty())
    throw Error(ErrorCode::INVALID_SIGNAL_PATH,
                "expected the rows of the signal, found a signal_path, which this server does not read. Send the rows, or start "
                "the server with server.signal_dir.");
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) refuse_path(path, "not a path below it");
  const Descriptor folder(open(options_.signal_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0) refuse_path(path, "server.signal_dir cannot be opened");
  // The kernel itself keeps the way inside the folder: no "..", no link out of it, whatever changes meanwhile.
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  const Descriptor file(static_cast<int>(syscall(SYS_openat2, folder.number(), path.c_str(), &how, sizeof how)));
  if (file.number() < 0) refuse_path(path, errno == ENOENT ? "no such file" : "not a file below it");
  struct stat status{};
  if (fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) refuse_path(path, "no regular file");
  if (static_cast<std::size_t>(status.st_size) > options_.max_body_bytes)
    throw Error(ErrorCode::BODY_TOO_LARGE, "expected a signal file of at most " + std::to_string(options_.max_body_bytes) +
                                               " bytes, found " + std::to_string(status.st_size) + ". Split it.");
  const std::string format = formats::format_of_path(path, ErrorCode::INVALID_SIGNAL_PATH);
  ByteBuffer bytes;
  for (;;) {
    constexpr std::size_t kStep = std::size_t{4} << 20;
    const ssize_t count = read(file.number(), bytes.prepare(kStep), kStep);
    if (count < 0 || bytes.size() > options_.max_body_bytes) refuse_path(path, "cannot be read");
    if (count == 0) break;
    bytes.commit(static_cast<std::size_t>(count));
  }
  return read_own_bytes(std::make_shared<ByteBuffer>(std::move(bytes)), format, {sigvar}, options_.max_body_bytes);
}

Runs::Task Runs::read_task(Request& request, const LoadedSnapshot& loaded) const {
  Task task;
  const auto set_cells = [&](const std::optional<std::string>& lags, const std::optional<std::string>& modes) {
    task.lags = lags ? read_lags(parse_option(*lags, "lags")) : std::vector<int>{0};
    task.resid_modes = modes ? read_modes(parse_option(*modes, "resid_modes")) : std::vector<std::string>{"off"};
    if (task.lags.size() * task.resid_modes.size() > kMaxCells)
      throw Error(ErrorCode::INVALID_VALUE, "expected at most " + std::to_string(kMaxCells) +
                                                " pairs of lag and resid mode, found " +
                                                std::to_string(task.lags.size() * task.resid_modes.size()) + ". Ask for fewer.");
  };
  const auto read_config = [&](const std::string& text) {
    task.config = with_defaults(text, loaded);
    std::string sigvar = "signal";
    parse_config(task.config, &sigvar);
    return sigvar;
  };
  const auto from_query = [&](const char* name) {
    const std::string* text = find_query(request, name);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  };
  if (request.content_type == "application/json") {
    JsonBody body(std::move(request.body), is_suite(request));
    const std::string sigvar = read_config(body.config());
    set_cells(body.lags(), body.resid_modes());
    task.signal = body.signal_path() ? read_path(*body.signal_path(), sigvar) : body.read_signal(sigvar);
    return task;
  }
  const std::string sigvar = read_config(from_query("config").value_or("{}"));
  set_cells(from_query("lags"), from_query("resid_modes"));
  const char* const format = request.content_type == "text/csv" ? "csv" : "arrow";
  const auto body = std::make_shared<ByteBuffer>(std::move(request.body));
  task.signal = read_own_bytes(body, format, {sigvar}, options_.max_body_bytes);
  return task;
}

std::vector<Result> Runs::run(const Task& task, const std::vector<RunConfig>& configs, const LoadedSnapshot& loaded,
                              const Interrupt& interrupt) const {
  std::vector<RunCell> cells;
  for (const RunConfig& config : configs) cells.push_back({task.signal.values[0], config});
  const double before = thread_cpu_seconds();
  std::vector<RunOutcome> outcomes = loaded.backtester.run_many(task.signal.keys, cells, true, interrupt);
  metrics_.count_engine_cpu(thread_cpu_seconds() - before);
  for (const RunOutcome& outcome : outcomes)
    if (outcome.error) std::rethrow_exception(outcome.error);
  std::vector<Result> results;
  for (RunOutcome& outcome : outcomes) {
    results.push_back(*std::move(outcome.result));
    metrics_.count_run(results.back());
  }
  return results;
}

namespace {

/// Arrow streams one after the other, a table each: docs/server.md.
void append_streams(const std::string& cell, const Result& result, std::string& out) {
  bool is_first = true;
  for (const TableSet::Entry& entry : result.tables) {
    std::vector<std::pair<std::string, std::string>> metadata{{"fractile:table", entry.name}, {"fractile:run_id", result.run_id}};
    if (!cell.empty()) metadata.emplace_back("fractile:cell", cell);
    if (is_first) metadata.emplace_back("fractile:result", facts_to_json(result));
    is_first = false;
    ArrowArrayStream stream{};
    table_to_arrow(entry.table, &stream, metadata);
    formats::write_ipc_stream(&stream, [&out](std::size_t size) {
      const std::size_t begin = out.size();
      out.resize(begin + size);
      return out.data() + begin;
    });
  }
}

}  // namespace

Answer Runs::answer(Request& request, const LoadedSnapshot& loaded, const Interrupt& interrupt) const {
  const Task task = read_task(request, loaded);
  const Orient orient = read_orient(request);
  const bool as_arrow = request.accept.find(kArrowStream) != std::string::npos;
  Answer answer;
  if (as_arrow) answer.content_type = kArrowStream;
  if (!is_suite(request)) {
    const Result result = std::move(run(task, {parse_config(task.config)}, loaded, interrupt)[0]);
    answer.run_id = result.run_id;
    if (as_arrow)
      append_streams("", result, answer.body);
    else
      answer.body = result_to_json(result, orient);
    return answer;
  }
  // All cells are checked before the first is run.
  Json config = Json::parse(task.config);
  config.erase("resid_style");
  std::vector<RunConfig> configs;
  std::vector<std::string> names;
  for (const int lag : task.lags)
    for (const std::string& mode : task.resid_modes) {
      config["lag"] = lag;
      config["resid"] = mode;
      names.push_back("lag" + std::to_string(lag) + "_resid" + mode);
      configs.push_back(parse_config(config.dump()));
    }
  const std::vector<Result> results = run(task, configs, loaded, interrupt);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (as_arrow)
      append_streams(names[i], results[i], answer.body);
    else
      answer.body += (i == 0 ? "{" : ",") + quote(names[i]) + ":" + result_to_json(results[i], orient);
  }
  if (!as_arrow) answer.body += "}";
  return answer;
}

}  // namespace fractile::server
