#include "apps/millpool/logs/scan.hpp"

#include "apps/millpool/logs/text_scan.hpp"

#include <algorithm>
#include <chrono>
#include <unistd.h>
#include <utility>

namespace millpool::logs {
namespace {

// Of outcomes that were not popped. Those with lines to print may be as large as a block.
[[nodiscard]] std::size_t outcomes_for(const scan::options& how) {
  return how.prints ? 2 * how.workers + 2 : 1024;
}

[[nodiscard]] pool_options pool_for(const scan::options& how) {
  // A chain has one step that waits, at most. Who waits for the reader of outcomes needs no other
  // in its place: the reader is no worker, and a further worker would only need more memory.
  return {.name = "logs",
          .min_workers = how.workers,
          .max_workers = how.workers,
          .queue_capacity = std::max<std::size_t>(64, 2 * how.workers),
          .max_compensation = 0};
}

[[nodiscard]] bool is_plain(const source& from) noexcept {
  return dynamic_cast<const plain_source*>(&from) != nullptr;
}

}  // namespace

scan::scan(const query& asked, std::vector<input>& inputs, const options& how)
    : asked_{asked},
      inputs_{inputs},
      options_{how},
      outcomes_{outcomes_for(how)},
      pool_{pool_for(how)},
      workers_{pool_, [this] { return std::make_unique<worker>(asked_); }} {}

void scan::start() {
  held_.store(false, std::memory_order_relaxed);  // relaxed: the pool hands the steps over
  chains_.clear();
  next_input_.store(0, std::memory_order_relaxed);
  const std::size_t open = static_cast<std::size_t>(
      std::count_if(inputs_.begin(), inputs_.end(), [](const input& each) { return !each.ended; }));
  const std::size_t most = options_.prints ? 1 : options_.workers;
  for (std::size_t i = 0; i < std::min(open, most); ++i) start(chain{});
}

void scan::start(std::size_t input) {
  held_.store(false, std::memory_order_relaxed);  // relaxed: as above
  start(chain{.input = input, .from = std::move(inputs_[input].from), .only_this = true});
}

void scan::start(chain begin) {
  if (chains_running_ == 0) chains_.clear();
  chains_.push_back(std::make_unique<chain>(std::move(begin)));
  ++chains_running_;
  submit(*chains_.back());
}

void scan::hold() noexcept {
  held_.store(true, std::memory_order_relaxed);  // relaxed: a step more or less does not matter
}

void scan::stop() noexcept {
  hold();
  const std::uint64_t one = 1;
  // It fails where there is no eventfd, or where it is set already.
  if (chains_running_ > 0) static_cast<void>(::write(options_.stop_fd, &one, sizeof one));
}

scan::~scan() {
  stop();
  while (is_running()) {
    try {
      static_cast<void>(pop_for(std::chrono::seconds{1}));
    } catch (...) {  // NOLINT(bugprone-empty-catch): nobody is there to be told
    }
  }
}

void scan::submit(chain& one) {
  // Neither the stream nor the pool closes while a chain runs, and there is room for each: a
  // refusal would be a bug, and the run would not end.
  const auto accepted = outcomes_.submit(pool_, [this, &one] { return step(one); });
  MILLPOOL_ASSERT(accepted.has_value(), "a step of a scan was refused");
}

std::optional<scan::outcome> scan::pop_for(duration d) {
  auto landed = outcomes_.pop_for(d);
  if (!landed) return std::nullopt;
  outcome out = std::move(*landed).value();
  if (out.chain_ended) --chains_running_;
  if (out.failure) std::rethrow_exception(out.failure);
  return out;
}

// It throws nothing: whether the chain goes on must be told.
scan::outcome scan::step(chain& one) {
  outcome out;
  bool goes_on = false;
  try {
    worker& here = *workers_.get();
    if (claim(one, here.lines, out)) {
      const std::size_t input = one.input;
      submit(one);
      goes_on = true;  // from here on the chain belongs to its next step
      here.lines.load();
      take_in(input, here, out);
    }
  } catch (...) {
    out.failure = std::current_exception();
  }
  out.chain_ended = !goes_on;
  return out;
}

bool scan::claim(chain& one, block& into, outcome& out) {
  // relaxed: see hold().
  while (!held_.load(std::memory_order_relaxed)) {
    if (!one.from && !take_input(one, out)) return false;
    input& here = inputs_[one.input];
    if (begin(here, *one.from, out) && one.from->claim(into)) {
      here.position = one.from->position();
      return true;
    }
    end(here, std::exchange(one.from, nullptr));
    if (one.only_this) return false;
  }
  if (one.from) inputs_[one.input].from = std::exchange(one.from, nullptr);
  return false;
}

// \return false: there is none.
bool scan::take_input(chain& one, outcome& out) {
  do {
    // relaxed: each chain takes another number, and that is all.
    if (!one.only_this) one.input = next_input_.fetch_add(1, std::memory_order_relaxed);
    if (one.input >= inputs_.size()) return false;
    input& here = inputs_[one.input];
    if (here.ended) continue;
    if (!here.from) open(here, out);
    one.from = std::exchange(here.from, nullptr);
  } while (!one.from && !one.only_this);
  return one.from != nullptr;
}

void scan::open(input& one, outcome& out) {
  auto opened = open_source(one.path, options_.stop_fd, options_.whole_lines);
  if (opened) {
    one.from = std::move(*opened);
  } else {
    out.problems.push_back(one.path + ": " + opened.error());
    one.ended = true;
  }
}

// Leaves out what is not to be read. \return false: there is nothing to read.
bool scan::begin(input& one, source& from, outcome& out) {
  if (one.begun) return true;
  if (asked_.format().kind == format_kind::csv && !skip_header(one, from, out)) return false;
  if (one.position > 0) {
    from.skip_to(one.position);
    if (is_plain(from)) out.skipped = one.position;
  }
  one.begun = true;
  return true;
}

// A csv file's first line says what its columns are.
bool scan::skip_header(input& one, source& from, outcome& out) {
  const line_format& format = asked_.format();
  const auto header = first_line(from.peek());
  if (header.size_with_newline == 0) return false;  // it may come yet
  const auto columns = csv_columns(header.line, format.delimiter);
  if (columns && *columns == format.columns) {
    from.skip_line(header.size_with_newline);
    return true;
  }
  out.problems.push_back(one.path +
                         ": left out, since its columns are not those of the first file");
  one.grows = false;
  return false;
}

// Nothing is left of it, for now.
void scan::end(input& one, std::shared_ptr<source> from) {
  one.ended = true;
  const auto* const file = dynamic_cast<const plain_source*>(from.get());
  if (file == nullptr) one.grows = false;
  if (options_.whole_lines && one.grows && (options_.keeps_open || file->has_unfinished_line())) {
    one.from = std::move(from);
  } else {
    one.head = from->head();
  }
}

void scan::take_in(std::size_t input, worker& here, outcome& out) {
  const std::uint64_t before = here.found.malformed();
  const auto number = static_cast<std::uint32_t>(input);
  here.found.take(here.lines.lines, {number, here.lines.offset}, out.printed);
  if (here.lines.too_long) {
    here.found.take_overlong({number, here.lines.too_long->offset}, here.lines.too_long->begin);
  }
  out.malformed = here.found.malformed() - before;
  out.consumed = here.lines.consumed;
  if (!here.lines.problem.empty()) {
    out.problems.push_back(inputs_[input].path + ": " + here.lines.problem);
  }
}

void scan::add_to(findings& all) {
  workers_.for_each([&](const std::unique_ptr<worker>& each) { all.merge(each->found); });
}

}  // namespace millpool::logs
