#pragma once

#include "apps/millpool/logs/query.hpp"
#include "apps/millpool/logs/source.hpp"
#include "millpool/base/atomic.hpp"
#include "millpool/pool/worker_local.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/result_channel.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millpool::logs {

/// One input, and how far it was read.
///
/// Thread safety  while a scan runs, an input belongs to the chain that reads it.
struct input {
  std::string path;
  std::shared_ptr<source> from{};  ///< while it is open
  std::uint64_t position = 0;      ///< all before it was counted; in the decompressed file
  file_head head{};                ///< of the file that was read, once it is closed
  bool begun = false;  ///< what is not to be read was skipped: a header, or all before `position`
  bool ended = false;  ///< nothing is left of it
  bool grows = true;   ///< there may be more of it later: it is no pipe, and not compressed

  /// Of the file, as far as it was counted: what was opened and not begun was counted by an earlier
  /// run, if at all.
  [[nodiscard]] file_head counted_head() const { return from && begun ? from->head() : head; }
};

/// Reads inputs on a pool, in blocks of whole lines.
///
/// A chain is an input under work: its step claims the next block, submits the chain's next step,
/// and then takes its own block in, on the same worker, where the block is in the cache. So what
/// can only be done in order, decompressing above all, goes on while other workers take blocks in;
/// and a plain file, whose blocks are only numbers until they are loaded, keeps all workers busy.
/// Several chains read several inputs at once. Lines that are printed keep their order: then there
/// is one chain, and its blocks' outcomes come in the order of the steps.
///
/// Memory         a block and findings for each worker; outcomes that wait are bounded.
/// Thread safety  none: for one thread, which pops the outcomes.
class scan {
 public:
  struct options {
    std::size_t workers = 1;
    bool prints = false;       ///< the lines' order matters
    bool whole_lines = false;  ///< what is behind the last newline of a file is left for later
    bool keeps_open = false;   ///< files to which more may be appended
    int stop_fd = -1;          ///< see byte_source
  };
  /// What became of one step of a chain.
  struct outcome {
    std::uint64_t consumed = 0;   ///< bytes of files
    std::uint64_t skipped = 0;    ///< bytes that need not be read, since they were counted before
    std::uint64_t malformed = 0;  ///< lines
    std::string printed{};
    std::vector<std::string> problems{};  ///< each names its input
    bool chain_ended = false;
    std::exception_ptr failure{};  ///< what a step threw
  };

  /// \param  asked, inputs  outlive the scan.
  scan(const query& asked, std::vector<input>& inputs, const options& how);
  /// Waits for the steps that are under way, and drops what they bring.
  ~scan();
  scan(const scan&) = delete;
  scan& operator=(const scan&) = delete;

  /// Begins with all inputs that have not ended.
  void start();
  /// Begins with one alone, and opens it if it is not open.
  void start(std::size_t input);
  /// No step claims a block any more, until start(). What was claimed is taken in.
  void hold() noexcept;
  /// The same for good, also where a step waits for a pipe.
  void stop() noexcept;

  /// Waits for the next outcome, no longer than `d`. \throws what a step threw.
  [[nodiscard]] std::optional<outcome> pop_for(duration d);
  [[nodiscard]] bool is_running() const noexcept { return chains_running_ > 0; }

  /// Adds what all workers have found. REQUIRES: it is not running.
  void add_to(findings& all);

 private:
  struct chain {
    std::size_t input = 0;
    std::shared_ptr<source> from{};  // null: it takes an input
    bool only_this = false;
  };
  struct worker {
    explicit worker(const query& asked) : found{asked} {}
    findings found;
    block lines;
  };

  void start(chain begin);
  void submit(chain& one);
  [[nodiscard]] outcome step(chain& one);
  [[nodiscard]] bool claim(chain& one, block& into, outcome& out);
  [[nodiscard]] bool take_input(chain& one, outcome& out);
  void open(input& one, outcome& out);
  [[nodiscard]] bool begin(input& one, source& from, outcome& out);
  [[nodiscard]] bool skip_header(input& one, source& from, outcome& out);
  void end(input& one, std::shared_ptr<source> from);
  void take_in(std::size_t input, worker& here, outcome& out);

  const query& asked_;
  std::vector<input>& inputs_;
  const options options_;
  std::vector<std::unique_ptr<chain>> chains_;
  std::size_t chains_running_ = 0;
  atomic<std::size_t> next_input_{0};
  atomic<bool> held_{false};
  // From here on in the order in which they may be used: a step uses all above.
  ordered_stream<outcome> outcomes_;
  worker_pool pool_;
  worker_local<std::unique_ptr<worker>> workers_;
};

}  // namespace millpool::logs
