#include "apps/millpool/run/job_source.hpp"

#include "apps/support/io.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace millpool::run {
namespace {

[[nodiscard]] bool is_blank(std::string_view record) {
  return record.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

// Counts the records from where `fd` stands to the end of a regular file, and leaves it standing
// there.
[[nodiscard]] std::optional<std::uint64_t> count_records(int fd, char separator) {
  struct stat status {};
  const off_t begin = ::lseek(fd, 0, SEEK_CUR);
  if (begin < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::vector<char> chunk(std::size_t{256} * 1024);
  auto offset = static_cast<std::uint64_t>(begin);
  std::uint64_t count = 0;
  char last = separator;
  for (;;) {
    const auto got = app::read_at(fd, chunk, offset);
    if (!got) return std::nullopt;
    if (*got == 0) return count + (last != separator ? 1 : 0);
    count += static_cast<std::uint64_t>(
        std::count(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(*got), separator));
    last = chunk[*got - 1];
    offset += *got;
  }
}

}  // namespace

std::expected<job_source, std::string> job_source::open(input_options options) {
  job_source source{std::move(options)};
  std::vector<stream> streams;
  for (const input_spec& spec : source.options_.sources) {
    auto opened = open_stream(spec, source.options_.separator);
    if (!opened) return std::unexpected(opened.error());
    streams.push_back(std::move(*opened));
  }
  source.first_ = std::move(streams.front());
  streams.erase(streams.begin());
  if (auto loaded = source.load_rest(std::move(streams)); !loaded)
    return std::unexpected(loaded.error());
  return source;
}

std::expected<job_source::stream, std::string> job_source::open_stream(input_spec spec,
                                                                       char separator) {
  stream opened;
  if (spec.what == input_spec::kind::words) {
    opened.name = "the command line";
    opened.words = std::move(spec.words);
    return opened;
  }
  opened.splitter.emplace(separator);
  if (spec.path == "-") {
    opened.name = "standard input";
    opened.fd.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    opened.name = spec.path;
    opened.fd.reset(::open(spec.path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!opened.fd)
    return std::unexpected("cannot read " + opened.name + ": " + app::last_error().message());
  struct stat status {};
  if (::fstat(opened.fd.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return std::unexpected("cannot read " + opened.name + ": it is a directory");
  }
  return opened;
}

std::expected<void, std::string> job_source::fill() { return fill(first_); }

std::expected<void, std::string> job_source::fill(stream& from) {
  const auto got = app::read_some(from.fd.get(), from.splitter->room());
  if (!got) return std::unexpected("cannot read " + from.name + ": " + got.error().message());
  from.splitter->commit(*got);
  if (*got == 0) from.splitter->finish();
  return {};
}

// One record, as job material: a NUL can stand in no argument of any program.
std::expected<job_source::state, std::string> job_source::next_record(stream& from,
                                                                      std::string& record) const {
  for (;;) {
    if (from.splitter) {
      const auto found = from.splitter->next();
      if (!found) return from.splitter->at_end() ? state::end : state::need_input;
      record.assign(*found);
    } else {
      if (from.next_word == from.words.size()) return state::end;
      record = std::move(from.words[from.next_word++]);
    }
    ++from.records;
    if (record.find('\0') != std::string::npos) {
      return std::unexpected(from.name + ": record " + std::to_string(from.records) +
                             " has a NUL byte, which no argument can hold (is -0 what you want?)");
    }
    if (!options_.skip_blank || !is_blank(record)) return state::job;
  }
}

std::expected<void, std::string> job_source::load_rest(std::vector<stream> streams) {
  for (stream& each : streams) {
    std::vector<std::string> records;
    for (std::string record;;) {
      const auto got = next_record(each, record);
      if (!got) return std::unexpected(got.error());
      if (*got == state::end) break;
      if (*got == state::job) {
        records.push_back(std::move(record));
      } else if (auto read = fill(each); !read) {
        return read;
      }
    }
    rest_.push_back(std::move(records));
  }
  odometer_.assign(rest_.size(), 0);
  return {};
}

std::expected<job_source::state, std::string> job_source::next(job_input& job) {
  if (!rest_.empty()) return next_combination(job);
  std::string record;
  while (gathered_records_ < options_.args_per_job) {
    const auto got = next_record(first_, record);
    if (!got || *got == state::need_input) return got;
    if (*got == state::end) {
      if (gathered_records_ == 0) return state::end;
      break;  // the last job may have fewer
    }
    add_columns(std::move(record), gathered_);
    ++gathered_records_;
  }
  gathered_records_ = 0;
  job.args = std::exchange(gathered_, {});
  job.seq = ++seq_;
  return state::job;
}

// Counts like an odometer: the last source is the fastest digit.
std::expected<job_source::state, std::string> job_source::next_combination(job_input& job) {
  if (std::any_of(rest_.begin(), rest_.end(), [](auto& records) { return records.empty(); }))
    return state::end;
  if (!outer_) {
    std::string record;
    const auto got = next_record(first_, record);
    if (!got || *got != state::job) return got;
    outer_ = std::move(record);
  }
  job.args.clear();
  add_columns(*outer_, job.args);
  for (std::size_t i = 0; i < rest_.size(); ++i) add_columns(rest_[i][odometer_[i]], job.args);
  job.seq = ++seq_;
  for (std::size_t digit = rest_.size(); digit-- > 0;) {
    if (++odometer_[digit] < rest_[digit].size()) return state::job;
    odometer_[digit] = 0;
  }
  outer_.reset();
  return state::job;
}

void job_source::add_columns(std::string record, std::vector<std::string>& args) const {
  if (!options_.colsep) {
    args.push_back(std::move(record));
    return;
  }
  std::size_t begin = 0;
  for (std::size_t end; (end = record.find(*options_.colsep, begin)) != std::string::npos;) {
    args.push_back(record.substr(begin, end - begin));
    begin = end + options_.colsep->size();
  }
  args.push_back(record.substr(begin));
}

std::optional<std::uint64_t> job_source::count_jobs() const {
  if (options_.skip_blank) return std::nullopt;
  std::uint64_t count = 0;
  if (first_.splitter) {
    const auto records = count_records(first_.fd.get(), options_.separator);
    if (!records) return std::nullopt;
    count = *records;
  } else {
    count = first_.words.size();
  }
  for (const auto& records : rest_) count *= records.size();
  return rest_.empty() ? (count + options_.args_per_job - 1) / options_.args_per_job : count;
}

}  // namespace millpool::run
