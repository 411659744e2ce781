#include "tests/pods/cluster.hpp"

#include "tests/pods/http.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <ranges>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

namespace millpool::pods {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::chrono::seconds readyz_limit{10};
static_assert(readyz_limit < agreement_limit, "a pod waits until its /readyz was asked");

// What a child is started with, undone at the end.
class spawn_setup {
 public:
  // It starts with SIGTERM blocked: one that comes before it listens waits for it, as a container's
  // first process, too, is not ended by a signal that it does not know yet.
  explicit spawn_setup(const std::string& output) {
    ::posix_spawn_file_actions_init(&actions_);
    // Without O_CLOEXEC: what is opened as 1 at once, and not moved there, would keep it, and the
    // child would have no standard output.
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, output.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawnattr_init(&attributes_);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  ~spawn_setup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;

  [[nodiscard]] pid_t start(std::vector<std::string> words) const {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, argv[0], &actions_, &attributes_, argv.data(), ::environ);
    if (error != 0) throw std::system_error{error, std::generic_category(), words[0]};
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

cluster::cluster(cluster_options options)
    : options_(std::move(options)),
      socket_(options_.folder + "/broker"),
      listener_(listen_at(socket_)) {}

cluster::~cluster() {
  listener_.reset();
  at_the_door_.clear();
  for (const auto& each : pods_) each->connection.reset();
  for (const auto& each : pods_) {
    if (each->pid == 0) continue;
    ::kill(each->pid, SIGTERM);  // one that has not connected sees no hanging up
    ::kill(each->pid, SIGCONT);
  }
  const time_point limit = steady_clock::now() + agreement_limit + options_.drain_timeout + 10s;
  for (const auto& each : pods_) {
    while (each->pid != 0 && ::waitpid(each->pid, nullptr, WNOHANG) == 0) {
      if (steady_clock::now() > limit) ::kill(each->pid, SIGKILL);
      ::poll(nullptr, 0, 10);
    }
  }
}

void cluster::run_until(time_point end) {
  constexpr duration round = 5ms;  // so that who has ended is reaped, and replaced, that soon
  do {
    reap();
    keep_the_number();
    probe();
    dispatch();
    wait_for_messages(std::min<duration>(end - steady_clock::now(), round));
  } while (steady_clock::now() < end);
}

unsigned cluster::ready() const noexcept {
  return static_cast<unsigned>(std::ranges::count_if(
      pods_, [](const auto& each) { return each->at == state::ready && each->is_replica(); }));
}

unsigned cluster::processes() const noexcept {
  return static_cast<unsigned>(
      std::ranges::count_if(pods_, [](const auto& each) { return each->pid != 0; }));
}

std::size_t cluster::waiting() const noexcept {
  std::size_t count = book_.waiting();
  for (const auto& each : pods_) {
    const std::size_t held = book_.with(each->number);
    count += held - std::min<std::size_t>(held, options_.threads);
  }
  return count;
}

// ---- as many as are wanted

void cluster::keep_the_number() {
  const auto replicas = [&] {
    return std::ranges::count_if(pods_, [](const auto& each) { return each->is_replica(); });
  };
  for (auto n = replicas(); n < wanted_; ++n) start_one();
  for (auto n = replicas(); n > wanted_; --n) end_one();
}

void cluster::start_one() {
  const unsigned number = ++account_.started;
  const spawn_setup setup{options_.folder + "/pod-" + std::to_string(number)};
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(options_.drain_timeout);
  const pid_t pid = setup.start(
      {options_.worker, "--socket", socket_, "--pod", std::to_string(number), "--threads",
       std::to_string(options_.threads), "--capacity", std::to_string(options_.capacity),
       "--drain-timeout", std::to_string(timeout.count()) + "ms"});
  pods_.push_back(std::make_unique<pod>(pod{.number = number, .pid = pid}));
}

void cluster::end_one() {
  for (const auto& each : pods_ | std::views::reverse) {
    if (!each->is_replica()) continue;
    each->is_leaving = true;
    ::kill(each->pid, SIGTERM);
    return;
  }
}

void cluster::replace_one() {
  end_one();
  start_one();
}

void cluster::reap() {
  for (const auto& each : pods_) {
    int status = 0;
    if (each->pid == 0 || ::waitpid(each->pid, &status, WNOHANG) != each->pid) continue;
    each->pid = 0;
    if (!each->connection && each->at == state::starting) each->at = state::ended;
    if (each->held_when_killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      ++account_.killed;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      ++account_.ended_in_order;
      if (!each->is_leaving) fault("pod " + std::to_string(each->number) + " went by itself");
    } else {
      fault("pod " + std::to_string(each->number) + " ended with status " + std::to_string(status));
    }
  }
}

void cluster::kill_one(const work& spare) {
  pod* victim = nullptr;
  for (const auto& each : pods_) {
    if (each->at != state::ready || !each->is_replica()) continue;
    if (victim == nullptr || book_.with(each->number) > book_.with(victim->number))
      victim = each.get();
  }
  if (victim == nullptr) throw std::runtime_error{"no pod is ready to be killed"};
  ::kill(victim->pid, SIGSTOP);
  ::waitpid(victim->pid, nullptr, WUNTRACED);
  // Nothing runs in it any more: what it has not acknowledged by now it never will.
  listen_to(*victim);
  if (book_.with(victim->number) == 0) {
    if (book_.waiting() == 0) book_.add(spare);
    give(*victim);
  }
  victim->held_when_killed = book_.with(victim->number);
  victim->is_leaving = true;
  ::kill(victim->pid, SIGKILL);
}

// ---- tasks

void cluster::dispatch() {
  while (book_.waiting() > 0) {
    pod* idlest = nullptr;
    std::size_t least = 0;
    for (const auto& each : pods_) {
      const std::size_t held = book_.with(each->number);
      if (each->at != state::ready || each->held_when_killed || held >= each->room) continue;
      if (idlest != nullptr && held >= least) continue;
      idlest = each.get();
      least = held;
    }
    if (idlest == nullptr) return;
    give(*idlest);
  }
}

void cluster::give(pod& to) {
  const auto task = book_.give(to.number);
  // Where it is gone we shall hear so, and then the task comes back.
  if (task) send(to.connection.get(), *task);
}

// ---- what pods say

void cluster::wait_for_messages(duration limit) {
  std::vector<pollfd> events{{listener_.get(), POLLIN, 0}};
  for (const auto& each : at_the_door_) events.push_back({each.get(), POLLIN, 0});
  for (const auto& each : pods_) {
    if (each->connection) events.push_back({each->connection.get(), POLLIN, 0});
  }
  const auto ns = std::max(limit, duration::zero()).count();
  const timespec timeout{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  if (::ppoll(events.data(), events.size(), &timeout, nullptr) <= 0) return;
  if (events[0].revents != 0) {
    if (app::unique_fd guest = accept_at(listener_.get())) at_the_door_.push_back(std::move(guest));
  }
  greet();
  for (const auto& each : pods_) {
    if (each->connection) listen_to(*each);
  }
}

void cluster::greet() {
  std::erase_if(at_the_door_, [&](app::unique_fd& guest) {
    const auto said = receive(guest.get());
    if (!said) return said.error() == no_message::ever;
    const auto* const name = std::get_if<hello>(&*said);
    const auto found = std::ranges::find_if(pods_, [&](const auto& each) {
      return name != nullptr && each->number == name->pod && each->at == state::starting;
    });
    if (found == pods_.end()) {
      fault("a stranger at the door");
      return true;
    }
    (*found)->connection = std::move(guest);
    (*found)->port = name->port;
    (*found)->room = name->room;
    return true;
  });
}

void cluster::probe() {
  for (const auto& each : pods_) {
    if (each->at != state::starting || !each->connection || each->is_leaving) continue;
    if (http_status(each->port, "/readyz", readyz_limit) == 200) each->at = state::ready;
  }
}

void cluster::listen_to(pod& from) {
  for (;;) {
    const auto said = receive(from.connection.get());
    if (said) {
      handle(from, *said);
      continue;
    }
    if (said.error() == no_message::ever) lost_connection(from);
    return;
  }
}

void cluster::handle(pod& from, const message& what) {
  if (const auto* const task = std::get_if<done>(&what)) {
    fault_if(book_.finish(from.number, task->number, task->checksum));
  } else if (const auto* const back = std::get_if<given_back>(&what)) {
    fault_if(book_.take_back(from.number, back->number));
    ++account_.given_back;
  } else if (std::holds_alternative<stopping>(what)) {
    begin_drain(from);
  } else if (const auto* const last = std::get_if<farewell>(&what)) {
    note_farewell(from, *last);
  } else {
    fault("pod " + std::to_string(from.number) + " says what only a broker says");
  }
}

void cluster::begin_drain(pod& of) {
  of.at = state::stopping;
  // It lives until we have agreed, so this is no race: whoever asks during the drain gets a 503.
  const auto status = http_status(of.port, "/readyz", readyz_limit);
  if (status == 503) {
    ++account_.drains;
  } else {
    fault("pod " + std::to_string(of.number) + " drains, and /readyz says " +
          std::to_string(status.value_or(0)));
  }
  if (book_.with(of.number) > 0) ++account_.drains_with_work;
  send(of.connection.get(), agreed{});
}

void cluster::note_farewell(pod& of, const farewell& last) {
  of.said_farewell = true;
  const ledger& tasks = last.tasks;
  if (!tasks.balanced() || tasks.inside() != 0)
    fault("pod " + std::to_string(of.number) + ": its pool's account does not balance");
  ++account_.ledgers;
  account_.tasks.accepted += tasks.accepted;
  account_.tasks.succeeded += tasks.succeeded;
  account_.tasks.failed += tasks.failed;
  account_.tasks.cancelled += tasks.cancelled;
  account_.tasks.expired += tasks.expired;
  account_.tasks.discarded += tasks.discarded;
  account_.tasks.abandoned += tasks.abandoned;
  if (last.grown_in > duration::zero()) account_.grown_in.push_back(last.grown_in);
}

void cluster::lost_connection(pod& with) {
  with.connection.reset();
  with.at = state::ended;
  const std::size_t held = book_.take_back_all(with.number);
  const std::string name = "pod " + std::to_string(with.number);
  if (with.held_when_killed) {
    account_.returned += held;
    if (held != *with.held_when_killed)
      fault(name + " held " + std::to_string(*with.held_when_killed) +
            " tasks when it was killed, " + std::to_string(held) + " came back");
    return;
  }
  if (held > 0) fault(name + " went with " + std::to_string(held) + " tasks");
  if (!with.said_farewell) fault(name + " went without its account");
}

}  // namespace millpool::pods
