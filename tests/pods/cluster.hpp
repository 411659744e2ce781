// Tests · pods: a broker, and the worker processes that it feeds. Next stop: steady.hpp.
#pragma once

#include "apps/support/unique_fd.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/pool/ledger.hpp"
#include "tests/pods/task_book.hpp"
#include "tests/pods/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace millpool::pods {

struct cluster_options {
  std::string worker{};    ///< the program millpool_pod_worker
  std::string folder{};    ///< for the socket, and what pods print
  unsigned threads = 4;    ///< of a pod, at most
  unsigned capacity = 12;  ///< tasks that a pod has in hand, at most
  duration drain_timeout{};
};

/// What has happened so far.
struct cluster_account {
  unsigned started = 0;
  unsigned ended_in_order = 0;  ///< with exit status 0
  unsigned killed = 0;          ///< by kill_one()
  std::size_t returned = 0;     ///< tasks that a killed pod held
  unsigned drains = 0;          ///< that began with /readyz at 503
  unsigned drains_with_work = 0;
  std::size_t given_back = 0;         ///< tasks, by pods that ended in order
  ledger tasks{};                     ///< of all pools that told their account
  unsigned ledgers = 0;               ///< such pools
  std::vector<duration> grown_in{};   ///< of the pools that once had all their threads
  std::vector<std::string> faults{};  ///< what must not happen
};

/// The broker's queue, and a deployment's pods: as many as are wanted, each a process of its own
/// that takes tasks over a Unix socket, acknowledges each, and gives back what it does not do.
///
///   starting --hello, /readyz 200--> ready --SIGTERM, it says `stopping`--> stopping --> ended
///
/// Everything happens in run_until(), on the caller's thread. A pod that is one too many gets
/// SIGTERM, the newest first. Tasks go to it until it says that it stops: in a real cluster, too,
/// who sends work learns late of who is to end.
/// Thread safety  none.
class cluster {
 public:
  explicit cluster(cluster_options options);
  /// Hangs up. The pods see that, and end in order; one that does not is killed at last.
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  void add(const work& task) { book_.add(task); }
  void scale_to(unsigned replicas) noexcept { wanted_ = replicas; }
  void run_until(time_point end);

  /// Replaces the newest pod: SIGTERM, and another one in its place.
  void replace_one();
  /// Kills a pod that holds a task: it is stopped first, so that what it holds is known. A task is
  /// made of `spare` if it holds none. \throws std::runtime_error if no pod is ready.
  void kill_one(const work& spare);

  [[nodiscard]] const task_book& book() const noexcept { return book_; }
  [[nodiscard]] unsigned ready() const noexcept;
  /// Processes that have not ended, whatever they do.
  [[nodiscard]] unsigned processes() const noexcept;
  /// Tasks that are not done: with the broker and with the pods, where they wait or run.
  [[nodiscard]] std::size_t unfinished() const noexcept { return book_.total() - book_.done(); }
  /// Those of them that no thread can have begun: at the broker, and in the pods' channels.
  [[nodiscard]] std::size_t waiting() const noexcept;
  [[nodiscard]] const cluster_account& account() const noexcept { return account_; }

 private:
  enum class state : std::uint8_t { starting, ready, stopping, ended };
  struct pod {
    unsigned number;
    pid_t pid;  // 0 once it was reaped
    state at = state::starting;
    app::unique_fd connection{};
    std::uint16_t port = 0;  // 0 before its hello
    unsigned room = 0;
    bool is_leaving = false;  // it was told to end, or killed: not a replica any more
    std::optional<std::size_t> held_when_killed{};
    bool said_farewell = false;

    /// One of those that are wanted. A process that was reaped is none, even while we still read
    /// what it had said: pid 0 would be our own process group.
    [[nodiscard]] bool is_replica() const noexcept {
      return pid != 0 && at != state::ended && !is_leaving;
    }
  };

  void start_one();
  void end_one();
  void keep_the_number();
  void reap();
  void probe();
  void dispatch();
  void wait_for_messages(duration limit);
  void greet();
  void listen_to(pod& from);
  void handle(pod& from, const message& what);
  void begin_drain(pod& of);
  void note_farewell(pod& of, const farewell& last);
  void lost_connection(pod& with);
  void give(pod& to);
  void fault(std::string what) { account_.faults.push_back(std::move(what)); }
  void fault_if(const std::optional<std::string>& what) {
    if (what) fault(*what);
  }

  const cluster_options options_;
  const std::string socket_;
  app::unique_fd listener_;
  std::vector<app::unique_fd> at_the_door_;  // connected, and no hello yet
  std::vector<std::unique_ptr<pod>> pods_;   // all that ever were; the newest last
  unsigned wanted_ = 0;
  task_book book_;
  cluster_account account_;
};

}  // namespace millpool::pods
